"""A month's credit accounts to a Metro 2 file and to PBOC-shaped records, beside csv.writer writing the same rows.

The accounts are made ahead (20,000 lives, told again until there are enough), so that what is measured is checking and
writing alone. Each job runs in a process of its own, whose memory is taken after a tenth and at the end.

With --from-book, a book of so many loans instead: two months frozen from the database, with their files (credit_months.py).

Run: python -m bench.credit_file [--loans 1000000] [--from-book 20000 [--database sqlite|postgresql|both]]
"""

import argparse
import csv
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import TextIOWrapper
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from app.domain.credit_accounts import (
    Arrangement,
    CreditAccount,
    CreditAddress,
    CreditConsumer,
    OverduePrincipal,
    Standing,
)
from app.domain.credit_histories import five_grade, rating_of
from app.domain.metro2_files import write_metro2
from app.domain.metro2_records import Furnisher
from app.domain.pboc_codes import is_citizen_number
from app.domain.pboc_files import write_pboc
from app.domain.pboc_records import Reporter
from bench.credit_months import csv_rows, measure_books, peak_mib

LIVES = 20_000
AS_OF = date(2026, 3, 31)
AT = datetime(2026, 4, 2, 9, 0, tzinfo=UTC)
FURNISHER = Furnisher("DUE12345", "Example Lending", "1 Bank St, Springfield IL 62701", "2175550100", "1234567890")
REPORTER = Reporter("10100000010001", "110102")
NAMES = ("MILLER", "STONE", "GARCIA", "O'NEIL", "VAN DYKE", "SMITH-JONES", "NGUYEN", "ROSSI", "KIM", "COHEN")
HAN = ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴")
ROUNDS = 3


class Told(NamedTuple):
    """What one job took: seconds of processor, memory after a tenth and at the end (MiB), bytes written."""

    seconds: float
    peak_at_tenth: float
    peak: float
    size: int


def made(country: str) -> list[CreditAccount]:
    """Return the accounts: most current, one in six late, some lost, arranged, disputed or with a second borrower."""
    rng = random.Random(f"credit:{country}")
    return [_account(rng, number, country) for number in range(LIVES)]


