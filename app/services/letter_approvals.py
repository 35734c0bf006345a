"""Letters that a policy leaves to a person: read as they would be posted, then approved, and only then put into the outbox.

The task is the engine's word that the letter may be written (see domain/tasks.py). It counts for the facts it was decided
under: when they have changed since, the engine goes first, and it takes the task back where nothing is to be written any
more.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.orm import Session

from app.domain.errors import ConflictError
from app.domain.lanes import lane_of
from app.domain.positions import open_rows_at
from app.domain.reasons import Outcome, Reason
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.tasks import TaskRow
from app.persistence.queries import letter_approvals as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.decisions import add_decided, mark_decisions
from app.persistence.queries.tasks import get_task
from app.persistence.unit_of_work import Work
from app.services.law_gates import ask_law, require_lawful
from app.services.letters import make_letter
from app.services.policies import policy_version
from app.services.positions import snapshot_on
from app.services.rule_parts import outward_channels
from app.services.terms import kernel_terms
from app.wording.amounts import written_date, written_sum
from app.wording.catalogue import match_locale, render, template_infos

LONGEST_WAIT = timedelta(days=3)
"""An approved letter that has not left by then is not what was read."""


@dataclass(frozen=True, slots=True)
class Approved:
    """A letter on its way. `message_id` is what it is known by from now on."""

    message_id: str
    letter_id: str
    pages: int


def approve(work: Work, task_id: str, *, by: str, now: datetime, lender_id: str | None = None) -> Approved:
    """Make the letter of a task and queue it; the task is done. The same task approved again is the same letter.

    Raises NotFoundError; ConflictError when it is no letter, was closed otherwise, or must be decided again first;
    LawRefusedError; LetterRefusedError.
    """
    known = queries.find_approved(work.session, task_id)
    if known is not None:
        return Approved(*known)
    found = get_task_of_letter(work.session, task_id, lender_id)
    if lock_agenda(work.session, [found.borrower_id]) and not queries.is_decided(work.session, found.borrower_id):
        raise ConflictError("Something has changed since; it is being decided again. Look again in a moment.")
    task = get_task(work.session, task_id, lender_id=lender_id)
    _check_open(task, now)
    if "letter" not in outward_channels():
        raise ConflictError("This installation has no printer: nothing would be posted.")
    message_id = _queue(work, task, by, now)
    letter = make_letter(work, message_id, now=now)
    task.state, task.state_reason, task.closed_at, task.closed_by = "done", "letter_approved", now, by
    task.facts = {**task.facts, "message_id": message_id}
    task.version += 1
    work.session.flush()
    facts = {"task_id": task.id, "message_id": message_id, "letter_id": letter.id, "sha256": letter.sha256}
    add_audit(work.session, at=now, actor=by, action="letter.approved", borrower_id=task.borrower_id, facts=facts)
    return Approved(message_id, letter.id, letter.pages)


def preview_task(work: Work, task_id: str, *, now: datetime, lender_id: str | None = None) -> bytes:
    """Return the letter of a task as it would be posted. Roll the unit of work back: it was made to be looked at.

    Raises as `approve` does.
    """
    task = get_task_of_letter(work.session, task_id, lender_id)
    _check_open(task, now)
    message_id = _queue(work, task, "preview", now)
    letter = make_letter(work, message_id, now=now)
    return work.vault.open_bytes(letter.pdf_sealed, place=f"letters.pdf:{letter.id}")


def get_task_of_letter(session: Session, task_id: str, lender_id: str | None) -> TaskRow:
    """Return a task to write a letter. Raises NotFoundError, ConflictError for another kind."""
    task = queries.get_task_unlocked(session, task_id, lender_id=lender_id)
    if task.kind != "letter" or task.decision_id is None:
        raise ConflictError("That task is not to write a letter.")
    return task


def _check_open(task: TaskRow, now: datetime) -> None:
    if task.state != "open":
        raise ConflictError(f"The task was closed before, as {task.state} by {task.closed_by}.")
    if task.not_after is not None and now >= task.not_after:
        raise ConflictError("The letter is no longer worth writing: its time has passed.")


def _queue(work: Work, task: TaskRow, by: str, now: datetime) -> str:
    session = work.session
    decided = queries.get_decided(session, task.decision_id or "")
    steps = {step.key: step for step in policy_version(session, decided.policy_id).all_steps}
    step = steps[decided.step_key]
    template = str(task.facts["template"])
    info = template_infos().get((template, "letter"), {}).get(match_locale(decided.locale))
    stated: dict[str, Any] = {
        "channel": "letter", "message_class": step.message_class, "stage": step.debt_stage, "recipient": "borrower",
        "initiated_by": "lender", "visibility": "private", "identity_verified": False,
    }  # fmt: skip
    if info is not None and info.markers is not None:
        stated["content"] = info.markers
    answer = ask_law(session, act="contact", now=now, borrower_id=task.borrower_id, loan_id=task.loan_id, facts=stated)
    require_lawful(answer)
    rendered = render(template, "letter", decided.locale, _variables(session, decided, now))
    contact_id, message_id = new_id(), new_id()
    text = orjson.dumps({"title": rendered.title, "body": rendered.body}).decode()
    not_after = min(now + LONGEST_WAIT, task.not_after or now + LONGEST_WAIT)
    add_decided(
        session,
        contacts=[
            {
                "id": contact_id, "borrower_id": task.borrower_id, "message_class": step.message_class,
                "local_date": business_date(now, decided.zone), "zones": [decided.zone], "cap_class": "outreach",
                "slot_no": None, "stage": step.stage, "step_key": step.key, "origin": "policy",
                "rungs_done": len(step.ladder), "state": "open", "created_at": now, "settled_at": None,
            }
        ],
        messages=[
            {
                "id": message_id, "borrower_id": task.borrower_id, "contact_id": contact_id, "challenge_id": None,
                "channel": "letter", "message_class": step.message_class, "template": template,
                "template_version": rendered.template_version, "locale": rendered.locale,
                "text_sealed": work.vault.seal(text, place=f"messages.text:{message_id}"), "state": "queued",
                "lane": lane_of("queued", message_class=step.message_class, channel="letter"),
                "not_before": now, "not_after": not_after, "case_version": decided.case_version,
                "rules_epoch": decided.rules_epoch, "attempts": 0, "next_attempt_at": now, "created_at": now,
                "sent_at": None, "rung_no": 0, "version": 1,
            }
        ],
        decisions=[],
        events=[
            {
                "decision_id": decided.id, "borrower_id": task.borrower_id, "seq": decided.event_count + 1, "at": now,
                "outcome": Outcome.SENT.value, "reason": Reason.ON_SCHEDULE.value, "rule": "action.letter",
                "channels": ["letter"], "not_before": now, "facts": {"approved_by": by, "task_id": task.id},
            }
        ],
    )  # fmt: skip
    mark_decisions(
        session,
        [
            {
                "b_id": decided.id, "b_outcome": Outcome.SENT.value, "b_reason": Reason.ON_SCHEDULE.value,
                "b_contact_id": contact_id, "b_next": None, "b_count": decided.event_count + 1,
            }
        ],
    )  # fmt: skip
    return message_id


def _variables(session: Session, decided: Any, now: datetime) -> dict[str, str | int]:
    """Return what the template may say, of the instalment that was decided about, as it stands now. Raises ConflictError."""
    today = business_date(now, decided.zone)
    snapshot = snapshot_on(session, decided.loan, today)
    rows = open_rows_at(snapshot, today, kernel_terms(decided.loan).terms.late)
    row = next((row for row in rows if row.row_no == decided.row_no), None)
    if row is None:
        raise ConflictError("What the letter would be about is paid.")
    locale = match_locale(decided.locale)
    return {
        "count": 1,
        "amount": written_sum({decided.loan.currency: row.open.total}, locale),
        "due_on": written_date(row.due_on, locale),
        "loan": decided.loan.loan_no,
        "lender": decided.lender_name,
    }
