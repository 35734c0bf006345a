"""From staged rows into the book, some hundred loans per unit of work.

Every step asks first what the book has and writes only what differs, so an import that was killed is simply run again.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from app.domain.book import LoanValues, PaymentResult, PaymentValues, PlanValues, PutResult
from app.domain.errors import DomainError
from app.domain.ledger import EntryKind
from app.domain.plans import PlanRow
from app.domain.tapes import TapeValues
from app.domain.times import end_of_day
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.borrowers import find_borrower_ids
from app.persistence.queries.ledger import find_derived_entries, find_told
from app.persistence.queries.loans import LoanHead, find_loan_heads, find_newest_tapes
from app.persistence.queries.positions import find_plan_versions
from app.persistence.unit_of_work import Work
from app.services.borrowers import put_borrowers
from app.services.imports import funding
from app.services.imports.collateral import TakenRow, done_of, put_rows
from app.services.imports.entries import payments_of, told_already
from app.services.imports.groups import Group
from app.services.imports.maps import ImportMap
from app.services.imports.reports import LISTED, ImportReport
from app.services.imports.staging import Stage
from app.services.imports.values import Records
from app.services.lenders import put_lender
from app.services.loan_accounts import loan_numbers, put_loan_accounts, put_standing_orders
from app.services.loans import put_loans, put_plans
from app.services.mismatches import differing_loans
from app.services.money_moves import follow_ledger
from app.services.payments import record_payments
from app.services.tapes import put_tapes


@dataclass
class Booking:
    """Writes one file, batch by batch."""

    map: ImportMap
    records: Records
    stage: Stage
    as_of: date | None
    newest_as_of: date | None
    """Of what was taken in before through this map: what an older file says of loans known is kept aside."""
    now: datetime
    report: ImportReport = field(init=False)
    _changed: set[str] = field(init=False)
    _refused: dict[int, tuple[str | None, str]] = field(init=False)

    @property
    def origin(self) -> str:
        """How what comes from this file is marked."""
        return f"import:{self.map.name}"

    @property
    def done(self) -> Counter[str]:
        """What this batch wrote."""
        return self.report.done

    def book(self, work: Work, lender: LenderRow | None, batch: Sequence[Group]) -> ImportReport:
        """Write one batch in the caller's unit of work; return what became of it. It may be done again from the start.

        `lender` is None for files about lenders and borrowers.
        """
        self.report = ImportReport(self.map.name)
        self._changed, self._refused = set(), {}
        if self.records.lender:
            for group in batch:
                put_lender(work, self.records.lender_values(group.rows[0].values), now=self.now)
                self.done["lenders"] += 1
        if self.records.borrower:
            values = [self.records.borrower_values(group.rows[0].values) for group in batch]
            results = put_borrowers(work, values, now=self.now, origin=self.origin)
            self._count("borrowers", batch, results)
            self.done["phones_in_use"] += sum(1 for each in results if isinstance(each, PutResult) and each.conflicts)
        if lender is not None and self.records.collateral:
            self._put_collateral(work, lender, batch)
        elif lender is not None and self.records.funding:
            self._put_funding(work, lender, batch)
        elif lender is not None:
            self._book_loans(work, lender, batch)
        for line, (value, reason) in sorted(self._refused.items()):
            self.report.reject(line, None, value, reason)
        return self.report

    def _book_loans(self, work: Work, lender: LenderRow, batch: Sequence[Group]) -> None:
        if self.records.standing_order:
            self._put_standing_orders(work, lender, batch)
        if self.map.loan_by_account:
            known = loan_numbers(work, lender, {group.key for group in batch})
            batch = [replace(group, key=known[group.key]) for group in batch]
        numbers = [group.key for group in batch]
        before = find_loan_heads(work.session, lender.id, numbers)
        newer = self._newer_already(work, before)
        self.done["loans_newer_already"] += len(newer)
        current = [group for group in batch if group.key not in newer]
        if self.records.loan:
            refused = self._put_loans(work, lender, current)
            batch = [group for group in batch if group.key not in refused]
            current = [group for group in current if group.key not in refused]
        heads = find_loan_heads(work.session, lender.id, numbers) if self.records.loan else before
        if self.records.loan:
            self._put_accounts(work, lender, current, heads)
        if self.records.facts:
            self._put_tapes(work, lender, [group for group in batch if group.key in heads])
        if self.records.plan_row:
            self._put_plans(work, lender, current, heads)
        if self.records.entries:
            self._put_entries(work, lender, current, before)
        follow_ledger(work, self._changed, now=self.now)
        if self.records.facts:
            self.report.differing = differing_loans(work.session, [head.id for head in heads.values()])

    def _put_standing_orders(self, work: Work, lender: LenderRow, batch: Sequence[Group]) -> None:
        rows = [pair for group in batch for pair in zip(group.rows, group.contexts, strict=True)]
        orders = [self.records.standing_order_values(context) for _, context in rows]
        results = put_standing_orders(work, lender, orders, now=self.now)
        for (row, _), order, result in zip(rows, orders, results, strict=True):
            if isinstance(result, DomainError):
                self._refused.setdefault(row.line, (order.reference, result.detail))
                continue
            done = "created" if result.created else "changed" if result.changed else "unchanged"
            self.done[f"standing_orders_{done}"] += 1

    def _put_funding(self, work: Work, lender: LenderRow, batch: Sequence[Group]) -> None:
        pairs = [pair for group in batch for pair in zip(group.rows, group.contexts, strict=True)]
        for kind in self.records.funding:
            rows = [
                TakenRow(row.line, self.records.funding_fields(kind, context), context.row[-1]) for row, context in pairs
            ]
            results = funding.put_rows(work, lender, kind, rows, origin=self.origin, now=self.now)
            for row, result in zip(rows, results, strict=True):
                if isinstance(result, DomainError):
                    self._refused.setdefault(row.line, (funding.subject_of(kind, row), result.detail))
                    continue
                self.done[f"{kind}s_{done_of(result)}"] += 1

    def _put_collateral(self, work: Work, lender: LenderRow, batch: Sequence[Group]) -> None:
        pairs = [pair for group in batch for pair in zip(group.rows, group.contexts, strict=True)]
        for kind in self.records.collateral:
            rows = [
                TakenRow(row.line, self.records.collateral_fields(kind, context), context.row[-1]) for row, context in pairs
            ]
            results = put_rows(work, lender, kind, rows, origin=self.origin, now=self.now)
            for row, result in zip(rows, results, strict=True):
                if isinstance(result, DomainError):
                    self._refused.setdefault(row.line, (row.fields["reference"], result.detail))
                    continue
                self.done[f"{kind}s_{done_of(result)}"] += 1

    def _put_accounts(self, work: Work, lender: LenderRow, batch: Sequence[Group], heads: Mapping[str, LoanHead]) -> None:
        found = {group.key: self.records.account_no(group.contexts[0]) for group in batch}
        accounts = {loan_no: account_no for loan_no, account_no in found.items() if account_no}
        if accounts:
            put_loan_accounts(work, lender, accounts, heads, now=self.now)

    def _newer_already(self, work: Work, before: Mapping[str, LoanHead]) -> set[str]:
        """Return the loans of which the book has newer: a forced older file is kept for its day, it undoes nothing."""
        if self.as_of is None:
            return set()
        if not self.records.facts:
            return set(before) if self.newest_as_of is not None and self.as_of < self.newest_as_of else set()
        newest = find_newest_tapes(work.session, [head.id for head in before.values()])
        return {loan_no for loan_no, head in before.items() if newest.get(head.id, self.as_of) > self.as_of}

    def _put_loans(self, work: Work, lender: LenderRow, batch: Sequence[Group]) -> set[str]:
        """Put the loans; return the numbers of those refused: nothing else of their rows is booked."""
        values: list[LoanValues] = []
        for group in batch:
            loan = self.records.loan_values(group.contexts[0])
            values.append(replace(loan, recorded_at=loan.recorded_at or self._end_of_as_of(lender)))
        known = find_borrower_ids(work.session, {value.borrower_no for value in values})
        results = put_loans(work, lender, values, now=self.now, origin=self.origin)
        self._count("loans", batch, results)
        made = {value.borrower_no for value, each in zip(values, results, strict=True) if isinstance(each, PutResult)}
        self.done["borrowers_without_contacts"] += len(made - known.keys())
        return {group.key for group, each in zip(batch, results, strict=True) if isinstance(each, DomainError)}

    def _end_of_as_of(self, lender: LenderRow) -> datetime | None:
        return end_of_day(self.as_of, lender.zone) if self.as_of else None

    def _put_tapes(self, work: Work, lender: LenderRow, batch: Sequence[Group]) -> None:
        if self.as_of is None:
            return
        values = [TapeValues(group.key, self.records.facts_of(group.rows[0].values)) for group in batch]
        for result in put_tapes(work, lender.id, self.as_of, values, now=self.now):
            if isinstance(result, PutResult) and result.changed:
                self.done["tape_rows_added" if result.created else "tape_rows_changed"] += 1

    def _put_plans(self, work: Work, lender: LenderRow, batch: Sequence[Group], heads: dict[str, LoanHead]) -> None:
        carried = self._carried_rows(work, batch, heads)
        wanted: list[Group] = []
        values: list[PlanValues] = []
        for group in batch:
            head = heads.get(group.key)
            if head is None:
                continue  # its loan was refused and is listed
            plan = self.records.plan_values(group.contexts, group.key, carried.get(group.key, ()))
            if plan.recorded_at is None:
                plan = replace(plan, recorded_at=self._end_of_as_of(lender) or head.recorded_at)
            wanted.append(group)
            values.append(plan)
        results = put_plans(work, lender, values, now=self.now, origin=self.origin)
        self._count("plans", wanted, results)

    def _carried_rows(self, work: Work, batch: Sequence[Group], heads: dict[str, LoanHead]) -> dict[str, list[PlanRow]]:
        """Return rows of the present plans that this file names but could not say: a mangled cell deletes no instalment."""
        carried: dict[str, list[PlanRow]] = {}
        for group in batch:
            head = heads.get(group.key)
            refused = set(self.stage.refused_orders(group.key)) - {
                self.records.row_of_plan(c).row_no for c in group.contexts
            }
            if not refused or head is None or not head.anchor_no:
                continue
            version = find_plan_versions(work.session, [head.id])[head.id][-1]
            carried[group.key] = [row for row in version.rows if row.row_no in refused]
        return carried

    def _put_entries(self, work: Work, lender: LenderRow, batch: Sequence[Group], before: dict[str, LoanHead]) -> None:
        loans = {head.id: head.loan_no for head in before.values()}
        derived = find_derived_entries(work.session, list(loans)) if loans else {}
        told: dict[str, dict[date, list[int]]] = {}
        if loans and self.records.plan_row:
            for (loan_id, day), each in find_told(work.session, loans).items():
                told.setdefault(loan_id, {})[day] = each.by_payments
        lines: list[int] = []
        payments: list[PaymentValues] = []
        for group in batch:
            head = before.get(group.key)
            own = derived.get(head.id, {}) if head else {}
            wanted: list[tuple[int, PaymentValues]] = []
            for row, context in zip(group.rows, group.contexts, strict=True):
                for draft in self.records.drafts(context):
                    asked = payments_of(draft, group.key, self.records.row_no(context), context.row[-1], own)
                    self.done["payments_unchanged"] += asked is None
                    wanted += ((row.line, payment) for payment in asked or ())
            if head is not None and head.id in told:
                known = told_already([payment for _, payment in wanted], told[head.id])
                self.done["payments_known_already"] += len(known)
                wanted = [(line, payment) for line, payment in wanted if payment.reference not in known]
            lines += (line for line, _ in wanted)
            payments += (payment for _, payment in wanted)
        results = record_payments(work, lender, payments, now=self.now, origin=self.origin)
        for line, payment, result in zip(lines, payments, results, strict=True):
            self._count_payment(line, payment, result)

    def _count(self, what: str, groups: Sequence[Group], results: Sequence[PutResult | DomainError]) -> None:
        for group, result in zip(groups, results, strict=True):
            if isinstance(result, DomainError):
                for row in group.rows:
                    self._refused.setdefault(row.line, (None, result.detail))
                continue
            self.done[f"{what}_{'created' if result.created else 'changed' if result.changed else 'unchanged'}"] += 1
            if result.changed and what != "borrowers":
                self._changed.add(result.id)

    def _count_payment(self, line: int, payment: PaymentValues, result: PaymentResult | DomainError) -> None:
        if isinstance(result, DomainError):
            self._refused.setdefault(line, (payment.reference, result.detail))
            return
        self.done[f"payments_{result.status}"] += 1
        if result.status != "recorded" or result.loan_id is None:
            return
        self._changed.add(result.loan_id)
        if payment.kind is EntryKind.SOURCE_ADJUSTMENT:
            self.done["source_adjustments"] += 1
            if len(self.report.adjustments) < LISTED:
                self.report.adjustments.append(
                    {
                        "loan": payment.loan_no,
                        "reference": payment.reference,
                        "effective_on": payment.effective_on.isoformat(),
                        "amount_minor": payment.amount_minor,
                    }
                )
