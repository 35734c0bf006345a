"""Loading cases: everything `decide` may look at, for a batch of borrowers in a fixed number of statements."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.policies import Rules
from app.persistence.among import among, ids_named
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.case_contacts import add_contacts
from app.persistence.queries.case_loans import add_loans, add_recently_paid, add_recently_replaced
from app.persistence.queries.case_people import WHETHER_KNOWN, add_people, add_subscriptions
from app.persistence.queries.case_promises import add_promises
from app.persistence.queries.gathered import Gathered, LoadedCase
from app.persistence.queries.tasks import find_open_tasks


def load_cases(session: Session, borrower_ids: Iterable[str], *, now: datetime, rules: Rules) -> dict[str, LoadedCase]:
    """Return the cases of these borrowers, which the caller has locked, as far as the policies' steps reach."""
    heads = HEADS.all(session.connection(), {"b_ids": list(borrower_ids)})
    gathered = {row.id: Gathered(row) for row in heads}
    if not gathered:
        return {}
    add_loans(session, gathered, now, horizon=now.date() + timedelta(days=rules.lead_days + 2))
    add_recently_paid(session, gathered)
    add_recently_replaced(session, gathered)
    add_promises(session, gathered, now)
    add_people(session, gathered, now)
    add_subscriptions(session, gathered, rules.one_time_codes)
    add_contacts(session, gathered, now, rules)
    changed = [borrower_id for borrower_id, parts in gathered.items() if parts.has_changed]
    for borrower_id, tasks in find_open_tasks(session.connection(), changed).items():
        gathered[borrower_id].open_tasks = tasks
    return {borrower_id: parts.build() for borrower_id, parts in gathered.items()}


HEADS = PreparedSelect.of(
    select(
        BorrowerRow.id,
        BorrowerRow.borrower_no,
        BorrowerRow.zone,
        BorrowerRow.phone_zones,
        BorrowerRow.locale,
        BorrowerRow.country,
        BorrowerRow.officer,
        BorrowerRow.flags,
        BorrowerRow.phone_sealed.is_not(None).label("has_phone"),
        BorrowerRow.email_sealed.is_not(None).label("has_email"),
        BorrowerRow.address_sealed.is_not(None).label("has_address"),
        AgendaRow.case_version,
        AgendaRow.decided_version,
        AgendaRow.decided_until,
        AgendaRow.zone.label("decided_zone"),
        AgendaRow.zone_since,
        AgendaRow.inbox_state,
        *WHETHER_KNOWN,
    )
    .join(AgendaRow, AgendaRow.borrower_id == BorrowerRow.id)
    .where(among(BorrowerRow.id, ids_named("b_ids")))
)
"""What of the borrowers `b_ids` themselves and of their agenda is part of a case."""
