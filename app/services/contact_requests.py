"""What borrowers ask about contact: it counts from that second, and what waits to be sent against it is taken back.

Hours and topics are in `preferences`; what is here stops contact, sends it to somebody else, or keeps it from a place or to
one channel. Notices that a law demands go on after a request to be left alone; nothing else does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.domain.contact_requests import HOLDS, ContactRequestValues, check_new, confirm_until
from app.domain.errors import ConflictError
from app.domain.hold_terms import HoldValues
from app.domain.times import business_date
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.contact_requests import ContactRequestRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.queries import contact_requests as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.hardship import find_lenders_of
from app.persistence.queries.holds import get_hold
from app.persistence.queries.tasks import find_task_named
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.holds import Teller, put_hold, release_hold
from app.services.tasks import NewTask, add_task, close_task
from app.services.webhook_events import announce

BY_BORROWER = "borrower"
TASK, QUEUE = "confirm_representative", "representatives"


@dataclass(frozen=True, slots=True)
class ShownContactRequest:
    """A request with what was said of a representative."""

    row: Any
    details: Mapping[str, str]


def record(work: Work, borrower_id: str, values: ContactRequestValues, *, now: datetime) -> tuple[str, bool]:
    """Record a request; return its id and whether it is new. One of the same kind before it ends with it.

    To ask twice to be left alone changes nothing. Raises ValidationError, ConflictError where there is no loan to
    be contacted about.
    """
    check_new(values)
    lock_agenda(work.session, [borrower_id])
    if not find_lenders_of(work.session, borrower_id):
        raise ConflictError("There is no loan that anybody could contact you about.")
    before = queries.find_standing(work.session, borrower_id, values.kind)
    if before is not None and values.kind == "cease":
        return before.id, False
    request_id = new_id()
    said = {name: getattr(values, name) for name in ("name", "organisation", "contact") if getattr(values, name) is not None}
    row = ContactRequestRow(
        id=request_id,
        borrower_id=borrower_id,
        kind=values.kind,
        details_sealed=work.vault.seal(json.dumps(said, ensure_ascii=False), place=_place(request_id)) if said else None,
        place=values.place,
        channel=values.channel,
        recorded_at=now,
        version=1,
    )
    queries.add_request(work.session, row)
    _begin(work, row, now=now)
    if before is not None:
        _end(work, before, now=now)
    _decide(work, borrower_id, now)
    _note(work, row, "contact_request.recorded", now=now)
    return request_id, True


def withdraw(work: Work, borrower_id: str, request_id: str, *, now: datetime) -> None:
    """Take a request back: its hold or wish ends. Taking it back twice changes nothing. Raises NotFoundError."""
    lock_agenda(work.session, [borrower_id])
    row = queries.load_own(work.session, borrower_id, request_id)
    if row.ended_at is not None:
        return
    _end(work, row, now=now)
    _decide(work, borrower_id, now)
    _note(work, row, "contact_request.withdrawn", now=now)


def list_requests(reads: Connection, borrower_id: str) -> list[ShownContactRequest]:
    """Return a borrower's requests, newest first."""
    return [_shown(row) for row in queries.find_requests(reads, borrower_id)]


def _shown(row: Any) -> ShownContactRequest:
    details = vault().open(row.details_sealed, place=_place(row.id))
    return ShownContactRequest(row, json.loads(details) if details else {})


def _begin(work: Work, row: ContactRequestRow, *, now: datetime) -> None:
    kind = HOLDS.get(row.kind)
    if kind is not None:
        told = HoldValues(kind, form="electronic", evidence=f"contact request {row.id}")
        row.hold_id = put_hold(work, row.borrower_id, told, teller=Teller(BY_BORROWER), now=now).id
        work.session.flush()
        if row.kind == "representative":
            _ask_staff(work, row, now)
        return
    row.wish_id = new_id()
    queries.add_wish(
        work.session,
        ContactPreferenceRow(
            id=row.wish_id,
            borrower_id=row.borrower_id,
            kind=row.kind,
            channel=row.channel,
            place=row.place,
            by=BY_BORROWER,
            evidence=f"contact request {row.id}",
            recorded_at=now,
        ),
    )


def _ask_staff(work: Work, row: ContactRequestRow, now: datetime) -> None:
    zone = get_borrower(work.session, row.borrower_id).zone or find_lenders_of(work.session, row.borrower_id)[0][1]
    due_on = confirm_until(business_date(now, zone))
    facts = {"contact_request_id": row.id, "hold_id": row.hold_id}
    add_task(work, NewTask(_task_key(row), row.borrower_id, TASK, QUEUE, due_on=due_on, facts=facts), now=now)


def _end(work: Work, row: ContactRequestRow, *, now: datetime) -> None:
    row.ended_at = now
    row.version += 1
    if row.wish_id is not None:
        wish = queries.find_wish(work.session, row.wish_id)
        if wish is not None and wish.ended_at is None:
            wish.ended_at = now
    work.session.flush()
    task = find_task_named(work.session, _task_key(row))
    if task is not None and task.state == "open":
        close_task(work, task.id, outcome="cancelled", reason="the borrower took it back", by=BY_BORROWER, now=now)
    if row.hold_id is not None and get_hold(work.session, row.borrower_id, row.hold_id).released_at is None:
        reason = f"contact request {row.id} ended"
        release_hold(work, row.borrower_id, row.hold_id, teller=Teller(BY_BORROWER), now=now, reason=reason)


def _decide(work: Work, borrower_id: str, now: datetime) -> None:
    agenda.touch(work, [borrower_id], now=now)
    reminders.review(work, [borrower_id], now=now)


def _note(work: Work, row: ContactRequestRow, action: str, *, now: datetime) -> None:
    facts = {"contact_request_id": row.id, "kind": row.kind, "hold_id": row.hold_id, "wish_id": row.wish_id}
    actor = f"borrower:{row.borrower_id}"
    add_audit(work.session, at=now, actor=actor, action=action, borrower_id=row.borrower_id, facts=facts)
    data = {
        "contact_request_id": row.id,
        "borrower_no": get_borrower(work.session, row.borrower_id).borrower_no,
        "kind": row.kind,
        "place": row.place,
        "channel": row.channel,
    }
    for lender_id in sorted({each for each, _ in find_lenders_of(work.session, row.borrower_id)}):
        announce(work, lender_id, f"{action}.v1", data, now=now, borrower_id=row.borrower_id)


def _task_key(row: ContactRequestRow) -> str:
    return f"contact_request/{row.id}"


def _place(request_id: str) -> str:
    return f"contact_requests.details:{request_id}"
