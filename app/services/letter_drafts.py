"""Letters that staff draft: looked at as they would be posted, approved by somebody else, and only then put into the outbox.

A draft is a task of kind `letter` behind which there is no decision of the engine. The gate is asked when it is drafted, and
again, hours and caps too, when it is approved: the approval is the contact.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.contact_checks import ContactCheck
from app.domain.contact_gates import POLICY, ContactAnswer, ContactAsked
from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, refused_at
from app.domain.lanes import lane_of
from app.domain.permissions import may
from app.domain.reasons import Reason
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.models.tasks import TaskRow
from app.persistence.queries import letter_approvals as approvals
from app.persistence.queries import letter_drafts as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.loans import find_loan_owners
from app.persistence.queries.tasks import get_task
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import agenda, letter_approvals, reminders
from app.services.contact_gates import answer_of, open_check, require_contact
from app.services.letter_approvals import LONGEST_WAIT, Approved
from app.services.letter_twins import require_no_twin
from app.services.letters import make_letter
from app.services.manual_contacts import Maker, add_contact, record
from app.services.manual_message_words import check_true, values_of
from app.services.rule_parts import outward_channels
from app.services.tasks import NewTask, add_task, close_task
from app.wording.catalogue import match_locale, render, template_infos
from app.wording.template_texts import purpose_of, templates_by_hand
from app.wording.variables import write_variables

QUEUE = "letters"
KIND = "letter"
APPROVE = "letters.approve"
LIVES = timedelta(days=14)
"""A draft nobody has approved by then is not what was meant."""
_PASSES = frozenset(
    {
        Reason.QUIET_HOURS, Reason.LEGAL_QUIET_HOURS, Reason.CAP_PERSON, Reason.CAP_CHANNEL, Reason.LEGAL_DAILY_CAP,
        Reason.LEGAL_WEEKLY_CAP, Reason.LEGAL_ANSWERED_TODAY,
    }
)  # fmt: skip
"""What passes by itself: no reason not to draft. What is the policy's may be set aside by whoever approves it."""


@dataclass(frozen=True, slots=True)
class LetterDraft:
    """A letter as it stands: draft, approved, withdrawn. `from_policy`: the engine asked for it, by a step."""

    id: str
    template: str
    loan_no: str
    state: str
    from_policy: bool
    drafted_by: str | None
    created_at: datetime
    not_after: datetime | None
    closed_by: str | None
    closed_at: datetime | None
    message_id: str | None


def templates() -> list[str]:
    """Return the templates that a letter may be drafted from: approved and fit in some locale."""
    infos = template_infos()
    return [
        name
        for name in templates_by_hand()
        if any(info.is_approved and info.unfit is None for info in infos.get((name, KIND), {}).values())
    ]


def ask_draft(
    session: Session, borrower_id: str, template: str, loan_no: str, *, lender_id: str, now: datetime, locale: str = "en"
) -> ContactAnswer:
    """Return what would stand in the way if the letter were approved now. Raises as `draft_letter` does."""
    return answer_of(_check(session, borrower_id, template, loan_no, lender_id, now), locale=locale)


def draft_letter(
    work: Work, borrower_id: str, template: str, loan_no: str, *, by: str, lender_id: str, now: datetime, locale: str = "en"
) -> LetterDraft:
    """Draft a letter about a loan; the same draft again while one waits is that one.

    Raises ValidationError, NotFoundError, ConflictError (its like is on its way), and what `require_contact` raises for what
    would stand in its way for good.
    """
    agenda.touch(work, [borrower_id], now=now)
    check = _check(work.session, borrower_id, template, loan_no, lender_id, now)
    answer = answer_of(check, locale=locale)
    lasting = tuple(block for block in answer.blocks if block.layer != POLICY and Reason(block.reason) not in _PASSES)
    require_contact(ContactAnswer(lasting), role="agent")
    loan_id = check.loans[0].loan_id
    waiting = queries.find_waiting(work.session, borrower_id, loan_id, template)
    if waiting is None:
        require_no_twin(work.session, loan_id, template, lender_id=lender_id, now=now)
        task_id = add_task(
            work,
            NewTask(f"letter-draft/{new_id()}", borrower_id, KIND, QUEUE, loan_id=loan_id, due_at=now + timedelta(days=1),
                    not_after=now + LIVES, facts={"template": template, "drafted_by": by}),
            now=now,
        ).id  # fmt: skip
        facts = {"task_id": task_id, "template": template, "loan_id": loan_id}
        add_audit(work.session, at=now, actor=by, action="letter.drafted", borrower_id=borrower_id, facts=facts)
    else:
        task_id = waiting
    reminders.review(work, [borrower_id], now=now)
    return get_draft(work.session, task_id, lender_id=lender_id)


