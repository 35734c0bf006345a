"""Requests for help with money trouble: reminders stop while one is open, a person decides, free advice is named."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection

from app.domain.disputes import MOST_ATTACHMENTS
from app.domain.errors import ConflictError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.hardship import OPEN, HardshipValues, answers_document, check_move, check_new, check_none_open
from app.domain.hold_terms import HoldValues
from app.domain.times import business_date, local_instant
from app.logs import logger
from app.metrics import DUTY_BREACHES
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.hardship import HardshipRequestRow
from app.persistence.queries import hardship as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_own_loan, get_loan
from app.persistence.queries.tasks import find_task_named
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.conversations import Thread
from app.services.dispute_cases import claim_files
from app.services.dispute_terms import DebtAdvice, debt_advice, review_term
from app.services.follow_ups import follow_up_at, forget_follow_up
from app.services.holds import Teller, put_hold, release_hold
from app.services.law_packs import pack_for
from app.services.notices import tell_borrower
from app.services.subject_threads import begin_thread, settle_thread
from app.services.tasks import NewTask, add_task, close_task
from app.services.webhook_events import announce

KIND = "hardship"
"""Of its follow-ups, and of its hold."""
QUEUE, TASK = "hardship", "review_hardship"
LONGEST_TEXT = 4000
BY_BORROWER = "borrower"
_ENGINE = "engine:hardship"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request as the borrower and staff see it."""

    row: Any
    """Its columns, with `loan_no` and `borrower_no`."""
    answers: Mapping[str, Any]
    outcome_words: str | None
    advice: DebtAdvice


def open_request(work: Work, borrower_id: str, values: HardshipValues, *, now: datetime, word_key: str | None = None) -> str:
    """Open a request; return its id. Reminders stop in the same unit of work.

    It has a conversation, which begins with its words; `word_key`: what tells those from every other word.

    Raises ValidationError, also for a loan that is not theirs, ConflictError that names the one that is open.
    """
    check_new(values)
    if len(values.attachments) > MOST_ATTACHMENTS:
        raise refused_at("/attachments", f"attachments are more than {MOST_ATTACHMENTS}.")
    lock_agenda(work.session, [borrower_id])
    check_none_open(queries.find_open_id(work.session, borrower_id))
    lender_id, loan_no, zone, currency = _whom(work, borrower_id, values.loan_id)
    if values.monthly_minor is not None and currency is not None and values.currency != currency:
        raise refused_at("/monthly", f"The loan is in {currency}.")
    borrower = get_borrower(work.session, borrower_id)
    pack = pack_for(borrower.country or (get_lender(work.session, lender_id).jurisdiction if lender_id else None)).pack
    request_id = new_id()
    answers = answers_document(values)
    if "words" in answers:
        answers["words"] = without_card_numbers(answers["words"])
    row = HardshipRequestRow(
        id=request_id,
        borrower_id=borrower_id,
        loan_id=values.loan_id,
        lender_id=lender_id,
        state="open",
        answers_sealed=work.vault.seal(json.dumps(answers, ensure_ascii=False), place=_place("answers", request_id)),
        jurisdiction=pack.jurisdiction,
        opened_at=now,
        attachments=list(values.attachments),
        review_due_on=review_term(pack.jurisdiction).due_on(business_date(now, zone)),
        zone=zone,
        version=1,
    )
    queries.add_request(work.session, row)
    claim_files(work, borrower_id, values.attachments, "hardship", request_id, lender_id=lender_id, now=now)
    facts = {"hardship_request_id": row.id, "wants_advice": values.wants_advice, "urgent": False}
    task = NewTask(
        _task_key(row), borrower_id, TASK, QUEUE, loan_id=values.loan_id, due_on=row.review_due_on, facts=facts
    )  # fmt: skip
    add_task(work, task, now=now)
    _watch(work, row)
    told = HoldValues(KIND, loan_no=loan_no, form="electronic", evidence=f"hardship request {row.id}")
    row.hold_id = put_hold(work, borrower_id, told, teller=Teller(BY_BORROWER, lender_id), now=now).id
    work.session.flush()
    thread = Thread(kind=KIND, loan_id=values.loan_id, lender_id=lender_id, subject_id=request_id, files_are_bound=True)
    key = word_key or f"hardship/{request_id}"
    begin_thread(work, borrower_id, thread, key, values.words, now=now, files=values.attachments)
    _note(work, row, "hardship.received", actor=_actor(row), now=now)
    said = {"answer_by": row.review_due_on}
    tell_borrower(
        work, borrower_id, "hardship_received", said, now=now, loan_id=row.loan_id, subject_id=row.id, also_push=False
    )  # fmt: skip
    return request_id


