"""What borrowers do about a dispute, an objection or a complaint: open, follow, withdraw, escalate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.domain.disputes import (
    ESCALATED_TO,
    MOST_ATTACHMENTS,
    MOST_OPEN,
    OPEN,
    DisputeValues,
    check_move,
    check_new,
    mark_of,
    stops_reminders,
)
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.times import business_date
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.disputes import DisputeRow
from app.persistence.queries import disputes as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_own_loan, get_loan
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services import accounts, dispute_cases
from app.services.conversations import Thread, Word, add_word
from app.services.dispute_terms import Route, answer_term, routes
from app.services.holds import Teller
from app.services.law_packs import pack_for
from app.services.notices import tell_borrower
from app.services.subject_threads import settle_thread, tell_thread
from app.wording.variables import Value

BY_BORROWER = "borrower"
LONGEST_TEXT = 4000


@dataclass(frozen=True, slots=True)
class ShownDispute:
    """A case as the borrower and staff see it."""

    row: Any
    """Its columns, with `loan_no` and `borrower_no`."""
    words: str
    answer: str | None
    escalation: str | None
    routes: Sequence[Route]
    """Where else the borrower may go: once it was rejected, or no answer came in time."""


def open_dispute(
    work: Work, borrower_id: str, loan_id: str, values: DisputeValues, *, now: datetime, word_key: str | None = None
) -> str:
    """Open a case; return its id. Where the ground questions the debt, reminders about the loan stop in that unit of work.

    Its words begin a conversation; `word_key`: what tells them from every other word (default: the case's own).

    The same again soon after it was rejected or taken back is a case too, and stops none.

    Raises NotFoundError, ValidationError, ConflictError when too many are open, or an attachment was used before.
    """
    lock_agenda(work.session, [borrower_id])
    loan = find_own_loan(work.session, borrower_id, loan_id)
    if loan is None:
        raise NotFoundError("There is no such loan.")
    account = accounts.get_account(work.session.connection(), borrower_id, loan_id, now=now)
    check_new(values, currency=loan.currency, outstanding_minor=account.position.outstanding_minor)
    if len(values.attachments) > MOST_ATTACHMENTS:
        raise refused_at("/attachments", f"attachments are more than {MOST_ATTACHMENTS}.")
    if queries.count_open(work.session, borrower_id) >= MOST_OPEN:
        raise ConflictError(f"{MOST_OPEN} cases are open already; write to us, or withdraw one of them.")
    pack = pack_for(get_borrower(work.session, borrower_id).country or get_lender(work.session, loan.lender_id).jurisdiction)
    term = answer_term(pack.pack.jurisdiction, values.kind)
    dispute_id = new_id()
    row = DisputeRow(
        id=dispute_id,
        borrower_id=borrower_id,
        loan_id=loan_id,
        lender_id=loan.lender_id,
        reference=f"D-{dispute_id[-10:].upper()}",
        kind=values.kind,
        ground=values.ground,
        amount_minor=values.amount_minor,
        currency=loan.currency,
        words_sealed=work.vault.seal(without_card_numbers(values.words), place=_place("words", dispute_id)),
        state="received",
        jurisdiction=pack.pack.jurisdiction,
        received_at=now,
        answer_due_on=term.due_on(business_date(now, loan.zone)),
        rule=term.rule,
        source=term.source,
        credit_mark=mark_of(values.kind, "received"),
        attachments=list(values.attachments),
        version=1,
    )
    queries.add_dispute(work.session, row)
    dispute_cases.claim_files(
        work, borrower_id, values.attachments, "dispute", dispute_id, lender_id=loan.lender_id, now=now
    )
    dispute_cases.begin(work, row, teller=_teller(row), now=now)
    word = Word(word_key or f"dispute/{dispute_id}", "in_app", values.words, at=now, attachments=tuple(values.attachments))
    thread = Thread(kind="dispute", loan_id=loan_id, lender_id=loan.lender_id, subject_id=dispute_id, files_are_bound=True)
    add_word(work, borrower_id, word, now=now, makes_task=False, thread=thread)
    dispute_cases.audit(work, row, "dispute.received", actor=_actor(row), now=now, ground=row.ground, rule=row.rule)
    dispute_cases.tell_lender(work, row, "dispute.received.v1", now=now)
    is_again = dispute_cases.same_before(work, row) is not None and stops_reminders(row.kind, row.ground)
    _answer_borrower(work, row, "dispute_received_again" if is_again else "dispute_received", now=now)
    return dispute_id


def withdraw(work: Work, borrower_id: str, dispute_id: str, *, now: datetime) -> None:
    """Take a case back; reminders go on. Taking it back twice changes nothing. Raises NotFoundError, ConflictError."""
    lock_agenda(work.session, [borrower_id])
    row = queries.load_own(work.session, borrower_id, dispute_id)
    if row.state == "withdrawn":
        return
    check_move(row.state, "withdrawn")
    row.state, row.credit_mark = "withdrawn", mark_of(row.kind, "withdrawn")
    row.version += 1
    work.session.flush()
    dispute_cases.end(work, row, teller=_teller(row), now=now)
    settle_thread(work, borrower_id, row.id, by=_actor(row), now=now)
    dispute_cases.audit(work, row, "dispute.withdrawn", actor=_actor(row), now=now)
    dispute_cases.tell_lender(work, row, "dispute.withdrawn.v1", now=now)


def escalate(work: Work, borrower_id: str, dispute_id: str, *, to: str, reason: str, now: datetime) -> None:
    """Put a case before seniors, once. One that was answered is open again from that second, with a new day due.

    `to`: supervisor, or a body outside that the borrower has turned to: seniors then look at it no less. Raises
    NotFoundError, ConflictError, ValidationError.
    """
    if to not in ESCALATED_TO:
        raise refused_at("/to", f"to is not one of {', '.join(ESCALATED_TO)}.")
    lock_agenda(work.session, [borrower_id])
    row = queries.load_own(work.session, borrower_id, dispute_id)
    if row.escalated_at is not None:
        raise ConflictError("The case was escalated before; its answer is final here. The routes outside stay open.")
    is_answered = row.state not in OPEN
    if is_answered:
        check_move(row.state, "under_review")
    row.escalated_at, row.escalated_to = now, to
    row.escalation_sealed = work.vault.seal(without_card_numbers(reason), place=_place("escalation", row.id))
    row.version += 1
    if is_answered:
        term = answer_term(row.jurisdiction, row.kind)
        row.state, row.credit_mark = "under_review", mark_of(row.kind, "under_review")
        row.hold_id = None
        row.answer_due_on = term.due_on(business_date(now, get_loan(work.session, row.loan_id).zone))
        work.session.flush()
        dispute_cases.begin(work, row, teller=_teller(row), now=now)
    else:
        work.session.flush()
        dispute_cases.ask_staff(work, row, now=now)
    tell_thread(work, borrower_id, row.id, f"dispute/{row.id}/escalation", without_card_numbers(reason), now=now)
    dispute_cases.audit(work, row, "dispute.escalated", actor=_actor(row), now=now, to=to)
    dispute_cases.tell_lender(work, row, "dispute.escalated.v1", now=now)
    _answer_borrower(work, row, "dispute_escalated", now=now)


def get_own(reads: Connection, borrower_id: str, dispute_id: str, *, locale: str) -> ShownDispute:
    """Return a borrower's own case. Raises NotFoundError."""
    return shown(queries.get_shown(reads, dispute_id, borrower_id=borrower_id), vault(), locale)


def page_own(
    reads: Connection, borrower_id: str, loan_id: str, *, before: tuple[datetime, str] | None, limit: int, locale: str
) -> list[ShownDispute]:
    """Return a borrower's own cases about a loan, newest first. Raises NotFoundError."""
    if find_own_loan(reads, borrower_id, loan_id) is None:
        raise NotFoundError("There is no such loan.")
    rows = queries.page_own(reads, borrower_id, loan_id, before=before, limit=limit)
    return [shown(row, vault(), locale) for row in rows]


def shown(row: Any, ring: Vault, locale: str) -> ShownDispute:
    """Return a case's columns with its words opened."""
    is_let_down = row.state in ("rejected", "partly_upheld") or row.breached_at is not None
    return ShownDispute(
        row,
        ring.open(row.words_sealed, place=_place("words", row.id)) or "",
        ring.open(row.answer_sealed, place=_place("answer", row.id)),
        ring.open(row.escalation_sealed, place=_place("escalation", row.id)),
        routes(row.jurisdiction, locale) if is_let_down else (),
    )


def _answer_borrower(work: Work, row: DisputeRow, template: str, *, now: datetime) -> None:
    told: dict[str, Value] = {"reference": row.reference, "answer_by": row.answer_due_on}
    tell_borrower(
        work, row.borrower_id, template, told, now=now, loan_id=row.loan_id, subject_id=row.id, also_push=False
    )  # fmt: skip


def _teller(row: DisputeRow) -> Teller:
    return Teller(BY_BORROWER, row.lender_id)


def _actor(row: DisputeRow) -> str:
    return f"borrower:{row.borrower_id}"


def _place(column: str, dispute_id: str) -> str:
    return f"disputes.{column}:{dispute_id}"
