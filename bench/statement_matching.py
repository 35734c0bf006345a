"""How many real statement lines find their loan, how many are left to a person, and how fast; none may find a wrong one.

Run: python -m bench.statement_matching [--postgresql]. Reads ../shared/data/berka (PKDD'99: 500 loans, their standing
orders, 5,925 lines of the accounts they are kept in); ends without figures where that is absent.

Truth: a line whose k_symbol is UVER is the payment of the one loan of its account (93 lines); every other line (household,
insurance, withdrawals, interest) is for no loan. The bank's lines are the payers' own, so that money out of the payer's
account is money in at the lender's; lines of money into it are sent too, as if they were ours, to see whether they mislead.
"""

import argparse
import csv
import gzip
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from sqlalchemy import create_engine, text

from app import clock
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from app.persistence.queries.lenders import find_lender
from app.persistence.queries.loans import page_loans
from app.persistence.queries.transfer_references import LoanOwner
from app.persistence.unit_of_work import in_unit_of_work, reading
from app.services.contracts import put_contract_plans
from app.services.imports.runs import import_file
from app.services.positions import rebuild_positions
from app.services.statement_evidence import LineTexts
from app.services.statement_lines import LineResult, LineValues, take_lines
from app.services.transfer_references import ensure_references
from bench.import_rows import KEYS, postgresql
from config import Settings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "berka"
BATCH = 1000
SEED = 20260302
_NOISE = 20
"""Of so many lines one amount is changed; of so many references one is mistyped."""


@dataclass(frozen=True)
class Sent:
    """A line as sent, and the loan it is for; None: none."""

    values: LineValues
    truth: str | None


Change = Callable[[Sent, random.Random], Sent]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", action="store_true", help="On the embedded PostgreSQL instead of SQLite.")
    chosen = parser.parse_args()
    if not DATA.is_dir():
        sys.exit("../shared/data/berka is not here; there is nothing to measure.")
    wrong = 0
    print("wrong  right  told-apart  ambiguous  unmatched | of them pay a loan | lines/s | what the line says")
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder, ExitStack() as stack:
        url = stack.enter_context(postgresql(Path(folder))) if chosen.postgresql else None
        for number, (name, change) in enumerate(VARIANTS.items()):
            own = f"sqlite:///{Path(folder) / f'book{number}.db'}"
            if url:
                own = new_database(url, f"book{number}")
            wrong += measure(name, own, Path(folder), change)
    sys.exit(f"{wrong} lines were matched to a wrong loan." if wrong else 0)


def measure(name: str, url: str, folder: Path, change: Change) -> int:
    """Take all lines into a fresh book as `change` makes them; print what became of them and return how many are wrong."""
    app = create_app(Settings(mode="production", database_url=url, keys=KEYS, var_dir=folder, log_level="ERROR"))
    with app.app_context():
        schema.upgrade(db.engine)
        loans = make_book()
        found, seconds = send(loans, change)
        db.session.remove()
        db.engine.dispose()
    counts = Counter(outcome for outcome, _ in found)
    left = Counter(outcome for outcome, truth in found if truth is not None)
    print(
        f"{counts['wrong']:5}  {counts['right']:5}  {counts['aside']:10}  {counts['ambiguous']:9}  {counts['unmatched']:9} |"
        f" {left['right']:3} right, {left['ambiguous']} ambiguous, {left['unmatched']} unmatched |"
        f" {len(found) / seconds:7.0f} | {name}",
        flush=True,
    )
    return counts["wrong"]


