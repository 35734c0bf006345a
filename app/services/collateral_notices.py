"""Notices that something pledged may be recovered: served like any notice, and told as served by what proves it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.collateral_events import HOME, ThingState
from app.domain.errors import ConflictError
from app.domain.permissions import check_may
from app.domain.served_notices import NoticeWanted, ServedNotice
from app.domain.times import business_date
from app.persistence.queries import collateral as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.credit_gates import find_late_since
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.services.desk_payments import DeskStaff
from app.services.served_notices import find_served, serve_notices

KIND, TEMPLATE = "collateral_notice", "letter_collateral"
KINDS = frozenset({KIND, "default_notice"})
"""Notices after which a thing may be recovered."""


def find_proofs(session: Session, pledges: Mapping[str, Sequence[Any]], *, zone: str) -> dict[str, ServedNotice]:
    """Return thing id -> the newest delivered notice about a loan that it secures; a fixed number of statements.

    One that came before the loan was late as it is now was about other arrears, and one about a loan that the thing secures
    no longer is about nothing here.
    """
    standing = {thing_id: [each for each in found if each.ended_on is None] for thing_id, found in pledges.items()}
    loan_ids = {each.loan_id for found in standing.values() for each in found}
    late_since = find_late_since(session, loan_ids)
    served = find_served(session, late_since, KINDS)
    found: dict[str, ServedNotice] = {}
    for thing_id, some in standing.items():
        delivered = [
            each
            for pledge in some
            for each in served.get(pledge.loan_id, ())
            if each.delivered_at is not None and business_date(each.delivered_at, zone) > late_since[pledge.loan_id]
        ]
        if delivered:
            found[thing_id] = max(delivered, key=lambda each: (each.delivered_at, each.message_id))
    return found


def proof_facts(notice: ServedNotice | None, on: date, zone: str) -> dict[str, Any]:
    """Return what an event keeps of the notice that proves it; nothing of one that was delivered after its day."""
    if notice is None or notice.delivered_at is None or business_date(notice.delivered_at, zone) > on:
        return {}
    delivered_on = business_date(notice.delivered_at, zone).isoformat()
    return {"notice_message_id": notice.message_id, "proof": notice.proof, "delivered_on": delivered_on}


def serve_collateral_notice(work: Work, thing_id: str, *, staff: DeskStaff, now: datetime) -> list[str]:
    """Have a letter served about each loan that a thing secures, once a day; return the messages.

    That it was served is an event of its own, told when a proof is there. Raises ForbiddenError, NotFoundError, and
    ConflictError for a thing that the borrower has not got.
    """
    check_may(staff.role, "letters.approve")
    borrower_id = queries.get_thing(work.session, thing_id, lender_id=staff.lender_id).borrower_id
    lock_agenda(work.session, [borrower_id])
    thing = queries.get_thing(work.session, thing_id, lender_id=staff.lender_id)
    if ThingState(thing.state) not in HOME:
        raise ConflictError(f"The thing is {thing.state}: nobody need be told that it may be recovered.")
    today = business_date(now, get_lender(work.session, staff.lender_id).zone)
    wanted = [
        NoticeWanted(borrower_id, each.loan_id, KIND, TEMPLATE, {}, f"collateral/{thing_id}/{each.loan_id}/{today}")
        for each in queries.find_pledges(work.session, [thing_id])[thing_id]
        if each.ended_on is None
    ]
    return serve_notices(work, wanted, by=staff.by, now=now)
