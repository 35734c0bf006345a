"""Notices to a borrower of a change that concerns them: received, decided, changed. Servicing messages, not reminders.

Each is one message in the inbox, at once, and (news only) one push that says no more than that there is a message. They are
of no contact: no cap counts them, no policy decides them, no change of the case holds them back. What a hold forbids is
withheld, and the row says why.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from app.domain.cases import wished_quiet
from app.domain.devices import push_block
from app.domain.notices import notice_place, notices_allowed, push_window
from app.logs import logger
from app.metrics import NOTICES
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.models.notices import NoticeRow
from app.persistence.queries import notices as queries
from app.persistence.queries.gathered import Gathered
from app.persistence.queries.inbox_marks import lock_states
from app.persistence.unit_of_work import Work
from app.services.inbox_marks import next_states, withdraw_messages
from app.services.message_texts import RENDER_ERROR, WrittenMessage, written_message
from app.services.policies import load_rules, shipped_policy
from app.services.withdrawals import withdraw_shown_push
from app.wording.catalogue import match_locale
from app.wording.variables import Value, VariableError, write_variables

PUSH = "notice"
"""The template of every notice's push: a lock screen, and the provider, learn nothing of what it is about."""
CLASS = "servicing"


class NoticeUnwrittenError(Exception):
    """A notice has no fit text: no template of that name, a variable too few, words that the lint refuses."""


class _Strictness:
    raises = False


def raise_unwritten(wanted: bool) -> None:
    """Have a notice without a fit text raise, as tests want it. Else it is logged and counted, and the act stands."""
    _Strictness.raises = wanted


def tell_borrower(
    work: Work,
    borrower_id: str,
    template: str,
    values: Mapping[str, Value],
    *,
    now: datetime,
    loan_id: str | None = None,
    subject_id: str | None = None,
    key: str | None = None,
    also_push: bool = True,
) -> None:
    """Put a notice into the borrower's inbox at once, and a neutral push beside it within the hours of contact.

    `template`: of content/templates.yaml, with exactly its variables in `values`. `loan_id`, `subject_id`: what it opens,
    the subject by the template's first word (`domain.notices.notice_place`). `key`: the event's own (`promise:<id>:kept`);
    it is told once, unless it was withdrawn since. `also_push` False: the borrower is looking at the app, having just done
    it; only such an answer is given while a hold has us not begin to speak. Takes the borrower's agenda row.
    """
    session = work.session
    lock_states(session, [borrower_id])
    known = queries.find_notice(session, borrower_id, key) if key is not None else None
    if known is not None and known.withdrawn_at is None:
        return
    row = known or NoticeRow(id=new_id(), borrower_id=borrower_id, key=key)
    row.template, row.loan_id, row.created_at, row.withdrawn_at = template, loan_id, now, None
    row.message_id = row.push_id = row.withheld_reason = None
    reader = queries.load_reader(session, borrower_id, now)
    refusal = notices_allowed(reader.holds, "news" if also_push else "answer", now, loan_id=loan_id, template=template)
    if refusal is not None:
        row.withheld_reason = str(refusal)
    else:
        wording, variables = _written(template, reader.head.locale, values)
        if wording.fault is not None:
            row.withheld_reason = wording.fault
        else:
            opens = {"place": notice_place(template, loan_id=loan_id, subject_id=subject_id), "loan_id": loan_id}
            row.message_id = _add_inbox(work, borrower_id, template, wording, {"variables": variables, **opens}, now)
            row.push_id = _add_push(work, reader, loan_id, now) if also_push else None
    session.add(row)
    session.flush()
    NOTICES.labels(template, "told" if row.withheld_reason is None else row.withheld_reason).inc()


def withdraw_notice(work: Work, borrower_id: str, key: str, *, now: datetime) -> bool:
    """Take back a notice whose fact was taken back: out of the inbox, off the phone. Returns whether one was told.

    What it told may be told again under the same key. Takes the borrower's agenda row.
    """
    lock_states(work.session, [borrower_id])
    row = queries.find_notice(work.session, borrower_id, key)
    if row is None or row.withdrawn_at is not None:
        return False
    row.withdrawn_at = now
    work.session.flush()
    if row.message_id is not None:
        withdraw_messages(work, [row.message_id], now=now)
    if row.push_id is not None and not queries.cancel_waiting(work.session, row.push_id):
        withdraw_shown_push(work, row.push_id, now=now)
    return row.message_id is not None