def new_database(url: str, name: str) -> str:
    """Make an empty database on the server of `url`; return its URL."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.replace("/postgres?", f"/{name}?")


def make_book() -> dict[str, tuple[str, str]]:
    """Import the loans with their standing orders, make their plans; return account -> (loan number, reference)."""
    now = clock.now()
    for file in ("order", "loan"):
        import_file(DATA / f"{file}.asc.gz", "berka", now=now)
    with reading() as session:
        lender = find_lender(session, "berka")
        assert lender is not None
        lender_id = lender.id
        rows = [
            (row.id, row.loan_no, row.borrower_id, row.contract["x_account_no"]) for row in page_loans(session, limit=1000)
        ]

    def act(work):  # type: ignore[no-untyped-def]
        lender = find_lender(work.session, "berka")
        put_contract_plans(work, lender, [row[1] for row in rows], now=now)
        rebuild_positions(work, [row[0] for row in rows])
        return ensure_references(work, lender_id, [LoanOwner(row[0], row[2]) for row in rows], now=now)

    references = in_unit_of_work(act)
    return {account: (loan_no, references[loan_id]) for loan_id, loan_no, _, account in rows}


def lines(loans: dict[str, tuple[str, str]]) -> Iterator[Sent]:
    """Yield every line as if it were money in at the lender's, under its account and with what its purpose field says."""
    with gzip.open(DATA / "trans.asc.gz", "rt", encoding="ascii", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            on = date(1900 + int(row["date"][:2]), int(row["date"][2:4]), int(row["date"][4:]))
            is_payment = row["k_symbol"] == "UVER"
            loan_no, reference = loans[row["account_id"]]
            texts = LineTexts(
                counter_account=row["account_id"],
                payment_reference=reference if is_payment else None,
                words=row["k_symbol"].strip() or None,
            )
            minor = int(Decimal(row["amount"]).scaleb(2))
            yield Sent(LineValues(row["trans_id"], on, minor, "CZK", texts=texts), loan_no if is_payment else None)


def send(loans: dict[str, tuple[str, str]], change: Change) -> tuple[list[tuple[str, str | None]], float]:
    """Send all lines by date; return (outcome, truth) of each and the seconds that took."""
    chance = random.Random(SEED)
    sent = sorted((change(each, chance) for each in lines(loans)), key=lambda each: each.values.booked_on)
    with reading() as session:
        lender = find_lender(session, "berka")
        assert lender is not None
        lender_id = lender.id
    found: list[tuple[str, str | None]] = []
    started = time.perf_counter()
    for start in range(0, len(sent), BATCH):
        batch = sent[start : start + BATCH]
        results = in_unit_of_work(
            lambda work, batch=batch: take_lines(work, lender_id, [each.values for each in batch], now=clock.now())
        )
        found += [(outcome(each, result), each.truth) for each, result in zip(batch, results, strict=True)]
    return found, time.perf_counter() - started


def outcome(sent: Sent, result: object) -> str:
    """Return right, wrong, aside (for no loan, and matched to none), ambiguous or unmatched."""
    assert isinstance(result, LineResult), result
    if result.parts:
        return "right" if [part.loan_no for part in result.parts] == [sent.truth] else "wrong"
    return "aside" if sent.truth is None and result.state.value == "unmatched" else result.state.value


def _told(sent: Sent, **texts: str | None) -> Sent:
    return replace(sent, values=replace(sent.values, texts=replace(sent.values.texts, **texts)))


def by_account(sent: Sent, _chance: random.Random) -> Sent:
    """Account, no reference."""
    return _told(sent, payment_reference=None)


def by_reference(sent: Sent, _chance: random.Random) -> Sent:
    """Reference, no account."""
    return _told(sent, counter_account=None)


def noisy(sent: Sent, chance: random.Random) -> Sent:
    """Reference, no account; one in 20 amounts up to 0.50 off, one in 20 references with a typing error."""
    sent = by_reference(sent, chance)
    if chance.randrange(_NOISE) == 0:
        sent = replace(
            sent, values=replace(sent.values, amount_minor=max(sent.values.amount_minor + chance.randint(-50, 50), 1))
        )
    return _mistyped(sent, chance) if chance.randrange(_NOISE) == 0 else sent


def all_mistyped(sent: Sent, chance: random.Random) -> Sent:
    """Every reference with a typing error, no account."""
    return _mistyped(by_reference(sent, chance), chance)


def by_amount(sent: Sent, _chance: random.Random) -> Sent:
    """Neither account nor reference."""
    return _told(sent, counter_account=None, payment_reference=None)


def _mistyped(sent: Sent, chance: random.Random) -> Sent:
    number = sent.values.texts.payment_reference
    if number is None:
        return sent
    at, kind = chance.randrange(9), chance.randrange(4)
    typed = {
        0: number[:at] + str((int(number[at]) + chance.randint(1, 9)) % 10) + number[at + 1 :],
        1: number[:at] + number[at + 1] + number[at] + number[at + 2 :],
        2: number[:at] + number[at + 1 :],
        3: number[:at] + number[at] + number[at:],
    }[kind]
    return _told(sent, payment_reference=typed)


VARIANTS: dict[str, Change] = {
    "account and reference": lambda sent, _chance: sent,
    "account alone": by_account,
    "reference alone": by_reference,
    "reference alone, 1 in 20 amounts up to 0.50 off, 1 in 20 references mistyped": noisy,
    "every reference mistyped, no account": all_mistyped,
    "neither: an amount alone is left to a person": by_amount,
}


if __name__ == "__main__":
    main()
