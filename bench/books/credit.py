"""A book of loans that are reported to a US bureau: monthly plans of 24 rows, 14 of them paid, one in ten two behind.

All loans are enrolled; the late ones as such, of which a notice was never delivered, so that they are frozen with the reason
why nothing of them is furnished.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count

import orjson
from sqlalchemy import Engine

from app.domain.times import to_micros
from app.persistence.db import Base
from app.persistence.vault import Vault
from bench.books.loading import Loader, loading

AS_OF = date(2026, 3, 31)
NOW = datetime(2026, 4, 2, 9, 0, tzinfo=UTC)
NEXT_AS_OF = date(2026, 4, 30)
NEXT_NOW = datetime(2026, 5, 2, 9, 0, tzinfo=UTC)
NEXT_PAID_AT = datetime(2026, 4, 28, 15, 0, tzinfo=UTC)
_PAYS = {
    "sqlite": "json_array_length(open_rows) = 10 AND substr(last_effective_on, 9) NOT IN ('05', '15', '25')",
    "postgresql": "jsonb_array_length(open_rows::jsonb) = 10 AND extract(day FROM last_effective_on) NOT IN (5, 15, 25)",
}
_NEXT_ID = {
    "sqlite": "'0191' || substr(loan_id, 5)",
    "postgresql": "('0191' || substr(loan_id::text, 5))::uuid",
}
_REST = {"sqlite": "json_remove(open_rows, '$[0]')", "postgresql": "(open_rows::jsonb - 0)::text"}
KNOWN_AT = datetime(2025, 1, 20, tzinfo=UTC)
OPENED = date(2025, 1, 20)
ROWS, PAID = 24, 14
PRINCIPAL, INTEREST = 9000, 1000
SURNAMES = ("Miller", "Stone", "Garcia", "Smith-Jones", "Nguyen", "Rossi", "Kim", "Cohen", "Walker", "Ito")


BLOCK = 2_000
"""Loans that are made one by one; all further ones are made from them by the database, but for their borrowers' own data."""
_COPIED = ("agenda", "loans", "plan_versions", "instalments", "ledger_entries", "position_snapshots", "credit_enrolments")
_OWN_IDS = ("id", "borrower_id", "loan_id")


