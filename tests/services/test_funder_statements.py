"""Statements that foot whatever happened: several loans and currencies, transfers and reversals in and across periods."""

import random
from collections import defaultdict
from datetime import timedelta
from itertools import count

import pytest
from flask import Flask

from app.domain.book import PaymentValues
from app.domain.errors import ConflictError, DomainError
from app.domain.funder_statements import FunderStatement
from app.domain.ledger import EntryKind
from app.domain.splits import NOTHING, Split
from app.persistence.queries.funding import find_funded
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.pass_through import find_snapshot_versions
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.desk_payments import DeskStaff
from app.services.funder_statements import outstanding_by_holder, statement_of
from app.services.funding_checks import check_funding
from app.services.funding_desk import page_entries
from app.services.pass_through import pass_on_due
from app.services.payments import record_payment
from app.services.payouts import decide_batch, make_batch
from app.wording.funder_statement_pdf import FunderDocument, funder_statement_pdf
from tests.builders.book import Built, pay
from tests.builders.funding import funded_loan, transfer
from tests.conftest import START

TODAY = START.date()
DAYS = 12
FUNDERS = [f"F{n}" for n in range(6)]
CURRENCIES = ("USD", "JPY", "KWD")


def statement(lender_id: str, funder_no: str, first: int, last: int) -> FunderStatement:
    """Of days after today, both inclusive, read when all was over."""
    with reading() as reads:
        days = (TODAY + timedelta(days=first), TODAY + timedelta(days=last))
        return statement_of(reads, get_lender(reads, lender_id), funder_no, *days, now=START + timedelta(days=DAYS))


def entries(lender_id: str, funder_no: str, first: int, last: int, *, size: int) -> list[object]:
    """All pages of what was booked."""
    staff, found, after = DeskStaff("staff:Ann", "admin", lender_id), [], None
    while True:
        rows = page_entries(
            staff, funder_no, TODAY + timedelta(days=first), TODAY + timedelta(days=last), after=after, limit=size,
            now=START + timedelta(days=DAYS),
        )  # fmt: skip
        found += rows
        if len(rows) < size:
            return found
        after = (rows[-1].booked_at, rows[-1].id)


class Life:
    """Several loans of one lender; each day something happens to some of them, late or not."""

    def __init__(self, seed: int) -> None:
        self.random, self.numbers = random.Random(seed), count(1)
        shares = lambda: {no: self.random.randint(1_000, 9_999) for no in self.random.sample(FUNDERS, 4)}  # noqa: E731
        self.loans: dict[Built, str] = {
            funded_loan(
                shares(), now=START, fee={"fees": "0.1", "penalties": "0.25"}, currency=currency, instalments=1
            ): currency
            for currency in CURRENCIES
            for _ in range(2)
        }
        self.lender_id = next(iter(self.loans)).lender_id
        self.refused: set[str] = set()
        self.paid: list[tuple[Built, str, int]] = []

    def run(self) -> None:
        for day in range(DAYS):
            for built, currency in self.loans.items():
                self._happens(built, currency, day)
            if self.random.random() < 0.8:  # else it is passed on with the next day's
                pass_on_due(now=START + timedelta(days=day))
            if day % 4 == 3:
                pass_on_due(now=START + timedelta(days=day))
                self._pay_out(day)
        pass_on_due(now=START + timedelta(days=DAYS - 1))

    def _happens(self, built: Built, currency: str, day: int) -> None:
        now, kind = (
            START + timedelta(days=day),
            self.random.choice(["pay", "pay", "charge", "reverse", "transfer", "nothing"]),
        )
        number = f"N{next(self.numbers)}"
        if kind == "pay":
            amount = self.random.randint(1, 997)
            if pay(built, amount, now=now, reference=number, currency=currency).status == "recorded":
                self.paid.append((built, number, amount))
        elif kind == "charge":
            split = Split(fees=self.random.randint(1, 300), penalties=self.random.randint(0, 90))
            self._record(built, number, split.total, currency, day, EntryKind.CHARGE, split=split, due_on=now.date())
        elif kind == "reverse" and (mine := [each for each in self.paid if each[0] is built]):
            _, reference, amount = gone = self.random.choice(mine)
            self.paid.remove(gone)
            self._record(built, number, amount, currency, day, EntryKind.REVERSAL, reverses_reference=reference)
        elif kind == "transfer":
            giver, taker = self.random.sample(FUNDERS, 2)
            on = now.date() - timedelta(days=self.random.choice([0, 0, 1, 5]))
            try:
                transfer(built, giver, taker, self.random.randint(1, 2_000), now=now, on=on, currency=currency)
            except DomainError:
                return  # the giver holds less, or nobody has told of the taker

    def _record(
        self, built: Built, number: str, amount: int, currency: str, day: int, kind: EntryKind, **more: object
    ) -> None:
        now = START + timedelta(days=day)
        values = PaymentValues(number, built.loan_no, amount, currency, now.date(), kind, **more)  # type: ignore[arg-type]
        with unit_of_work() as work:
            record_payment(work, built.lender_id, values, now=now, origin="test")

    def _pay_out(self, day: int) -> None:
        now = START + timedelta(days=day)
        for currency in CURRENCIES:
            try:
                with unit_of_work() as work:
                    staff = DeskStaff("staff:Ann", "admin", self.lender_id)
                    batch_id = make_batch(work, currency, now.date(), staff=staff, now=now).id
                with unit_of_work() as work:
                    staff = DeskStaff("staff:Ben", "admin", self.lender_id)
                    decide_batch(work, batch_id, approve=True, staff=staff, now=now)
            except ConflictError as error:
                self.refused.add(error.detail)