def withdraw(work: Work, borrower_id: str, request_id: str, *, now: datetime) -> None:
    """Take a request back; reminders go on. Taking it back twice changes nothing. Raises NotFoundError, ConflictError."""
    lock_agenda(work.session, [borrower_id])
    row = queries.load_own(work.session, borrower_id, request_id)
    if row.state == "withdrawn":
        return
    check_move(row.state, "withdrawn")
    row.state = "withdrawn"
    _end(work, row, teller=Teller(BY_BORROWER, row.lender_id), now=now)
    settle_thread(work, borrower_id, row.id, by=_actor(row), now=now)
    _note(work, row, "hardship.withdrawn", actor=_actor(row), now=now)


def take(work: Work, lender_id: str, request_id: str, *, staff: str, now: datetime) -> None:
    """Say that it is being looked at, and by whom. Raises NotFoundError, ConflictError."""
    row = _load(work, lender_id, request_id)
    if row.state == "in_review" and row.taken_by == staff:
        return
    if row.state != "in_review":
        check_move(row.state, "in_review")
    row.state, row.taken_by = "in_review", staff
    row.version += 1
    work.session.flush()
    _note(work, row, "hardship.taken", actor=staff, now=now, is_told=False)


def decide(
    work: Work, lender_id: str, request_id: str, *, outcome: str, words: str, arrangement: str | None, staff: str,
    role: str, now: datetime,
) -> None:  # fmt: skip
    """Agree to a request or decline it, with words. `arrangement`: the id of the plan request or arrangement agreed to.

    Its hold ends. Raises NotFoundError, ConflictError, ValidationError.
    """
    row = _load(work, lender_id, request_id)
    if outcome == "declined" and arrangement is not None:
        raise refused_at("/arrangement", "A request that is declined has no arrangement.")
    check_move(row.state, outcome)
    if business_date(now, row.zone) > row.review_due_on:
        _note_breach(work, row, now=now)
    row.state, row.arrangement, row.decided_at, row.decided_by = outcome, arrangement, now, staff
    row.outcome_sealed = work.vault.seal(without_card_numbers(words), place=_place("outcome", row.id))
    said = f"hardship/{row.id}/outcome"
    settle_thread(work, row.borrower_id, row.id, by=staff, now=now, words=without_card_numbers(words), key=said)
    _end(work, row, teller=Teller(staff, lender_id, role), now=now)
    _note(work, row, f"hardship.{outcome}", actor=staff, now=now)
    tell_borrower(
        work, row.borrower_id, f"hardship_{outcome}", {}, now=now, loan_id=row.loan_id, subject_id=row.id
    )  # fmt: skip


def follow(work: Work, request_id: str, *, now: datetime) -> None:
    """Look at a request on the day before it is due, and once that day is over."""
    row = queries.find_request(work.session, request_id)
    if row is None or row.state not in OPEN:
        return
    today = business_date(now, row.zone)
    if today > row.review_due_on:
        _note_breach(work, row, now=now)
        return
    if today >= row.review_due_on - _DAY:
        _mark_task(work, row)
    _watch(work, row, after=now)


def get_shown(
    reads: Connection, request_id: str, *, locale: str, borrower_id: str | None = None, lender_id: str | None = None
) -> ShownRequest:
    """Return a request, of that borrower or as that lender sees it. Raises NotFoundError."""
    row = queries.get_shown(reads, request_id, borrower_id=borrower_id, lender_id=lender_id)
    return shown(row, vault(), locale)


def shown(row: Any, ring: Vault, locale: str) -> ShownRequest:
    """Return a request's columns with its answers opened, and the free advice to name beside it."""
    answers = json.loads(ring.open(row.answers_sealed, place=_place("answers", row.id)) or "{}")
    words = ring.open(row.outcome_sealed, place=_place("outcome", row.id))
    return ShownRequest(row, answers, words, debt_advice(row.jurisdiction, locale, row.lender_code))


def shown_all(rows: Sequence[Any], locale: str) -> list[ShownRequest]:
    """Return many, as `shown` does."""
    return [shown(row, vault(), locale) for row in rows]


