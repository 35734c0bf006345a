"""What follows from an event of a pledged thing: the audit trail, the law's objections as tasks, a word to the borrower.

The borrower and the lender's systems are told by a follow-up of each event, so that a file of thousands is taken in at once
and told of as the engine comes to it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.domain.collateral_events import EventKind
from app.persistence.queries import collateral as queries
from app.persistence.queries.audit import add_audits
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.follow_ups import add_follow_ups
from app.persistence.unit_of_work import Work
from app.services.collateral_law import note_enforcement
from app.services.notices import tell_borrower, withdraw_notice
from app.services.webhook_events import announce
from app.wording.variables import Value

FOLLOW_UP = "collateral_event"
_K = EventKind
_NOTICES: Mapping[str, str] = {
    _K.NOTICE_SERVED: "collateral_notice_served",
    _K.TAKEN: "collateral_taken",
    _K.MOVED: "collateral_moved",
    _K.RELEASED: "collateral_released",
    _K.REDEEMED: "collateral_redeemed",
    _K.LOST: "collateral_lost",
    _K.DESTROYED: "collateral_lost",
    _K.SOLD: "collateral_sold",
    _K.REVERSAL: "collateral_corrected",
}
"""Costs stand in the app with the thing; that it was written off is the lender's own affair; the first pledge was agreed."""
_AUDITED = ("thing_id", "kind", "amount_minor")
ENFORCING = frozenset({_K.TAKEN, _K.SOLD})


def tell_of_events(
    work: Work, rows: Sequence[Mapping[str, Any]], pledges: Mapping[str, Sequence[Any]], *, by: str, now: datetime
) -> None:
    """Have events that were just appended followed up. `pledges`: of each thing that was recovered or sold."""
    for kind in dict.fromkeys(row["kind"] for row in rows):
        said = [
            (row["borrower_id"], {"event_id": row["id"], **{name: row[name] for name in _AUDITED}})
            for row in rows
            if row["kind"] == kind
        ]
        add_audits(work.session, said, at=now, actor=by, action=f"collateral_event.{kind}")
    work.session.flush()
    note_enforcement(work, [row for row in rows if row["kind"] in ENFORCING], pledges, now=now)
    add_follow_ups(work.session, FOLLOW_UP, [(row["id"], row["borrower_id"]) for row in rows], at=now)


def follow(work: Work, event_id: str, *, now: datetime) -> None:
    """Tell of one event: the borrower where it concerns them, the lender's systems in any case."""
    event = queries.get_event(work.session, event_id)
    thing = queries.get_thing(work.session, event.thing_id, lender_id=event.lender_id)
    pledges = queries.find_pledges(work.session, [thing.id])[thing.id]
    _announce(work, event, thing, pledges, now)
    if event.kind == _K.REVERSAL:
        # What was told and was wrong leaves the inbox; that it was wrong is said where it had been told.
        if not withdraw_notice(work, event.borrower_id, _key(event.reverses_id), now=now):
            return
    elif any(each.reverses_id == event.id for each in queries.find_events(work.session, [thing.id])[thing.id]):
        return
    template = _NOTICES.get(event.kind)
    if template is None or not pledges:
        return
    values: dict[str, Value] = {"loan": ", ".join(pledge.loan_no for pledge in pledges)[:64]}
    if template != "collateral_corrected":
        values["due_on"] = event.effective_on
    tell_borrower(
        work, event.borrower_id, template, values, now=now, loan_id=pledges[0].loan_id, subject_id=thing.id,
        key=_key(event.id),
    )  # fmt: skip


def _key(event_id: str) -> str:
    return f"collateral:{event_id}"


def _announce(work: Work, event: Any, thing: Any, pledges: Sequence[Any], now: datetime) -> None:
    data = {
        "event_id": event.id,
        "thing": thing.reference,
        "kind": event.kind,
        "state": thing.state,
        "borrower_no": get_borrower(work.session, event.borrower_id).borrower_no,
        "loan_nos": [pledge.loan_no for pledge in pledges],
        "effective_on": event.effective_on.isoformat(),
        "reference": event.reference,
        "amount": None if event.amount_minor is None else {"amount_minor": event.amount_minor, "currency": thing.currency},
        "by": event.by,
    }
    announce(work, event.lender_id, "collateral.recorded.v1", data, now=now, borrower_id=event.borrower_id)