def preview_draft(work: Work, task_id: str, *, lender_id: str, now: datetime) -> bytes:
    """Return a letter as it would be posted. Roll the unit of work back: it was made to be looked at.

    Raises NotFoundError, ConflictError, LetterRefusedError.
    """
    task = _of_letter(work.session, task_id, lender_id)
    if task.decision_id is not None:
        return letter_approvals.preview_task(work, task_id, now=now, lender_id=lender_id)
    agenda.touch(work, [task.borrower_id], now=now)
    _check_open(task, now)
    check = _check_of(work.session, task, lender_id, now)
    answer = answer_of(check)
    message_id = _queue(work, task, check, answer, Maker("preview", "agent", lender_id), now)
    letter = make_letter(work, message_id, now=now)
    return work.vault.open_bytes(letter.pdf_sealed, place=f"letters.pdf:{letter.id}")


def look_at(task_id: str, *, by: str, lender_id: str, now: datetime) -> bytes:
    """Return a letter as it would be posted, and write down who looked. Raises as `preview_draft` does."""
    with unit_of_work() as work:
        pdf = preview_draft(work, task_id, lender_id=lender_id, now=now)
        work.session.rollback()
    with unit_of_work() as work:
        task = _of_letter(work.session, task_id, lender_id)
        facts = {"task_id": task_id}
        add_audit(work.session, at=now, actor=by, action="letter.looked_at", borrower_id=task.borrower_id, facts=facts)
    return pdf


def approve_draft(
    work: Work, task_id: str, *, by: str, role: str, lender_id: str, now: datetime, override_reason: str | None = None,
    locale: str = "en",
) -> Approved:  # fmt: skip
    """Make and queue the letter of a draft, or of the engine's task; the same approved again is the same letter.

    Whoever drafted it does not approve it. Raises NotFoundError, ForbiddenError, ConflictError, LetterRefusedError, and what
    `require_contact` raises.
    """
    if not may(role, APPROVE):
        raise ForbiddenError(f"Your role is {role}, which approves no letters.")
    task = _of_letter(work.session, task_id, lender_id)
    if task.decision_id is not None:
        return letter_approvals.approve(work, task_id, by=by, now=now, lender_id=lender_id)
    known = approvals.find_approved(work.session, task_id)
    if known is not None:
        return Approved(*known)
    if task.facts.get("drafted_by") == by:
        raise ForbiddenError("Whoever drafted a letter does not approve it; ask somebody else to read it.")
    agenda.touch(work, [task.borrower_id], now=now)
    task = get_task(work.session, task_id, lender_id=lender_id)
    _check_open(task, now)
    if KIND not in outward_channels():
        raise ConflictError("This installation has no printer: nothing would be posted.")
    require_no_twin(work.session, task.loan_id or "", str(task.facts["template"]), lender_id=lender_id, now=now)
    check = _check_of(work.session, task, lender_id, now)
    answer = answer_of(check, locale=locale)
    is_overridden = require_contact(answer, role=role, override_reason=override_reason)
    maker = Maker(by, role, lender_id, override_reason if is_overridden else None)
    message_id = _queue(work, task, check, answer, maker, now)
    letter = make_letter(work, message_id, now=now)
    task.state, task.state_reason, task.closed_at, task.closed_by = "done", "letter_approved", now, by
    task.facts = {**task.facts, "message_id": message_id}
    task.version += 1
    work.session.flush()
    facts = {"task_id": task.id, "message_id": message_id, "letter_id": letter.id, "sha256": letter.sha256}
    add_audit(work.session, at=now, actor=by, action="letter.approved", borrower_id=task.borrower_id, facts=facts)
    reminders.review(work, [task.borrower_id], now=now)
    return Approved(message_id, letter.id, letter.pages)


def withdraw_draft(work: Work, task_id: str, *, by: str, lender_id: str, reason: str, now: datetime) -> LetterDraft:
    """Take a draft back before it is approved. Twice changes nothing. Raises NotFoundError, ConflictError."""
    task = _of_letter(work.session, task_id, lender_id)
    if task.decision_id is not None:
        raise ConflictError("The engine asks for that letter, by a step of the policy; close its task instead.")
    close_task(work, task_id, outcome="cancelled", reason=reason, by=by, now=now, lender_id=lender_id)
    return get_draft(work.session, task_id, lender_id=lender_id)


