"""The sample book: some three hundred made-up borrowers of several lenders, the same for the same seed and day.

Everything goes in through the services, as a core system's feed would: what the sandbox shows is what the product does.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.domain.book import BorrowerValues, LoanValues, PaymentValues, PlanValues
from app.domain.errors import DomainError
from app.domain.plans import PlanRow
from app.domain.policies import share_of
from app.domain.times import business_date, local_instant
from app.persistence.unit_of_work import Work, unit_of_work
from app.sandbox.sample_addresses import addresses_of, demo_values
from app.sandbox.sample_arrears import put_sample_arrears
from app.sandbox.sample_devices import register_devices
from app.sandbox.sample_holds import put_sample_holds
from app.sandbox.sample_lenders import LENDERS, DemoBorrower, SampleLender, demos_of
from app.sandbox.sample_loans import PRODUCTS, Product, due_dates, level_plan, paid_so_far
from app.sandbox.sample_people import PLACES, borrower_of
from app.services.borrowers import put_borrowers
from app.services.lenders import put_lender
from app.services.loans import put_loans, put_plans
from app.services.payments import record_payments
from app.services.positions import rebuild_positions

SEED = 20260302
ORIGIN = "sandbox"
_AUTOPAY = 1200
"""Loans, of ten thousand, whose instalments are drawn by themselves."""
WEEKLY_LENDERS = ("saffron", "harbour")


@dataclass(frozen=True, slots=True)
class SampleLoan:
    """One loan with its plan and what has been paid."""

    loan: LoanValues
    plan: PlanValues
    payments: tuple[PaymentValues, ...]


def fill(*, now: datetime, seed: int = SEED) -> dict[str, int]:
    """Put the sample book into an empty database, all of it or nothing, then the devices; return how many of each."""
    counts = {"lenders": 0, "borrowers": 0, "loans": 0, "payments": 0, "holds": 0, "devices": 0}
    with unit_of_work() as work:
        for sample in LENDERS:
            borrowers = list(sample_borrowers(sample, seed))
            loans = [loan for values in borrowers for loan in sample_loans(sample, values, now=now, seed=seed)]
            _store(work, sample, borrowers, loans, now)
            counts["lenders"] += 1
            counts["borrowers"] += len(borrowers)
            counts["loans"] += len(loans)
            counts["payments"] += sum(len(loan.payments) for loan in loans)
    for sample in LENDERS:
        counts["holds"] += put_sample_holds(sample, now=now, seed=seed)
        counts["devices"] += register_devices(sample, now=now, seed=seed)
    told = put_sample_arrears(now=now)
    counts["lenders"] += 1
    counts["borrowers"] += told
    counts["loans"] += told
    return counts


def sample_borrowers(sample: SampleLender, seed: int) -> Iterator[BorrowerValues]:
    """Yield the lender's demo borrowers, then the drawn ones."""
    for demo in demos_of(sample):
        yield demo_values(demo, addresses_of(demo))
    for country, count in sample.borrowers:
        rng = random.Random(f"{seed}:people:{country}")  # noqa: S311 - made-up people must be the same again
        for number in range(count):
            yield borrower_of(PLACES[country], f"{country}-{number + 1:04}", number, rng)


def sample_loans(sample: SampleLender, borrower: BorrowerValues, *, now: datetime, seed: int) -> Iterator[SampleLoan]:
    """Yield one to four loans of a borrower; often due on the same day, so that one reminder speaks of all."""
    today = business_date(now, sample.values.zone)
    rng = random.Random(f"{seed}:loans:{borrower.borrower_no}")  # noqa: S311 - as above
    for demo in demos_of(sample):
        if demo.borrower_no == borrower.borrower_no:
            yield from _demo_loans(sample, demo, today, now, rng)
            return
    next_due = today + timedelta(days=rng.randint(0, 29))
    for number in range(1, rng.choices((1, 2, 3, 4), (50, 30, 14, 6))[0] + 1):
        product = _product_for(sample, rng)
        count = rng.choice(product.rows)
        shift = 0 if rng.random() < 0.6 else rng.randint(0, 27)
        step = product.days or 30
        elapsed = rng.randint(0, count + (1 if rng.random() < 0.1 else -1))
        dates = due_dates(next_due + timedelta(days=shift % step), count, product.days, rows_before=elapsed)
        rows = level_plan(_principal(sample, product, rng), product.yearly_rate, dates, product.days)
        payments = [(paid.on, paid.amount_minor, paid.row_no) for paid in paid_so_far(rows, today, rng)]
        yield _loan(sample, borrower.borrower_no, number, product, rows, payments, now)