def notices_not_to_push(work: Work, push_ids: Collection[str], *, now: datetime) -> set[str]:
    """Return those of these pushes that must not or need not leave any more: seen, taken back, or held since."""
    if not push_ids:
        return set()
    found = queries.find_pushed(work.session, push_ids)
    stopped = {key for key, each in found.items() if each.is_needless}
    for key, each in found.items():
        if key not in stopped:
            holds = queries.load_reader(work.session, each.borrower_id, now).holds
            if notices_allowed(holds, "news", now, loan_id=each.loan_id, template=each.template) is not None:
                stopped.add(key)
    return stopped


def _written(
    template: str, locale: str | None, values: Mapping[str, Value]
) -> tuple[WrittenMessage, Mapping[str, str | int]]:
    variables: dict[str, str | int] = {}
    try:
        variables = write_variables(values, match_locale(locale))
        wording = written_message(template, "in_app", locale, variables)
        why = wording.fault
    except VariableError as error:
        wording, why = WrittenMessage("", "", match_locale(locale), 0, RENDER_ERROR), str(error)
    if wording.fault is not None:
        logger().error("a notice has no fit text", template=template, problem=why)
        if _Strictness.raises:
            raise NoticeUnwrittenError(f"{template}: {why}")
    return wording, variables


def _add_inbox(
    work: Work, borrower_id: str, template: str, wording: WrittenMessage, more: Mapping[str, Any], now: datetime
) -> str:
    state = next_states(work, [borrower_id])[borrower_id]
    said = {"title": wording.title, "body": wording.body, "about": [], **more}
    return _add(
        work, borrower_id, "in_app", template, wording, said, state="delivered", not_before=now,
        not_after=now + timedelta(days=1), created_at=now, sent_at=now, inbox_created=state, inbox_state=state,
    )  # fmt: skip


def _add_push(work: Work, reader: Gathered, loan_id: str | None, now: datetime) -> str | None:
    """Queue the push for the next instant that is allowed; None where no device may be pushed to, or no instant is."""
    refused = any(opt_out.channel == "push" for opt_out in reader.opt_outs)
    if push_block(reader.devices, refused=refused) is not None:
        return None
    wording = written_message(PUSH, "push", reader.head.locale, {})
    window = _window(work, reader, loan_id, now)
    if wording.fault is not None or window is None:
        return None
    begins, ends = window
    return _add(
        work, reader.head.id, "push", PUSH, wording, {"title": wording.title, "body": wording.body, "variables": {}},
        state="queued", not_before=begins, not_after=ends, next_attempt_at=begins, created_at=now,
    )  # fmt: skip


def _window(work: Work, reader: Gathered, loan_id: str | None, now: datetime) -> tuple[datetime, datetime] | None:
    """The hours of every policy it falls under and of the borrower's wishes, in every zone they may be in."""
    rules, lenders = load_rules(work.session), queries.find_lenders(work.session, reader.head.id, loan_id)
    policies = [rules.policy_of(each.lender_id) for each in lenders] if rules else []
    policies = policies or [rules.policy if rules else shipped_policy()]
    quiets = (*dict.fromkeys(policy.quiet_hours for policy in policies), *wished_quiet(reader.wishes))
    case = reader.build().case
    zones = case.known_zones or tuple(dict.fromkeys(each.zone for each in lenders)) or ("UTC",)
    return push_window(now, quiets, zones, margin=max(policy.not_after_margin for policy in policies))


def _add(
    work: Work, borrower_id: str, channel: str, template: str, wording: WrittenMessage, said: Mapping[str, Any],
    **values: Any,
) -> str:  # fmt: skip
    message_id = new_id()
    sealed = work.vault.seal(orjson.dumps(said).decode(), place=f"messages.text:{message_id}")
    work.session.add(
        MessageRow(
            id=message_id, borrower_id=borrower_id, channel=channel, message_class=CLASS, template=template,
            template_version=wording.version, locale=wording.locale, text_sealed=sealed,
            **{"next_attempt_at": values["not_before"], **values},
        )
    )  # fmt: skip
    work.session.flush()
    return message_id
