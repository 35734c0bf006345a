"""Autopay mandates: put by the core, drawn on, revoked. What a loan's `autopay` says is kept true to them.

Two doors of the core speak of the same thing: a loan's own `autopay`, and its mandate. The newest word holds; a loan put
again with the `autopay` it had before says nothing new, so that a nightly feed does not undo what a drawing told.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain.book import PutResult, check_text
from app.domain.errors import ConflictError, NotFoundError, StaleVersionError
from app.domain.mandates import (
    FAILED,
    LIVING,
    DrawValues,
    MandateState,
    MandateValues,
    check_draw,
    check_move,
    is_drawn,
    is_newest,
    state_after,
    state_by_loan,
)
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.loans import LoanRow
from app.persistence.models.mandates import MandateDrawRow, PaymentMandateRow
from app.persistence.queries import mandates as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loan_owners, get_loan, set_loans
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.notices import tell_borrower
from app.services.webhook_events import announce

_LONGEST_REFERENCE, _LONGEST_CODE = 120, 40
_NOTICES: Mapping[MandateState, str] = {
    MandateState.ACTIVE: "mandate_active",
    MandateState.FAILING: "mandate_failed",
    MandateState.FAILED: "mandate_failed",
    MandateState.REVOKED: "mandate_revoked",
    MandateState.ENDED: "mandate_ended",
}


def put_mandate(
    work: Work,
    lender_id: str,
    loan_no: str,
    values: MandateValues,
    *,
    by: str,
    now: datetime,
    source_version: int | None = None,
) -> PutResult:
    """Say what a loan's mandate is. Another reference is another mandate and ends the one before; the same changes nothing.

    Raises NotFoundError, ConflictError (that mandate is over), StaleVersionError, ValidationError.
    """
    check_text("reference", values.reference, _LONGEST_REFERENCE)
    loan = _locked(work, lender_id, loan_no)
    row = queries.find_newest_mandate(work.session, loan.id)
    if row is not None and row.reference == values.reference and row.provider == values.provider:
        return _put_again(work, loan, row, values, by=by, now=now, source_version=source_version)
    if values.state not in LIVING:
        raise NotFoundError(f"Loan {loan_no} has no mandate {values.reference} that could be {values.state}.")
    loan_said = loan.autopay if row is None else row.loan_said
    if row is not None and row.state in LIVING:
        _move(work, loan, row, MandateState.ENDED, by=by, now=now, is_told=False)
    row = PaymentMandateRow(
        id=new_id(),
        borrower_id=loan.borrower_id,
        loan_id=loan.id,
        lender_id=loan.lender_id,
        provider=values.provider,
        reference=values.reference,
        state=values.state.value,
        failures=0,
        loan_said=loan_said,
        source_version=source_version,
        created_at=now,
        changed_at=now,
        version=1,
    )
    work.session.add(row)
    work.session.flush()
    _tell(work, loan, row, by=by, now=now)
    _decide(work, loan, row, now)
    return PutResult(row.id, created=True, changed=True)


def record_draw(work: Work, lender_id: str, loan_no: str, values: DrawValues, *, by: str, now: datetime) -> PutResult:
    """Record what came of one drawing. A failure lets reminders go again in the same unit of work; the same changes nothing.

    Raises NotFoundError (no such loan, or it never had a mandate), ConflictError (the reference stands for another drawing,
    or the mandate is over), ValidationError.
    """
    check_text("reference", values.reference, _LONGEST_REFERENCE)
    check_text("code", values.code or "", _LONGEST_CODE)
    loan = _locked(work, lender_id, loan_no)
    check_draw(values, today=business_date(now, loan.zone))
    row = queries.find_newest_mandate(work.session, loan.id)
    if row is None:
        raise NotFoundError(f"Loan {loan_no} has no mandate; put it first.")
    known = queries.find_draw(work.session, row.id, values.reference)
    if known is not None:
        told = (known.drawn_on, known.outcome, known.code, known.retry_on)
        if told != (values.drawn_on, values.outcome, values.code, values.retry_on):
            raise ConflictError(f"Drawing {values.reference} was told otherwise before; give each its own reference.")
        return PutResult(known.id)
    if row.state not in LIVING:
        raise ConflictError(f"The mandate is {row.state}; nothing may be drawn on it.")
    drawn = MandateDrawRow(
        id=new_id(),
        borrower_id=loan.borrower_id,
        mandate_id=row.id,
        reference=values.reference,
        drawn_on=values.drawn_on,
        outcome=values.outcome,
        code=values.code,
        retry_on=values.retry_on,
        recorded_at=now,
    )
    work.session.add(drawn)
    if is_newest(values, row.last_drawn_on):
        _apply(work, loan, row, values, by=by, now=now)
    work.session.flush()
    return PutResult(drawn.id, created=True, changed=True)


def revoke_mandate(work: Work, borrower_id: str, loan_id: str, *, by: str, now: datetime) -> PaymentMandateRow:
    """Take the borrower's mandate back, at once; who draws is told by `mandate.revoked.v1`. Twice changes nothing.

    Raises NotFoundError, ConflictError when the lender ended it before.
    """
    lock_agenda(work.session, [borrower_id])
    row = queries.find_newest_mandate(work.session, loan_id)
    if row is None or row.borrower_id != borrower_id:
        raise NotFoundError("There is no mandate on this loan.")
    if row.state != MandateState.REVOKED:
        _move(work, get_loan(work.session, loan_id), row, MandateState.REVOKED, by=by, now=now)
    return row


def autopay_of(work: Work, said: Mapping[str, bool], *, by: str, now: datetime) -> dict[str, bool]:
    """Return what `autopay` is to be, by loan id, of the loans that the core puts again and that ever had a mandate.

    `said`: loan id -> the loan's own word. A new word moves a living mandate with it; the caller writes the loans, touches
    and decides.
    """
    found: dict[str, bool] = {}
    for loan_id, row in queries.find_newest_mandates(work.session, said).items():
        if said[loan_id] == row.loan_said:
            found[loan_id] = get_loan(work.session, loan_id).autopay
            continue
        row.loan_said = found[loan_id] = said[loan_id]
        after = state_by_loan(row.state, said[loan_id])
        if after != row.state:
            _set_state(row, after, now)
            _tell(work, get_loan(work.session, loan_id), row, by=by, now=now)
    return found


def _put_again(
    work: Work,
    loan: LoanRow,
    row: PaymentMandateRow,
    values: MandateValues,
    *,
    by: str,
    now: datetime,
    source_version: int | None,
) -> PutResult:
    if source_version is not None and row.source_version is not None and source_version < row.source_version:
        raise StaleVersionError(f"source_version {source_version} is older than {row.source_version}, which is recorded.")
    if source_version is not None:
        row.source_version = source_version
    if values.state == row.state:
        work.session.flush()
        return PutResult(row.id)
    _move(work, loan, row, values.state, by=by, now=now)
    return PutResult(row.id, changed=True)


def _apply(work: Work, loan: LoanRow, row: PaymentMandateRow, values: DrawValues, *, by: str, now: datetime) -> None:
    row.last_drawn_on, row.retry_on = values.drawn_on, values.retry_on
    after = state_after(values)
    if values.outcome == FAILED:
        row.failures += 1
        row.failed_at, row.failure_code = now, values.code
    elif after != row.state:
        row.failures = 0
    if after != row.state:
        _move(work, loan, row, after, by=by, now=now)
    elif values.outcome == FAILED:  # another try that failed: the borrower hears of each
        row.version += 1
        _tell(work, loan, row, by=by, now=now)
        _decide(work, loan, row, now)


def _move(
    work: Work,
    loan: LoanRow,
    row: PaymentMandateRow,
    after: MandateState,
    *,
    by: str,
    now: datetime,
    is_told: bool = True,
) -> None:
    check_move(row.state, after)
    _set_state(row, after, now)
    work.session.flush()
    if is_told:
        _tell(work, loan, row, by=by, now=now)
        _decide(work, loan, row, now)
    else:
        _audit(work, row, by, now)


def _set_state(row: PaymentMandateRow, after: MandateState, now: datetime) -> None:
    row.state, row.changed_at = after.value, now
    row.version += 1
    if after is MandateState.ACTIVE:
        row.failures = 0
    if after is not MandateState.FAILING:
        row.retry_on = None


def _decide(work: Work, loan: LoanRow, row: PaymentMandateRow, now: datetime) -> None:
    """Bring the loan's `autopay` to the mandate and decide at once: what it silenced goes, what it makes needless stays."""
    autopay = is_drawn(row.state)
    if loan.autopay != autopay:
        set_loans(work.session, [{"id": loan.id, "autopay": autopay, "version": loan.version + 1}])
    agenda.touch(work, [loan.borrower_id], now=now)
    reminders.review(work, [loan.borrower_id], now=now)


