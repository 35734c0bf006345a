"""Shares of loans: funded, given to another funder, taken back by the lender. Appended, each once by its reference."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson

from app.domain.book import PutResult
from app.domain.errors import ConflictError, CurrencyMismatchError, DomainError, refused_at
from app.domain.funder_claims import Transfer, movements_of
from app.domain.funding import ShareValues
from app.domain.funding_shares import OWN, Shares
from app.domain.pass_through import read_service_fee
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.funding import FundedLoanRow, ShareTransferRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries import funding as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.loans import find_loan_owners, find_loans
from app.persistence.queries.pass_through import find_marks
from app.persistence.unit_of_work import Work


def put_shares(
    work: Work, lender: LenderRow, batch: Sequence[ShareValues], *, by: str, now: datetime
) -> list[PutResult | DomainError]:
    """Record many, in the order given; the same reference with the same values changes nothing.

    What came in before is passed on again by the shares of its value date (`pass_through.py`). Each gets its own result or
    the error that refused it: ValidationError (no such loan or funder, more than the loan, or than somebody has),
    CurrencyMismatchError, ConflictError (the reference stands for another share, or another service fee was agreed).
    """
    return _Batch(work, lender, by, now).put(batch)


class _Batch:
    def __init__(self, work: Work, lender: LenderRow, by: str, now: datetime) -> None:
        self.work, self.lender, self.by, self.now = work, lender, by, now

    def put(self, batch: Sequence[ShareValues]) -> list[PutResult | DomainError]:
        session = self.work.session
        owners = find_loan_owners(session, self.lender.id, {values.loan_no for values in batch})
        lock_agenda(session, [borrower_id for _, borrower_id in owners.values()])
        self.loans = {loan.loan_no: loan for loan in find_loans(session, [loan_id for loan_id, _ in owners.values()])}
        ids = [loan.id for loan in self.loans.values()]
        self.funded = {row.loan_id: row for row in (session.get(FundedLoanRow, each) for each in ids) if row is not None}
        self.told = {key: [queries.as_transfer(row) for row in rows] for key, rows in
                     queries.find_transfers(session, ids).items()}  # fmt: skip
        self.passed = {key: bool(marks) for key, marks in find_marks(session, ids).items()}
        numbers = {no for values in batch for no in (values.to_funder_no, values.from_funder_no) if no is not None}
        self.funders = queries.find_funder_heads(session, self.lender.id, numbers)
        self.known = queries.find_share_hashes(session, self.lender.id, {values.reference for values in batch})
        results: list[PutResult | DomainError] = [PutResult("")] * len(batch)
        rows: dict[int, ShareTransferRow] = {}
        for index, values in enumerate(batch):
            try:
                results[index] = self._take(index, values, rows)
            except DomainError as error:
                results[index] = error
        self._check(batch, rows, results)
        for row in rows.values():
            self.funded[row.loan_id].passed_version = queries.CHANGED
        session.add_all(row for key, row in self.funded.items() if any(each.loan_id == key for each in rows.values()))
        session.flush()
        session.add_all(rows.values())
        session.flush()
        if rows:
            facts = {"lender_id": self.lender.id, "shares": len(rows), "loans": len({row.loan_id for row in rows.values()})}
            add_audit(session, at=self.now, actor=self.by, action="funding.shares_put", borrower_id=None, facts=facts)
        return results

    def _take(self, index: int, values: ShareValues, rows: dict[int, ShareTransferRow]) -> PutResult:
        values.check()
        loan = self.loans.get(values.loan_no)
        if loan is None:
            raise refused_at("/loan_no", f"There is no loan {values.loan_no}; send the loan first.")
        digest = _digest(values)
        known = self.known.get(values.reference)
        if known is not None:
            if known[1] != digest:
                raise ConflictError(f"Reference {values.reference} stands for another share; give each its own.")
            return PutResult(known[0])
        if values.currency != loan.currency:
            raise CurrencyMismatchError(f"Loan {values.loan_no} is in {loan.currency}, the share in {values.currency}.")
        if values.effective_on > business_date(self.now, loan.zone):
            raise refused_at("/effective_on", "The day is in the future; send it when it has come.")
        giver = self._funder("from_funder_no", values.from_funder_no)
        taker = self._funder("to_funder_no", values.to_funder_no)
        self._fund(loan, values)
        transfer_id = new_id()
        rows[index] = ShareTransferRow(
            id=transfer_id, lender_id=self.lender.id, loan_id=loan.id, giver_id=giver, taker_id=taker,
            units_minor=values.units_minor, effective_on=values.effective_on, reference=values.reference,
            content_hash=digest, recorded_on=business_date(self.now, self.lender.zone), recorded_at=self.now, by=self.by,
        )  # fmt: skip
        self.known[values.reference] = (transfer_id, digest)
        return PutResult(transfer_id, created=True, changed=True)

    def _funder(self, name: str, number: str | None) -> str | None:
        if number is None:
            return None
        head = self.funders.get(number)
        if head is None:
            raise refused_at(f"/{name}", f"There is no funder {number}; send the funder first.")
        return head.id

    def _fund(self, loan: LoanRow, values: ShareValues) -> None:
        fee = dict(values.service_fee or {})
        read_service_fee(fee)
        row = self.funded.get(loan.id)
        if row is None:
            if not loan.principal_minor:
                raise refused_at("/loan_no", f"Loan {loan.loan_no} does not say its principal; send it with the loan.")
            self.funded[loan.id] = FundedLoanRow(
                loan_id=loan.id, lender_id=self.lender.id, borrower_id=loan.borrower_id, currency=loan.currency,
                units_minor=loan.principal_minor, service_fee=fee, passed_version=queries.CHANGED, version=1,
            )  # fmt: skip
        elif values.service_fee is not None and row.service_fee != fee:
            if self.passed.get(loan.id):
                raise ConflictError(f"Another service fee was agreed for {loan.loan_no}, and money was passed on by it.")
            row.service_fee = fee

    def _check(
        self, batch: Sequence[ShareValues], rows: dict[int, ShareTransferRow], results: list[PutResult | DomainError]
    ) -> None:
        """Take out what would be more than the loan, or than somebody has; of a loan that is right, all at once."""
        by_loan: defaultdict[str, list[int]] = defaultdict(list)
        for index, row in rows.items():
            by_loan[row.loan_id].append(index)
        for loan_id, indices in by_loan.items():
            new = [queries.as_transfer(rows[index]) for index in indices]
            if self._problem(loan_id, [*self.told[loan_id], *new]) is None:
                continue
            kept = list(self.told[loan_id])
            for index, transfer in zip(indices, new, strict=True):
                problem = self._problem(loan_id, [*kept, transfer])
                if problem is None:
                    kept.append(transfer)
                    continue
                del rows[index]
                results[index] = problem

    def _problem(self, loan_id: str, transfers: Sequence[Transfer]) -> DomainError | None:
        funded = self.funded[loan_id]
        try:
            Shares(funded.units_minor, movements_of(transfers)).check(funded.currency)
        except DomainError as error:
            return error
        return None


def shares_of(funded: Any, transfers: Sequence[Any]) -> Shares:
    """Return the shares of a loan as stored."""
    return Shares(funded.units_minor, movements_of(queries.as_transfer(row) for row in transfers))


def holder_of(funder_id: str | None) -> str:
    """Return the name by which the domain knows a funder; None: the lender's own part."""
    return funder_id or OWN


def _digest(values: ShareValues) -> str:
    told = asdict(values) | {"effective_on": values.effective_on.isoformat()}
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()