def _demo_loans(
    sample: SampleLender, demo: DemoBorrower, today: date, now: datetime, rng: random.Random
) -> Iterator[SampleLoan]:
    for number, (name, count, paid_rows, days_to_due) in enumerate(demo.loans, 1):
        product = next(product for product in PRODUCTS if product.name == name)
        dates = due_dates(today + timedelta(days=days_to_due), count, product.days, rows_before=paid_rows)
        rows = level_plan(_principal(sample, product, rng), product.yearly_rate, dates, product.days)
        payments = [(row.due_on, row.due.total, row.row_no) for row in rows[:paid_rows]]
        yield _loan(sample, demo.borrower_no, number, product, rows, payments, now)


def _loan(
    sample: SampleLender,
    borrower_no: str,
    number: int,
    product: Product,
    rows: Sequence[PlanRow],
    payments: Sequence[tuple[date, int, int]],
    now: datetime,
) -> SampleLoan:
    zone, currency = sample.values.zone, sample.values.currency
    loan_no = f"{borrower_no}-{number}"
    disbursed_on = min(rows[0].due_on - timedelta(days=product.days or 30), business_date(now, zone) - timedelta(days=2))
    known_at = min(local_instant(disbursed_on, time(10), zone), now)
    loan = LoanValues(
        loan_no=loan_no,
        borrower_no=borrower_no,
        currency=currency,
        principal_minor=sum(row.due.principal for row in rows),
        product=product.name,
        disbursed_on=disbursed_on,
        maturity_on=rows[-1].due_on,
        contract={"annual_rate": f"{float(product.yearly_rate):.4f}"},
        recorded_at=known_at,
        product_kind="instalment",
        autopay=share_of("sample-autopay", loan_no) < _AUTOPAY,
    )
    return SampleLoan(
        loan,
        PlanValues(loan_no, tuple(rows), recorded_at=known_at),
        tuple(
            PaymentValues(
                reference=f"{loan_no}-P{row_no}-{place}",
                loan_no=loan_no,
                amount_minor=amount_minor,
                currency=currency,
                effective_on=on,
                recorded_at=min(local_instant(on, time(12), zone), now),
                row_no=row_no,
                channel="transfer",
            )
            for place, (on, amount_minor, row_no) in enumerate(payments, 1)
        ),
    )


def _store(
    work: Work, sample: SampleLender, borrowers: Sequence[BorrowerValues], loans: Sequence[SampleLoan], now: datetime
) -> None:
    lender = put_lender(work, sample.values, now=now)
    _refuse_errors(put_borrowers(work, borrowers, now=now, origin=ORIGIN))
    put = put_loans(work, lender, [loan.loan for loan in loans], now=now, origin=ORIGIN)
    _refuse_errors(put)
    _refuse_errors(put_plans(work, lender, [loan.plan for loan in loans], now=now, origin=ORIGIN))
    payments = sorted(
        (paid for loan in loans for paid in loan.payments), key=lambda paid: (paid.effective_on, paid.reference)
    )
    _refuse_errors(record_payments(work, lender, payments, now=now, origin=ORIGIN))
    rebuild_positions(work, [result.id for result in put if not isinstance(result, DomainError)])


def _refuse_errors(results: Sequence[object]) -> None:
    for result in results:
        if isinstance(result, DomainError):
            raise result


def _product_for(sample: SampleLender, rng: random.Random) -> Product:
    weekly = sample.values.code in WEEKLY_LENDERS
    return rng.choice([product for product in PRODUCTS if weekly or product.days is None])


def _principal(sample: SampleLender, product: Product, rng: random.Random) -> int:
    return rng.randint(*product.principal) * sample.unit_minor