def get_draft(session: Session, task_id: str, *, lender_id: str) -> LetterDraft:
    """Return one letter. Raises NotFoundError."""
    for row in queries.find_letters(session, lender_id, task_id=task_id):
        return _shown(row)
    raise NotFoundError("There is no such letter.")


def list_drafts(reads: Connection, borrower_id: str, lender_id: str) -> list[LetterDraft]:
    """Return the letters of a borrower that wait for an approval or were drafted, newest first."""
    return [_shown(row) for row in queries.find_letters(reads, lender_id, borrower_id=borrower_id)]


# -- what is asked and written -----------------------------------------------------------------------------------------


def _check(session: Session, borrower_id: str, template: str, loan_no: str, lender_id: str, now: datetime) -> ContactCheck:
    if template not in templates():
        raise refused_at("/template", f"There is no letter {template} to draft.")
    owner = find_loan_owners(session, lender_id, [loan_no]).get(loan_no)
    if owner is None or owner[1] != borrower_id:
        raise refused_at("/loan_no", f"This borrower has no loan {loan_no} with this lender.")
    return _open(session, borrower_id, template, owner[0], lender_id, now)


def _check_of(session: Session, task: TaskRow, lender_id: str, now: datetime) -> ContactCheck:
    return _open(session, task.borrower_id, str(task.facts["template"]), task.loan_id or "", lender_id, now)


def _open(session: Session, borrower_id: str, template: str, loan_id: str, lender_id: str, now: datetime) -> ContactCheck:
    purpose = purpose_of(template)
    is_notice = purpose is not None and purpose.notice(KIND) is not None
    asked = ContactAsked(KIND, "statutory" if is_notice else "collection", (loan_id,), template=template)
    check = open_check(session, borrower_id, asked, lender_id=lender_id, now=now)
    check_true(check, template)
    return check


def _of_letter(session: Session, task_id: str, lender_id: str) -> TaskRow:
    task = approvals.get_task_unlocked(session, task_id, lender_id=lender_id)
    if task.kind != KIND:
        raise NotFoundError("There is no such letter.")
    return task


def _check_open(task: TaskRow, now: datetime) -> None:
    if task.state != "open":
        raise ConflictError(f"The task was closed before, as {task.state} by {task.closed_by}.")
    if task.not_after is not None and now >= task.not_after:
        raise ConflictError("The letter is no longer worth writing: its time has passed.")


def _queue(work: Work, task: TaskRow, check: ContactCheck, answer: ContactAnswer, maker: Maker, now: datetime) -> str:
    """Write the contact and its message; the caller holds the agenda row."""
    template = str(task.facts["template"])
    contact = add_contact(work, task.borrower_id, check, now=now)
    record(work, contact, KIND, check, answer, maker=maker, now=now)
    locale = match_locale(check.case.locale)
    rendered = render(template, KIND, locale, write_variables(values_of(check), locale))
    message_id = new_id()
    text: dict[str, Any] = {"title": rendered.title, "body": rendered.body}
    held = work.session.get_one(AgendaRow, task.borrower_id, populate_existing=True)
    work.session.add(
        MessageRow(
            id=message_id, borrower_id=task.borrower_id, contact_id=contact.id, channel=KIND,
            message_class=check.message_class, template=template, template_version=rendered.template_version,
            locale=rendered.locale, state="queued", lane=lane_of("queued", message_class=check.message_class, channel=KIND),
            text_sealed=work.vault.seal(orjson.dumps(text).decode(), place=f"messages.text:{message_id}"),
            not_before=now, not_after=now + LONGEST_WAIT, case_version=held.case_version,
            rules_epoch=check.rules.rules_epoch, attempts=0, next_attempt_at=now, created_at=now,
            about=[candidate.subject.subject_id for candidate in check.candidates], version=1,
        )
    )  # fmt: skip
    work.session.flush()
    return message_id


_STATES = {"open": "draft", "done": "approved", "cancelled": "withdrawn"}


def _shown(row: Any) -> LetterDraft:
    facts = row.facts
    return LetterDraft(
        row.id, str(facts.get("template", "")), row.loan_no, _STATES[row.state], row.decision_id is not None,
        facts.get("drafted_by"), row.created_at, row.not_after, row.closed_by, row.closed_at, facts.get("message_id"),
    )  # fmt: skip