@pytest.mark.parametrize("seed", range(4))
def test_any_period_foots_and_opens_where_the_one_before_closed(app: Flask, seed: int) -> None:
    life = Life(seed)
    life.run()
    assert life.refused <= {f"Nothing is payable in {currency}." for currency in CURRENCIES}
    edges = sorted(life.random.sample(range(1, DAYS), 3))
    periods = list(zip([0, *edges], [*(edge - 1 for edge in edges), DAYS], strict=True))

    for funder_no in FUNDERS:
        closed: dict[str, int] = {}
        payable: dict[str, int] = {}
        for first, last in periods:
            told = statement(life.lender_id, funder_no, first, last)
            by_loan: defaultdict[str, Split] = defaultdict(lambda: NOTHING)
            fees: defaultdict[str, int] = defaultdict(int)
            for row in entries(life.lender_id, funder_no, first, last, size=7):
                assert row.is_money  # type: ignore[attr-defined]
                split = Split(row.principal_minor, row.interest_minor, row.fees_minor, row.penalties_minor)  # type: ignore[attr-defined]
                by_loan[row.loan_no] = by_loan[row.loan_no].plus(split)  # type: ignore[attr-defined]
                fees[row.loan_no] += row.service_fee_minor  # type: ignore[attr-defined]
            for line in told.lines:
                assert line.opening_minor == closed.get(line.loan_no, 0)
                assert line.closing_minor == line.opening_minor + line.moved_minor - line.passed.principal
                assert (line.passed, line.service_fee_minor) == (by_loan.pop(line.loan_no, NOTHING), fees[line.loan_no])
                closed[line.loan_no] = line.closing_minor
            assert all(split == NOTHING for split in by_loan.values())
            for total in told.totals:
                kept = total.passed.total - total.service_fee_minor
                assert total.payable_before_minor == payable.get(total.currency, 0)
                assert total.payable_minor == total.payable_before_minor + kept - total.paid_out_minor
                payable[total.currency] = total.payable_minor
                assert {line.currency for line in told.lines} <= {each.currency for each in told.totals}

    with reading() as reads:
        assert check_funding(reads, life.lender_id).differences == []
        balances = find_snapshot_versions(reads, [built.loan_id for built in life.loans])
        for built in life.loans:
            loan = find_funded(reads, [built.loan_id])[built.loan_id]
            whole = outstanding_by_holder(reads, loan, until=TODAY + timedelta(days=DAYS))
            closing = {
                no: sum(
                    line.closing_minor
                    for line in statement(life.lender_id, no, 0, DAYS).lines
                    if line.loan_no == built.loan_no
                )
                for no in FUNDERS
            }
            assert sum(closing.values()) + whole.get("", 0) == balances[built.loan_id][1]


def test_a_payment_reversed_in_the_next_period_leaves_the_first_as_it_was_and_is_owed_back(app: Flask) -> None:
    built = funded_loan({"F0": 3_333, "F1": 6_667}, now=START)
    pay(built, 1_001, now=START, reference="P-1")
    pass_on_due(now=START)
    with unit_of_work() as work:
        batch_id = make_batch(work, "USD", TODAY, staff=DeskStaff("staff:Ann", "admin", built.lender_id), now=START).id
        work.session.flush()
        decide_batch(work, batch_id, approve=True, staff=DeskStaff("staff:Ben", "admin", built.lender_id), now=START)
    before = statement(built.lender_id, "F0", 0, 0)
    later = START + timedelta(days=1)
    values = PaymentValues("R", built.loan_no, 1_001, "USD", later.date(), EntryKind.REVERSAL, reverses_reference="P-1")
    with unit_of_work() as work:
        record_payment(work, built.lender_id, values, now=later, origin="test")
    pass_on_due(now=later)

    assert statement(built.lender_id, "F0", 0, 0) == before
    (line,), (total,) = (told := statement(built.lender_id, "F0", 1, 1)).lines, told.totals
    assert (line.opening_minor, line.passed, line.closing_minor) == (2_999, Split(-334), 3_333)
    assert (total.payable_before_minor, total.paid_out_minor, total.payable_minor) == (0, 0, -334)


def test_a_statement_of_many_loans_is_set_in_both_languages(app: Flask) -> None:
    built = funded_loan({"F0": 3_334}, now=START)
    told = statement(built.lender_id, "F0", 0, 0)
    many = FunderStatement(told.funder_no, told.first, told.last, [*told.lines] * 300, told.totals)

    for locale in ("en", "zh-CN"):
        document = FunderDocument("Acme", "张三", many, TODAY, locale)
        assert funder_statement_pdf(document) == funder_statement_pdf(document)