def _whom(work: Work, borrower_id: str, loan_id: str | None) -> tuple[str | None, str | None, str, str | None]:
    """Return (lender, loan number, zone, currency) of a request: about one loan, or about all with their one lender."""
    if loan_id is not None:
        loan = find_own_loan(work.session, borrower_id, loan_id)
        if loan is None:
            raise refused_at("/loan_id", "You have no such loan; leave loan_id out for all of them.")
        return loan.lender_id, loan.loan_no, loan.zone, loan.currency
    lenders = queries.find_lenders_of(work.session, borrower_id)
    if not lenders:
        raise ConflictError("There is no loan that the request could be about.")
    one = lenders[0][0] if len({lender_id for lender_id, _ in lenders}) == 1 else None
    return one, None, get_borrower(work.session, borrower_id).zone or lenders[0][1], None


def _load(work: Work, lender_id: str, request_id: str) -> HardshipRequestRow:
    borrower_id = queries.get_owner(work.session, lender_id, request_id)
    lock_agenda(work.session, [borrower_id])
    return queries.load_own(work.session, borrower_id, request_id)


def _end(work: Work, row: HardshipRequestRow, *, teller: Teller, now: datetime) -> None:
    row.version += 1
    work.session.flush()
    forget_follow_up(work, KIND, row.id)
    task = find_task_named(work.session, _task_key(row))
    if task is not None and task.state == "open":
        close_task(work, task.id, outcome="done", reason=f"request {row.state}", by=teller.by, now=now)
    if row.hold_id is not None:
        release_hold(work, row.borrower_id, row.hold_id, teller=teller, now=now, reason=f"hardship request {row.state}")


def _watch(work: Work, row: HardshipRequestRow, *, after: datetime | None = None) -> None:
    looks = [local_instant(row.review_due_on + _DAY * days, time(0), row.zone) for days in (-1, 1)]
    follow_up_at(work, KIND, row.id, row.borrower_id, at=next(at for at in looks if after is None or at > after))


def _note_breach(work: Work, row: HardshipRequestRow, *, now: datetime) -> None:
    if row.breached_at is not None:
        return
    row.breached_at = now
    row.version += 1
    _mark_task(work, row, breach=True)
    DUTY_BREACHES.labels(row.jurisdiction).inc()
    logger().error("hardship request not decided in time", request_id=row.id, due_on=row.review_due_on.isoformat())
    _note(work, row, "hardship.review_missed", actor=_ENGINE, now=now)


def _mark_task(work: Work, row: HardshipRequestRow, *, breach: bool = False) -> None:
    task = find_task_named(work.session, _task_key(row))
    if task is not None and task.state == "open":
        task.facts = {**task.facts, "urgent": True}
        task.breach = task.breach or breach
        task.version += 1
    work.session.flush()


def _note(
    work: Work, row: HardshipRequestRow, action: str, *, actor: str, now: datetime, is_told: bool = True
) -> None:  # fmt: skip
    """Append to the audit trail, and announce to every lender whose loans it is about, without the answers."""
    facts = {"hardship_request_id": row.id, "loan_id": row.loan_id, "state": row.state, "arrangement": row.arrangement}
    add_audit(work.session, at=now, actor=actor, action=action, borrower_id=row.borrower_id, facts=facts)
    if not is_told:
        return
    data = {
        "hardship_request_id": row.id,
        "borrower_no": get_borrower(work.session, row.borrower_id).borrower_no,
        "loan_no": None if row.loan_id is None else get_loan(work.session, row.loan_id).loan_no,
        "state": row.state,
        "review_due_on": row.review_due_on.isoformat(),
        "arrangement": row.arrangement,
        "breach": row.breached_at is not None,
    }
    lenders = (
        {row.lender_id} if row.lender_id else {each for each, _ in queries.find_lenders_of(work.session, row.borrower_id)}
    )
    for lender_id in sorted(lenders):
        announce(work, lender_id, f"{action}.v1", data, now=now, borrower_id=row.borrower_id)


def _actor(row: HardshipRequestRow) -> str:
    return f"borrower:{row.borrower_id}"


def _task_key(row: HardshipRequestRow) -> str:
    return f"hardship/{row.id}"


def _place(column: str, request_id: str) -> str:
    return f"hardship_requests.{column}:{request_id}"