def _account(rng: random.Random, number: int, country: str) -> CreditAccount:
    opened = AS_OF - timedelta(days=rng.randrange(40, 1_000))
    months = (AS_OF.year - opened.year) * 12 + AS_OF.month - opened.month
    days = rng.choice((0, 0, 0, 0, 0, 0, 0, 0, 12, 33, 64, 95, 200)) if months > 8 else 0
    principal = rng.randrange(1_000_00, 40_000_00)
    rate = int(rating_of(days))
    late_months = min(rate, months)
    history = (
        "".join(str(max(rate - step, 0)) for step in range(1, late_months + 1)).ljust(min(months, 24), "0").ljust(24, "B")
    )
    overdue = principal // 12 * (days // 30 + 1) if days else 0
    account = CreditAccount(
        lender_code="lender",
        loan_id=f"l{number}",
        loan_no=f"LN{number:010}",
        borrower_id=f"b{number}",
        currency="USD" if country == "US" else "CNY",
        as_of_on=AS_OF,
        opened_on=opened,
        product="secured_vehicle" if number % 3 else "instalment",
        original_minor=principal * 2,
        terms=24,
        consumer=_person(rng, number, country),
        ends_on=opened + timedelta(days=730),
        scheduled_minor=principal // 12,
        due_minor=principal // 12,
        due_on=AS_OF.replace(day=1 + number % 28),
        paid_minor=0 if days else principal // 12,
        last_paid_on=AS_OF - timedelta(days=max(days, number % 28)) if months > 1 else None,
        balance_minor=principal + overdue // 8,
        principal_balance_minor=principal,
        overdue_minor=overdue,
        past_due_minor=overdue if days >= 30 else 0,
        days_past_due=days,
        terms_overdue=days // 30 + 1 if days else 0,
        terms_left=8,
        overdue_principal=OverduePrincipal(overdue // 2 if days < 31 else 0, *_aged(overdue // 2, days)),
        first_delinquent_on=AS_OF - timedelta(days=days - 30) if days >= 30 else None,
        history=history,
        month_codes=(str(min((days + 29) // 30, 7)) if days else "N").ljust(min(months + 1, 60), "N"),
        five_grade=five_grade(Standing.OPEN, days),
        arrangement=Arrangement.PLAN if number % 50 == 0 else None,
        is_secured=bool(number % 3),
        condition_code="XB" if number % 97 == 0 else "",
    )
    if country == "US" and number % 40 == 0:
        other = _person(rng, number + 1, country)
        return replace(account, consumer=replace(account.consumer, relation="2"), associated=(replace(other, relation="2"),))
    return account


def _aged(minor: int, days: int) -> tuple[int, int, int, int]:
    at = sum(days > edge for edge in (60, 90, 180))
    return tuple(minor if place == at and days > 30 else 0 for place in range(4))  # type: ignore[return-value]


def _person(rng: random.Random, number: int, country: str) -> CreditConsumer:
    born = date(1950, 1, 1) + timedelta(days=rng.randrange(19_000))
    if country == "US":
        where = CreditAddress(
            f"{number % 9_999} ELM ST", "SPRINGFIELD", "IL", f"{60_000 + number % 2_000}", f"APT {number % 90}"
        )
        ssn = f"{100 + number % 565}{1 + number % 98:02}{1 + number % 9_998:04}"
        return CreditConsumer(NAMES[number % 10], f"ANN{number % 777}", where, "", "", "ssn", ssn, born, "2175550123")
    where = CreditAddress(f"学院路 {number % 999} 号", "北京市", "", "100083", country="CN")
    body = f"110101{born:%Y%m%d}{number % 1000:03}"
    number_of = next(body + last for last in "0123456789X" if is_citizen_number(body + last))
    return CreditConsumer(
        HAN[number % 10], f"{HAN[number // 10 % 10]}明", where, "", "", "cn_id", number_of, None, "13800000001"
    )


def _job(what: str, loans: int, folder: str) -> Told:
    """Do one job once over `loans` accounts and return what it took."""
    accounts = made("CN" if what.startswith("pboc") else "US")
    marks: list[float] = []

    def coming() -> Iterator[CreditAccount]:
        for number, account in enumerate(islice(cycle(accounts), loans)):
            if number == loans // 10:
                marks.append(peak_mib())
            yield account

    path = Path(folder) / f"{what}.out"
    begin = time.process_time()
    with path.open("wb") as out:
        if what == "metro2":
            write_metro2(out, FURNISHER, coming(), activity_on=AS_OF, at=AT)
        elif what == "pboc":
            write_pboc(out, REPORTER, coming())
        else:
            text = TextIOWrapper(out, encoding="utf-8", newline="")
            csv.writer(text).writerows(csv_rows(coming()))
            text.flush()
    seconds = time.process_time() - begin
    size = path.stat().st_size
    path.unlink()
    return Told(seconds, marks[0], peak_mib(), size)


def _alone(work: Callable[..., Told], *given: object) -> Told:
    """Run in a new process: its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=1_000_000)
    parser.add_argument("--from-book", type=int, default=0)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="sqlite")
    given = parser.parse_args()
    loans = given.loans
    if given.from_book:
        measure_books(given.from_book, given.database)
        return
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder:
        best: dict[str, Told] = {}
        for _ in range(ROUNDS):
            for what in ("csv", "metro2", "pboc-csv", "pboc"):
                told = _alone(_job, what, loans, folder)
                best[what] = min(best.get(what, told), told)
    for what, baseline in (("metro2", "csv"), ("pboc", "pboc-csv")):
        told, plain = best[what], best[baseline]
        print(f"figure {what}_accounts_per_second {loans / told.seconds:,.0f}")
        print(f"figure {what}_mib {told.size / 2**20:,.0f}")
        print(f"figure {what}_csv_rows_per_second {loans / plain.seconds:,.0f}")
        print(f"ratio {what}_to_csv_writer {told.seconds / plain.seconds:.2f} x aim 2.5")
        print(f"figure {what}_peak_mib {told.peak_at_tenth:.0f} after a tenth, {told.peak:.0f} at the end")


if __name__ == "__main__":
    main()