def build_credit_book(engine: Engine, vault: Vault, *, loans: int) -> str:
    """Write the book and return its lender's id. Needs the schema."""
    ids = _ids(0)
    known, lender_id = to_micros(KNOWN_AT), next(ids)
    with loading(engine) as loader:
        loader.add(
            "lenders", id=lender_id, code="bench", name="Bench", jurisdiction="US", zone="America/New_York", currency="USD",
            licence_kind="bank", role="first_party", role_reason="own", recorded_at=known,
        )  # fmt: skip
        borrowers = [_add_loan(loader, vault, lender_id, number, ids) for number in range(min(loans, BLOCK))]
        loader.flush()
        for block in range(1, -(-loans // BLOCK)):
            _copy_block(loader, vault, borrowers[: loans - block * BLOCK], block)
    return lender_id


def _ids(block: int) -> Iterator[str]:
    return (f"0190{block:04x}-0000-7000-8000-{number:012x}" for number in count(1))


def _copy_block(loader: Loader, vault: Vault, borrowers: Sequence[str], block: int) -> None:
    """Make as many loans as there are borrowers of the first block, each like one of them."""
    first, last = borrowers[0], borrowers[-1]
    for number, borrower_id in enumerate(borrowers, start=block * BLOCK):
        _add_borrower(loader, vault, number, f"0190{block:04x}{borrower_id[8:]}")
    loader.flush()
    changed = {
        "loan_no": f"'L' || (CAST(substr(loan_no, 2) AS INTEGER) + {block * BLOCK})",
        "reference": f"reference || '-{block}'",
    }
    is_sqlite = loader.dialect.name == "sqlite"
    for name in _OWN_IDS:
        made = f"'0190{block:04x}' || substr(CAST({name} AS TEXT), 9)"
        changed[name] = made if is_sqlite else f"({made})::uuid"
    for table in _COPIED:
        columns = [column.name for column in Base.metadata.tables[table].columns]
        values = ", ".join(changed.get(name, name) for name in columns)
        loader.connection.exec_driver_sql(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}"
            f" WHERE borrower_id BETWEEN '{first}' AND '{last}'"
        )


def _add_borrower(loader: Loader, vault: Vault, number: int, borrower_id: str) -> None:
    known, seal = to_micros(KNOWN_AT), vault.seal
    address = orjson.dumps([f"{number % 9999} Elm St", f"Springfield, IL {60_000 + number % 2_000}"]).decode()
    ssn = f"{100 + number % 565}{1 + number % 98:02}{1 + number % 9_998:04}"
    loader.add(
        "borrowers", id=borrower_id, borrower_no=f"B{number}", locale="en", zone="America/New_York", country="US",
        phone_zones='["America/New_York"]', flags="[]", recorded_at=known, updated_at=known,
        name_sealed=seal(f"Ann {SURNAMES[number % 10]}", place=f"borrowers.name:{borrower_id}"),
        national_id_sealed=seal(ssn, place=f"borrowers.national_id:{borrower_id}"),
        address_sealed=seal(address, place=f"borrowers.address:{borrower_id}"),
    )  # fmt: skip


def _add_loan(loader: Loader, vault: Vault, lender_id: str, number: int, ids: Iterator[str]) -> str:
    """Add a loan with its borrower, whose id is returned."""
    borrower_id, loan_id, known = next(ids), next(ids), to_micros(KNOWN_AT)
    _add_borrower(loader, vault, number, borrower_id)
    loader.add(
        "agenda", borrower_id=borrower_id, wake_at=to_micros(NOW + timedelta(days=2)), case_version=1, decided_version=1,
        rules_epoch=1,
    )  # fmt: skip
    is_late = number % 10 == 9
    dues = [_month(row, 1 + number % 28) for row in range(ROWS)]
    paid = PAID - (2 if is_late else 0)
    loader.add(
        "loans", id=loan_id, borrower_id=borrower_id, lender_id=lender_id, loan_no=f"L{number}", currency="USD",
        zone="America/New_York", principal_minor=ROWS * PRINCIPAL, contract='{"method":"given"}', anchor_no=1,
        disbursed_on=f"{OPENED}", product_kind="instalment", recorded_at=known, imported_at=known,
    )  # fmt: skip
    loader.add(
        "plan_versions", id=next(ids), borrower_id=borrower_id, loan_id=loan_id, anchor_no=1, recorded_at=known,
        imported_at=known, watched_from_at=known, origin="bench", content_hash="",
    )  # fmt: skip
    for row, due_on in enumerate(dues, start=1):
        loader.add(
            "instalments", id=next(ids), borrower_id=borrower_id, loan_id=loan_id, anchor_no=1, row_no=row,
            due_on=f"{due_on}", principal_minor=PRINCIPAL, interest_minor=INTEREST,
        )  # fmt: skip
    for row in range(paid):
        at = to_micros(datetime.combine(dues[row], datetime.min.time(), tzinfo=UTC) + timedelta(hours=15))
        loader.add(
            "ledger_entries", id=next(ids), borrower_id=borrower_id, loan_id=loan_id, kind="repayment",
            amount_minor=PRINCIPAL + INTEREST, currency="USD", effective_on=f"{dues[row]}", recorded_at=at,
            imported_at=at, reference=f"P{number}-{row}", origin="bench",
        )  # fmt: skip
    open_rows = [[row + 1, f"{dues[row]}", PRINCIPAL, INTEREST, 0, 0] for row in range(paid, ROWS)]
    loader.add(
        "position_snapshots", loan_id=loan_id, borrower_id=borrower_id, version=1, anchor_no=1,
        principal_balance_minor=PRINCIPAL * len(open_rows), unapplied_minor=0,
        open_rows=orjson.dumps(open_rows).decode(), last_effective_on=f"{dues[paid - 1]}", last_recorded_at=known,
    )  # fmt: skip
    loader.add(
        "credit_enrolments", id=next(ids), loan_id=loan_id, borrower_id=borrower_id, lender_id=lender_id,
        kind="negative" if is_late else "positive", started_by="bench", started_at=known,
    )  # fmt: skip
    return borrower_id


def go_on(engine: Engine) -> None:
    """Let the month after come: of ten loans eight pay their row, one pays nothing, and the late one pays nothing again."""
    known, on, database = to_micros(NEXT_PAID_AT), NEXT_PAID_AT.date(), engine.dialect.name
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO ledger_entries (id, borrower_id, loan_id, kind, amount_minor, currency, effective_on, recorded_at,"
            f" imported_at, reference, origin) SELECT {_NEXT_ID[database]}, borrower_id, loan_id, 'repayment',"
            f" {PRINCIPAL + INTEREST}, 'USD', '{on}', {known}, {known}, 'N' || loan_id, 'bench'"
            f" FROM position_snapshots WHERE {_PAYS[database]}"
        )
        connection.exec_driver_sql(
            f"UPDATE position_snapshots SET open_rows = {_REST[database]}, version = version + 1,"
            f" principal_balance_minor = principal_balance_minor - {PRINCIPAL}, last_effective_on = '{on}',"
            f" last_recorded_at = {known} WHERE {_PAYS[database]}"
        )


def _month(row: int, day: int) -> date:
    month = 2 + row - 1
    return date(2025 + month // 12, month % 12 + 1, day)