def _tell(work: Work, loan: LoanRow, row: PaymentMandateRow, *, by: str, now: datetime) -> None:
    _audit(work, row, by, now)
    data: dict[str, Any] = {
        "loan_no": loan.loan_no,
        "borrower_no": get_borrower(work.session, loan.borrower_id).borrower_no,
        "reference": row.reference,
        "provider": row.provider,
        "state": row.state,
    }
    if row.state in (MandateState.FAILING, MandateState.FAILED):
        data |= {
            "code": row.failure_code,
            "failures": row.failures,
            "retry_on": row.retry_on.isoformat() if row.retry_on else None,
        }
    announce(work, loan.lender_id, f"mandate.{row.state}.v1", data, now=now, borrower_id=loan.borrower_id)
    template = _NOTICES.get(MandateState(row.state))
    if template is not None:
        lender = get_lender(work.session, loan.lender_id)
        values = {"loan": loan.loan_no, "lender": lender.name}
        tell_borrower(
            work,
            loan.borrower_id,
            template,
            values,
            now=now,
            loan_id=loan.id,
            subject_id=row.id,
            also_push=not by.startswith("borrower"),
        )


def _audit(work: Work, row: PaymentMandateRow, by: str, now: datetime) -> None:
    facts = {"mandate_id": row.id, "loan_id": row.loan_id, "state": row.state, "failures": row.failures}
    add_audit(work.session, at=now, actor=by, action=f"mandate.{row.state}", borrower_id=row.borrower_id, facts=facts)


def _locked(work: Work, lender_id: str, loan_no: str) -> LoanRow:
    owner = find_loan_owners(work.session, lender_id, [loan_no]).get(loan_no)
    if owner is None:
        raise NotFoundError(f"There is no loan {loan_no}; send the loan first.")
    lock_agenda(work.session, [owner[1]])
    loan = get_loan(work.session, owner[0])
    work.session.refresh(loan)
    return loan
