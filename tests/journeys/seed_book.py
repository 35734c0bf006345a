"""The book of a platform of vehicle-title microloans in wind-down, in March 2020, as many loans as one wants.

One borrower and loan of each kind go through the doors; all others are written as copies of their rows, with ids, numbers,
names and addresses of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import orjson
from sqlalchemy import text

from app.domain.hold_terms import HoldValues
from app.persistence.db import db, vault
from app.persistence.unit_of_work import unit_of_work
from app.services.case_records import put_record
from app.services.forbearance import ASSESSED
from app.services.holds import Teller, put_hold
from bench.books.loading import Loader, loading
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.collateral import a_pledge
from tests.builders.credit import consent

KNOWN_AT = datetime(2020, 3, 2, 2, 0, tzinfo=UTC)
OLD, LATE, NOT_YET = date(2020, 1, 10), date(2020, 2, 10), date(2020, 6, 10)
"""Due days: of vehicles that may be referred within the forty days; of others that are late; of those that are not."""
LENDER = "qiche"


@dataclass(frozen=True, slots=True)
class Kind:
    """Loans that are alike. `hold`: what stops everything."""

    name: str
    loans: int
    due_on: date = LATE
    is_secured: bool = False
    has_consent: bool = True
    is_assessed: bool = True
    """Whether forbearance was considered."""
    hold: str | None = None


def kinds_of(letters: int, vehicles: int, people: int, all_loans: int) -> list[Kind]:
    """Return a book in which so many are to be written to, taken and reported, and others are stopped lawfully."""
    stopped = max(6, people // 35)
    late = [
        Kind("vehicle", vehicles, OLD, is_secured=True),
        Kind("secured", letters - vehicles, is_secured=True),
        Kind("unsecured", people - letters),
        Kind("disputed", stopped, OLD, is_secured=True, hold="dispute"),
        Kind("in_hardship", stopped, is_secured=True, hold="hardship"),
        Kind("without_consent", stopped, has_consent=False),
        Kind("never_assessed", stopped, is_assessed=False),
    ]
    return [*late, Kind("current", max(1, all_loans - sum(each.loans for each in late)), NOT_YET)]


@dataclass(slots=True)
class SeedBook:
    """The book as it was written. `things`: loan id -> the lender's number of the vehicle pledged to it."""

    lender_id: str
    things: dict[str, str] = field(default_factory=dict)
    kind_of: dict[str, str] = field(default_factory=dict)
    """Borrower number -> the name of their loan's kind."""


def write_book(kinds: list[Kind]) -> SeedBook:
    """Write the book. Needs the schema and a policy of reminders."""
    lender_id = build_lender(
        now=KNOWN_AT, code=LENDER, name="某某汽车信贷", jurisdiction="CN", zone="Asia/Shanghai", currency="CNY",
        licence_kind="consumer_finance", licence_no="MC-310", regulator="上海市地方金融监督管理局", locale="zh-CN",
    )  # fmt: skip
    book = SeedBook(lender_id)
    models = [(kind, _model(lender_id, kind)) for kind in kinds]
    with loading(db.engine) as loader:
        copier = _Copier(loader, book)
        for kind, built in models:
            copier.copy(kind, built)
    return book


_phones = count(1)


def _model(lender_id: str, kind: Kind) -> Built:
    contract = {"signed_on": "2019-06-01", "annual_rate": "0.15"}
    built = build_loan(
        now=KNOWN_AT, due=[kind.due_on], lender_id=lender_id, amount_minor=500_000, contract=contract,
        product_kind="secured_vehicle", country="CN", zone="Asia/Shanghai", locale="zh-CN", name="王小明",
        address_lines=("上海市浦东新区世纪大道1号", "200120"), phone=f"+86139{next(_phones):08}",
    )  # fmt: skip
    if kind.is_secured:
        a_pledge(built, now=KNOWN_AT, pledged_on=date(2019, 6, 1))
    if kind.has_consent:
        consent(built, now=KNOWN_AT)
    if kind.is_assessed:
        with unit_of_work() as work:
            put_record(
                work, built.borrower_id, "events", {"kind": ASSESSED, "on": "2020-03-02"}, by="core", now=KNOWN_AT,
                reference=f"FB-{built.loan_no}", lender_id=lender_id, loan_no=built.loan_no,
            )  # fmt: skip
    if kind.hold:
        with unit_of_work() as work:
            put_hold(work, built.borrower_id, HoldValues(kind.hold), teller=Teller("operator:Ann"), now=KNOWN_AT)
    return built


