"""What borrowers choose themselves: channels by topic, and their own hours for contact. Each choice counts at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.contact_hours import WISH_KINDS, Hours, Wish, as_wish, own_hours, usual_hours
from app.domain.preferences import Choice, as_consents, choices
from app.domain.quiet_hours import QuietHours
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.contact_preferences import add_wish, find_wish, mark_wishes_ended
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.consents import consents_of, record_consents
from app.services.policies import load_rules, shipped_policy

BY_BORROWER = "borrower"


@dataclass(frozen=True, slots=True)
class ContactHours:
    """A borrower's own hours beside the usual ones; wall times in `timezone`, None where the borrower's is not known."""

    own: Hours
    usual: Hours
    timezone: str | None


def get_preferences(session: Session, borrower_id: str) -> dict[str, list[Choice]]:
    """Return the choices of every topic."""
    return choices(consents_of(session, borrower_id))


def set_preferences(work: Work, borrower_id: str, wanted: Mapping[str, Mapping[str, bool]], *, now: datetime) -> None:
    """Switch channels of topics; what is left out stays. Raises PreferenceLockedError, ValidationError."""
    lock_agenda(work.session, [borrower_id])
    told = as_consents(consents_of(work.session, borrower_id), wanted)
    record_consents(work, borrower_id, told, by=BY_BORROWER, now=now)


def get_contact_hours(session: Session, borrower_id: str) -> ContactHours:
    """Return a borrower's own hours and the usual ones of the policy in force."""
    kept = find_wish(session, borrower_id, WISH_KINDS)
    own = own_hours(*kept) if kept else Hours()
    return ContactHours(own, usual_hours(_quiet_hours(session)), get_borrower(session, borrower_id).zone)


def set_contact_hours(work: Work, borrower_id: str, own: Hours, *, now: datetime) -> None:
    """Keep a borrower's own hours, in the place of those before; none of both: the usual ones again.

    Raises QuietHoursError for what widens, ValidationError for what cannot be.
    """
    lock_agenda(work.session, [borrower_id])
    wish = as_wish(own, _quiet_hours(work.session))
    kept = find_wish(work.session, borrower_id, WISH_KINDS)
    if (Wish(*kept) if kept and kept[1] else None) == wish:  # type: ignore[arg-type]
        return
    mark_wishes_ended(work.session, borrower_id, WISH_KINDS, now=now)
    facts: dict[str, str | None] = {"kind": None, "from": None, "until": None}
    if wish is not None:
        add_wish(
            work.session,
            borrower_id,
            kind=wish.kind,
            from_time=wish.from_time,
            until_time=wish.until_time,
            by=BY_BORROWER,
            now=now,
        )
        until = f"{wish.until_time:%H:%M}" if wish.until_time else None
        facts = {"kind": wish.kind, "from": f"{wish.from_time:%H:%M}", "until": until}
    add_audit(
        work.session,
        at=now,
        actor=f"borrower:{borrower_id}",
        action="wish.hours",
        borrower_id=borrower_id,
        facts={**facts},
    )
    agenda.touch(work, [borrower_id], now=now)
    reminders.review(work, [borrower_id], now=now)


def _quiet_hours(session: Session) -> QuietHours:
    rules = load_rules(session)
    return (rules.policy if rules else shipped_policy()).quiet_hours
