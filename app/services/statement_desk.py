"""Statement lines at the desk: what waits, which loans it may be for, and a person's word about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.book import check_text
from app.domain.errors import ConflictError, refused_at
from app.domain.money import Money
from app.domain.statement_matching import MOVES, How, Match, Part, State, StatementLine, minor_down
from app.persistence.models.loans import LoanRow
from app.persistence.models.statement_lines import StatementLineRow
from app.persistence.queries import statement_lines as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loan_owners, find_loans_numbered
from app.persistence.queries.transfer_references import find_transfer_settings
from app.persistence.unit_of_work import Work
from app.services import reminders
from app.services.statement_booking import BY_RULES, Booking, book, part_rows
from app.services.statement_evidence import read_rules
from app.services.statement_returns import RETURNED
from app.services.statement_tellings import Tellings

LONGEST_REASON = 200
MOST_CANDIDATES = 10
_AROUND = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class WantedPart:
    """What of a line goes to which loan, as a person says."""

    loan_no: str
    amount: Money


def match_by_hand(
    work: Work, lender_id: str, line_id: str, wanted: Sequence[WantedPart], *, by: str, now: datetime
) -> StatementLineRow:
    """Book a line on the loans a person names; nothing of it may be left over. The borrowers are decided about at once.

    What the core has told of since is not booked again. Raises NotFoundError, ConflictError (it is matched already, or the
    core told of it otherwise), ValidationError (the parts are not the line, no such loan).
    """
    lender = get_lender(work.session, lender_id)
    numbers = [part.loan_no for part in wanted]
    owners = find_loan_owners(work.session, lender.id, numbers)
    lock_agenda(work.session, {borrower_id for _, borrower_id in owners.values()})
    row = queries.get_line(work.session, lender.id, line_id, lock=True)
    _check_move(row, State.MATCHED)
    if row.state == State.IGNORED.value and (row.ignored_because, row.matched_by) == (RETURNED, BY_RULES):
        raise ConflictError("The money of this line went back by another line, so there is nothing to book.")
    _check_parts(row, wanted, owners)
    loans = {loan.id: loan for loan in find_loans_numbered(work.session, lender.id, numbers)}
    parts = tuple(Part(owners[part.loan_no][0], part.amount.minor) for part in wanted)
    line = StatementLine(row.reference, row.booked_on, row.amount_minor, row.currency)
    tellings = Tellings.of(work.session, lender.id, [line], loans)
    match = Match(State.MATCHED, How.MANUAL, tellings.by_hand(line, parts))
    paid = book(work, lender, [Booking(row.id, line, match)], loans, now=now)[row.id]
    queries.add_parts(work.session, part_rows(paid))
    row.state, row.how, row.why = State.MATCHED.value, How.MANUAL.value, []
    row.matched_at, row.matched_by, row.ignored_because, row.version = now, by, None, row.version + 1
    queries.forget_keys(work.session, [row.id])
    work.session.flush()
    facts = {"line_id": row.id, "loan_nos": numbers, "was": [each.payment_reference for each in paid]}
    for borrower_id in sorted({each.borrower_id for each in paid}):
        add_audit(work.session, at=now, actor=by, action="statement_line.matched", borrower_id=borrower_id, facts=facts)
    reminders.review(work, sorted({each.borrower_id for each in paid}), now=now)
    return row


def ignore_line(work: Work, lender_id: str, line_id: str, *, reason: str, by: str, now: datetime) -> StatementLineRow:
    """Set a line aside that is for no loan. Doing so twice changes nothing. Raises NotFoundError, ConflictError."""
    check_text("reason", reason, LONGEST_REASON)
    row = queries.get_line(work.session, lender_id, line_id, lock=True)
    if row.state == State.IGNORED.value:
        return row
    _check_move(row, State.IGNORED)
    row.state, row.ignored_because, row.matched_by, row.matched_at = State.IGNORED.value, reason, by, now
    row.version += 1
    queries.forget_keys(work.session, [row.id])
    work.session.flush()
    facts = {"line_id": row.id}
    add_audit(work.session, at=now, actor=by, action="statement_line.ignored", borrower_id=None, facts=facts)
    return row


def candidate_numbers(session: Session, lender_id: str, rows: Sequence[Any]) -> dict[str, str]:
    """Return loan id -> number of all candidates of these lines."""
    ids = {loan_id for row in rows for loan_id in row.candidates}
    found = session.execute(select(LoanRow.id, LoanRow.loan_no).where(LoanRow.id.in_(ids), LoanRow.lender_id == lender_id))
    return {row.id: row.loan_no for row in found}


def loans_of_about(session: Session, lender_id: str, row: Any) -> list[str]:
    """Return the numbers of loans with an instalment of about the line's amount around its day: where a person may look."""
    stored = find_transfer_settings(session, lender_id)
    around = minor_down(read_rules(stored.rules if stored else None).tolerance, row.currency)
    ids = queries.find_loans_due(
        session,
        lender_id,
        row.currency,
        amount=(row.amount_minor - around, row.amount_minor + around),
        due=(row.booked_on - _AROUND, row.booked_on + _AROUND),
        limit=MOST_CANDIDATES,
    )
    found = session.execute(select(LoanRow.loan_no).where(LoanRow.id.in_(ids)).order_by(LoanRow.loan_no))
    return list(found.scalars())


def _check_move(row: StatementLineRow, state: State) -> None:
    if state not in MOVES[State(row.state)]:
        raise ConflictError(
            "The line is matched and in the ledger. Money that went back is a line that returns it; a payment on the wrong "
            "loan is taken back by a reversal of its payment reference."
        )


def _check_parts(row: StatementLineRow, wanted: Sequence[WantedPart], owners: Mapping[str, tuple[str, str]]) -> None:
    if row.amount_minor <= 0:
        raise refused_at("/parts", "Money that goes out pays no loan; ignore the line, or send it as the return of another.")
    for index, part in enumerate(wanted):
        if part.loan_no not in owners:
            raise refused_at(f"/parts/{index}/loan_no", f"There is no loan {part.loan_no}.")
        if part.amount.currency != row.currency:
            raise refused_at(f"/parts/{index}/amount", f"The line is in {row.currency}.")
        if part.amount.minor <= 0:
            raise refused_at(f"/parts/{index}/amount", "A part is more than 0.")
    if len({part.loan_no for part in wanted}) != len(wanted):
        raise refused_at("/parts", "A loan is named twice; give it one part.")
    if sum(part.amount.minor for part in wanted) != row.amount_minor:
        raise refused_at("/parts", f"The parts do not add up to the line: {row.amount_minor} minor units of {row.currency}.")