_TABLES = (
    ("borrowers", "id"), ("borrower_numbers", "borrower_id"), ("agenda", "borrower_id"), ("loans", "borrower_id"),
    ("loan_numbers", "borrower_id"), ("plan_versions", "borrower_id"), ("instalments", "borrower_id"),
    ("position_snapshots", "borrower_id"), ("consents", "borrower_id"), ("case_records", "borrower_id"),
    ("holds", "borrower_id"), ("collateral_things", "borrower_id"), ("collateral_pledges", "borrower_id"),
    ("collateral_events", "borrower_id"), ("endpoints", "borrower_id"),
)  # fmt: skip
_REFERENCES = ("collateral_things", "collateral_events", "case_records")
_FAMILY, _GIVEN = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平"


class _Copier:
    """Copies all rows of one borrower under other ids."""

    def __init__(self, loader: Loader, book: SeedBook) -> None:
        self.loader, self.book, self.ring = loader, book, vault()
        self.numbers = count(1)

    def copy(self, kind: Kind, built: Built) -> None:
        rows = [(table, row) for table, key in _TABLES for row in self._rows(table, key, built.borrower_id)]
        self._note(built.loan_id, rows)
        self.book.kind_of[built.borrower_no] = kind.name
        for _ in range(kind.loans - 1):
            self.book.kind_of[self._once(rows)] = kind.name

    def _rows(self, table: str, key: str, borrower_id: str) -> Iterator[dict[str, Any]]:
        found = self.loader.connection.execute(text(f"SELECT * FROM {table} WHERE {key} = :id"), {"id": borrower_id})
        return (dict(row._mapping) for row in found.all())

    def _note(self, loan_id: str, rows: list[tuple[str, dict[str, Any]]]) -> None:
        for table, row in rows:
            if table == "collateral_things":
                self.book.things[loan_id] = row["reference"]

    def _once(self, rows: list[tuple[str, dict[str, Any]]]) -> str:
        """Write a copy; return its borrower number."""
        number = next(self.numbers)
        ids: dict[str, str] = {}
        for _, row in rows:
            if "id" in row:
                ids[row["id"]] = f"01900000-0000-7000-8000-{len(ids):04x}{number:08x}"
        loan_id = borrower_no = ""
        for table, row in rows:
            copied = {
                name: ids.get(value, value) if isinstance(value, str) and len(value) == 36 else value
                for name, value in row.items()
            }
            if table == "loans":
                loan_id = copied["id"]
            self._unlike(table, copied, number)
            if table == "borrowers":
                borrower_no = copied["borrower_no"]
            self.loader.add(table, **copied)
            if table == "collateral_things":
                self.book.things[loan_id] = copied["reference"]
        return borrower_no

    def _unlike(self, table: str, row: dict[str, Any], number: int) -> None:
        """Give a copy what no two may share."""
        for name in ("borrower_no", "loan_no", "reference", "plate_key", "vin_key"):
            if row.get(name) and (name != "reference" or table in _REFERENCES):
                row[name] = f"{row[name]}-{number}"
        if table == "borrowers":
            name = _FAMILY[number % 20] + _GIVEN[number // 20 % 20] + _GIVEN[number // 400 % 20]
            row["name_sealed"] = self.ring.seal(name, place=f"borrowers.name:{row['id']}")
            lines = [f"上海市徐汇区漕溪北路{number}号", "200030"]
            row["phone_sealed"] = self.ring.seal(f"+86138{number:08}", place=f"borrowers.phone:{row['id']}")
            row["address_sealed"] = self.ring.seal(orjson.dumps(lines).decode(), place=f"borrowers.address:{row['id']}")


def noon(day: date) -> datetime:
    """Ten in the morning of that day in Shanghai."""
    return datetime(day.year, day.month, day.day, 2, 0, tzinfo=UTC)


def days_from(first: date, last: date) -> list[date]:
    return [first + timedelta(days=each) for each in range((last - first).days + 1)]
