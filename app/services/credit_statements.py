"""A borrower's own words beside what is reported of them. Source: Credit Reporting Regulation art. 16, 15 USC 1681i(b)."""

from dataclasses import dataclass, field
from datetime import datetime

from app.domain.book import check_text
from app.domain.errors import refused_at
from app.domain.free_text import without_card_numbers
from app.persistence.ids import new_id
from app.persistence.models.credit_reports import CreditStatementRow
from app.persistence.queries import credit_statements as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work

LONGEST = 500


def put_statement(work: Work, borrower_id: str, loan_id: str, words: str, *, now: datetime) -> str:
    """Put a statement to a loan in place of the one that stood; return its id. Raises NotFoundError, ValidationError."""
    if not words.strip():
        raise refused_at("/words", "Write what you want to add.")
    check_text("words", words, LONGEST)
    lock_agenda(work.session, [borrower_id])
    queries.check_own(work.session, borrower_id, loan_id)
    queries.mark_withdrawn(work.session, borrower_id, loan_id, at=now)
    row = CreditStatementRow(id=new_id(), borrower_id=borrower_id, loan_id=loan_id, made_at=now)
    row.words_sealed = work.vault.seal(without_card_numbers(words.strip()), place=place_of(row.id)) or b""
    queries.add_statement(work.session, row)
    _audit(work, "credit.statement_made", borrower_id, loan_id, now)
    return row.id


def withdraw_statement(work: Work, borrower_id: str, loan_id: str, *, now: datetime) -> None:
    """Take the statement to a loan back; twice changes nothing. Raises NotFoundError for a loan that is not theirs."""
    lock_agenda(work.session, [borrower_id])
    queries.check_own(work.session, borrower_id, loan_id)
    if queries.mark_withdrawn(work.session, borrower_id, loan_id, at=now):
        _audit(work, "credit.statement_withdrawn", borrower_id, loan_id, now)


@dataclass(frozen=True, slots=True)
class Said:
    """A statement that stands, opened for a reader."""

    words: str = field(repr=False)
    made_at: datetime


def read_statement(work: Work, borrower_id: str, loan_id: str, *, by: str, now: datetime) -> Said | None:
    """Return the statement that stands to a loan, for staff; that it was read is written down. None: there is none."""
    row = queries.find_statement(work.session, borrower_id, loan_id)
    if row is None:
        return None
    words = work.vault.open(row.words_sealed, place=place_of(row.id))
    facts = {"loan_id": loan_id, "statement_id": row.id}
    add_audit(work.session, at=now, actor=by, action="credit.statement_read", borrower_id=borrower_id, facts=facts)
    return None if words is None else Said(words, row.made_at)


def place_of(statement_id: str) -> str:
    """Return the place under which its words are sealed."""
    return f"credit_statements.words:{statement_id}"


def _audit(work: Work, action: str, borrower_id: str, loan_id: str, now: datetime) -> None:
    facts = {"loan_id": loan_id}
    add_audit(work.session, at=now, actor=f"borrower:{borrower_id}", action=action, borrower_id=borrower_id, facts=facts)
