"""What follows each step of a change of contact data: the old address is told, held back from reminders, replaced, or kept.

While a change cools off, reminders go neither to the new address, which may be a stranger's, nor to the old one, which may
be lost: its endpoint is `unverified`, so that `decide` takes another channel or says why none is left. Only the notice of
the change, which says nothing of a debt, still goes there. Whoever calls holds the borrower's agenda row.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from app.domain.contact_changes import CHANNELS_OF, NOTICE_CHANNEL, PHONE, ChangeState, check_move, in_force_at
from app.domain.times import business_date, rfc3339
from app.persistence.ids import new_id
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.contact_changes import ContactChangeRow
from app.persistence.models.messages import MessageRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.contact_changes import get_borrower_row
from app.persistence.queries.endpoints import lift_state, put_state
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.address_verdicts import address_of
from app.services.borrowers import rewrite_contacts
from app.services.contact_change_rules import change_rules
from app.services.contact_data import changes_of, stated, values_of
from app.services.contact_feed import FOLLOW_UP, new_value
from app.services.follow_ups import follow_up_at, forget_follow_up
from app.services.message_texts import written_message
from app.services.notices import tell_borrower
from app.services.sessions import end_sessions_of
from app.services.tasks import NewTask, add_task
from app.services.webhook_events import announce
from app.wording.catalogue import match_locale
from app.wording.variables import write_variables

SYSTEM = "system"
COMPLIANCE_QUEUE = "compliance"
_UNVERIFIED, _REASON = "unverified", "CONTACT_CHANGE"
_S = ChangeState


def begin_cooling(work: Work, row: ContactChangeRow, *, proof: str, by: str, now: datetime) -> None:
    """Take a proof: from now on the change cools off. Raises ConflictError."""
    check_move(row.state, _S.COOLING_OFF)
    row.proof, row.proved_by, row.proved_at = proof, by, now
    row.effective_at = in_force_at(row.kind, now, change_rules())
    _move(work, row, _S.COOLING_OFF, by=by, now=now, proof=proof)
    follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=row.effective_at)
    borrower = get_borrower_row(work.session, row.borrower_id)
    old = stated(values_of(work.vault, borrower), row.kind)
    if old is not None:
        _tell_old(work, row, borrower, now=now)
        for channel in CHANNELS_OF[row.kind]:
            address = address_of(work, row.borrower_id, channel, _address_kind(row.kind), old)
            put_state(work.session, address, state=_UNVERIFIED, reason=_REASON, now=now)
    tell(work, row, "coming", now=now)
    _decide(work, row, now=now)


def end(work: Work, row: ContactChangeRow, to: ChangeState, *, by: str, reason: str | None, now: datetime) -> None:
    """Let a change be before it takes effect; the old address is used again. Raises ConflictError."""
    check_move(row.state, to)
    was_cooling = row.state == _S.COOLING_OFF
    row.ended_at, row.ended_by, row.ended_reason = now, by, reason
    _move(work, row, to, by=by, now=now)
    forget_follow_up(work, FOLLOW_UP, row.id)
    if was_cooling:
        old = stated(values_of(work.vault, get_borrower_row(work.session, row.borrower_id)), row.kind)
        for channel in CHANNELS_OF[row.kind] if old is not None else ():
            address = address_of(work, row.borrower_id, channel, _address_kind(row.kind), old or "")
            lift_state(work.session, address, lifted=(_UNVERIFIED,), now=now)
        tell(work, row, "stopped", now=now)
        _decide(work, row, now=now)


def take_effect(work: Work, row: ContactChangeRow, *, now: datetime) -> None:
    """Put a change in force whose cool-off is over: the address is replaced, and of a phone all sessions end."""
    check_move(row.state, _S.DONE)
    borrower = get_borrower_row(work.session, row.borrower_id)
    before = values_of(work.vault, borrower)
    after = replace(before, **changes_of(row.kind, new_value(work, row)))
    signs_in = rewrite_contacts(work, borrower, after, now=now)
    row.took_effect_at = row.ended_at = now
    row.ended_by = SYSTEM
    row.keeps_until = now + change_rules().kept
    _move(work, row, _S.DONE, by=SYSTEM, now=now)
    if row.kind == PHONE:
        end_sessions_of(work, row.borrower_id, now=now, reason="phone_changed", actor=SYSTEM)
        if not signs_in:
            _ask(work, row, "contact_change_phone_in_use", now=now)
    tell(work, row, "done", now=now)
    _decide(work, row, now=now)


def raise_alarm(work: Work, row: ContactChangeRow, *, now: datetime) -> None:
    """Have compliance look at a change that the borrower objected to."""
    _ask(work, row, "contact_change_objected", now=now)


def tell(work: Work, row: ContactChangeRow, what: str, *, now: datetime) -> None:
    """Give the borrower the notice `contact_change_<what>` in the app, which the change of an address leaves alone."""
    due_on = {"wanted": row.prove_until, "coming": row.effective_at}.get(what)
    values: dict[str, Any] = {} if due_on is None else {"due_on": _day(work, row, due_on)}
    tell_borrower(
        work, row.borrower_id, f"contact_change_{what}", values, now=now, subject_id=row.id,
        key=f"contact_change:{row.id}:{what}",
    )  # fmt: skip


def audit(work: Work, row: ContactChangeRow, verb: str, *, by: str, now: datetime, **facts: Any) -> None:
    """Write a step to the audit trail: ids and kinds, no address."""
    told = {"contact_change_id": row.id, "kind": row.kind, **facts}
    add_audit(
        work.session, at=now, actor=by, action=f"contact_change.{verb}", borrower_id=row.borrower_id, facts=told
    )  # fmt: skip


def _move(work: Work, row: ContactChangeRow, to: ChangeState, *, by: str, now: datetime, **facts: Any) -> None:
    row.state = to.value
    row.version += 1
    work.session.flush()
    audit(work, row, to.value, by=by, now=now, **facts)
    if to in (_S.COOLING_OFF, _S.DONE, _S.OBJECTED, _S.CANCELLED):
        data = {
            "contact_change_id": row.id,
            "borrower_no": get_borrower_row(work.session, row.borrower_id).borrower_no,
            "kind": row.kind,
            "state": to.value,
            "effective_at": None if row.effective_at is None else rfc3339(row.effective_at),
        }
        announce(work, row.lender_id, f"contact_change.{to.value}.v1", data, now=now, borrower_id=row.borrower_id)


def _tell_old(work: Work, row: ContactChangeRow, borrower: BorrowerRow, *, now: datetime) -> None:
    """Queue the notice to the address that is replaced: with security, since it protects the account. In time, or never."""
    channel = NOTICE_CHANNEL.get(row.kind)
    if channel is None or row.effective_at is None:
        return
    locale = match_locale(borrower.locale or get_lender(work.session, row.lender_id).locale)
    variables = write_variables({"due_on": _day(work, row, row.effective_at)}, locale)
    wording = written_message("contact_change_notice", channel, locale, variables)
    if wording.fault is not None:
        return
    message_id = new_id()
    text = orjson.dumps({"title": wording.title, "body": wording.body, "variables": dict(variables)}).decode()
    work.session.add(
        MessageRow(
            id=message_id, borrower_id=row.borrower_id, channel=channel, message_class="security",
            template="contact_change_notice", template_version=wording.version, locale=wording.locale,
            text_sealed=work.vault.seal(text, place=f"messages.text:{message_id}"), state="queued", not_before=now,
            not_after=row.effective_at - timedelta(hours=1), next_attempt_at=now, created_at=now,
        )
    )  # fmt: skip
    work.session.flush()


def _ask(work: Work, row: ContactChangeRow, kind: str, *, now: datetime) -> None:
    facts = {"contact_change_id": row.id, "kind": row.kind, "state": row.state, "proposed_by": row.proposed_by}
    task = NewTask(f"{kind}/{row.id}", row.borrower_id, kind, COMPLIANCE_QUEUE, due_at=now, facts=facts)
    add_task(work, task, now=now)


def _decide(work: Work, row: ContactChangeRow, *, now: datetime) -> None:
    agenda.touch(work, [row.borrower_id], now=now)
    reminders.review(work, [row.borrower_id], now=now)


def _day(work: Work, row: ContactChangeRow, at: datetime) -> date:
    return business_date(at, get_lender(work.session, row.lender_id).zone)


def _address_kind(kind: str) -> str:
    return {"phone": "phone", "email": "email"}.get(kind, "post")
