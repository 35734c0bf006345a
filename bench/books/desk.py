"""A book of borrowers to be found and opened: everyone has terms to be found by, a loan and its state, a few have a history.

Names come from a pool of surnames and given names, the commonest of them a person in fourteen's, as in real books; the last
four digits of phones are spread evenly. `OPENED` borrowers, always as many and spread over all of it, have payments with
their splits, decisions, messages, holds, consents, a device, a note, so that a page of any book has the same work.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import orjson
from sqlalchemy import Engine, text

from app.domain.times import to_micros
from app.persistence.vault import Vault
from app.services.notes import note_place
from bench.books.loading import Loader, loading

TODAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
KNOWN_AT = datetime(2025, 6, 1, tzinfo=UTC)
OPENED = 200
ROWS = 12
PRINCIPAL, INTEREST = 9000, 1000
SURNAMES = ("wang", "li", "zhang", "liu", "chen", "yang", "huang", "zhao", "wu", "zhou", "xu", "sun", "ma", "zhu")
_FIRST, _SECOND = ("xiao", "wei", "fang", "ming", "hua", "jun", "li"), ("na", "ping", "hong")
GIVEN = tuple(f"{first}{second}" for first in _FIRST for second in _SECOND)
INDEX = "CREATE INDEX ix_search_terms_kind_digest ON search_terms (kind, digest, borrower_id)"


def phone_of(number: int) -> str:
    """Return a borrower's phone."""
    return f"+86138{number:08d}"


def opened_numbers(borrowers: int) -> list[int]:
    """Return the borrowers who have a history, spread over the book."""
    return list(range(0, borrowers, max(1, borrowers // OPENED)))[:OPENED]


def build_desk_book(engine: Engine, vault: Vault, *, borrowers: int) -> str:
    """Write the book and return its lender's id. Needs the schema. The search index is made once, at the end."""
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_search_terms_kind_digest"))
    with loading(engine) as loader:
        book = _Book(loader, vault)
        has_history = set(opened_numbers(borrowers))
        for number in range(borrowers):
            book.borrower(number, number in has_history)
    with engine.begin() as connection:
        connection.execute(text(INDEX))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return book.lender_id


class _Book:
    def __init__(self, loader: Loader, vault: Vault) -> None:
        self.add, self.vault = loader.add, vault
        numbers = count(1)
        self.new_id = lambda: f"01900000-0000-7000-8000-{next(numbers):012x}"
        self.known = to_micros(KNOWN_AT)
        self.lender_id = self.new_id()
        self._digests: dict[tuple[str, str], str] = {}
        self.add(
            "lenders", id=self.lender_id, code="bench", name="Bench", jurisdiction="CN", zone="Asia/Shanghai",
            currency="CNY", recorded_at=self.known,
        )  # fmt: skip

    def borrower(self, number: int, has_history: bool) -> None:
        borrower_id, phone = self.new_id(), phone_of(number)
        surname, given = SURNAMES[number * 7 % 14], GIVEN[number * 5 % len(GIVEN)]
        name, email = f"{surname.title()} {given.title()}", f"person{number}@example.com"
        seal, place = self.vault.seal, f"{borrower_id}"
        self.add(
            "borrowers", id=borrower_id, borrower_no=f"B{number}", locale="zh-CN", zone="Asia/Shanghai", country="CN",
            phone_zones='["Asia/Shanghai"]', flags="[]", recorded_at=self.known, updated_at=self.known,
            name_sealed=seal(name, place=f"borrowers.name:{place}"),
            phone_sealed=seal(phone, place=f"borrowers.phone:{place}"),
            email_sealed=seal(email, place=f"borrowers.email:{place}"),
        )  # fmt: skip
        self.add("borrower_numbers", borrower_no=f"B{number}", borrower_id=borrower_id)
        self.add(
            "agenda", borrower_id=borrower_id, wake_at=to_micros(NOW + timedelta(days=2)), case_version=1, decided_version=1,
            rules_epoch=1,
        )  # fmt: skip
        key_id = self.vault.current_key_id
        for kind, value in (("phone", phone), ("email", email)):
            self.add(
                "search_terms", borrower_id=borrower_id, kind=kind, key_id=key_id,
                digest=self.vault.search_hash(kind, value).digest,
            )  # fmt: skip
        for kind, value in (("phone_last4", phone[-4:]), ("name_token", surname), ("name_token", given)):
            self.add("search_terms", borrower_id=borrower_id, kind=kind, key_id=key_id, digest=self._digest(kind, value))
        loan_id = self._loan(borrower_id, number)
        if has_history:
            self._history(borrower_id, loan_id, number)

    def _digest(self, kind: str, value: str) -> str:
        found = self._digests.get((kind, value))
        if found is None:
            found = self._digests[kind, value] = self.vault.search_hash(kind, value).digest
        return found

    def _loan(self, borrower_id: str, number: int) -> str:
        loan_id, paid = self.new_id(), number % 6
        dues = [f"{TODAY + timedelta(days=28 * (row - paid) + number % 25 - 12)}" for row in range(ROWS)]
        self.add(
            "loans", id=loan_id, borrower_id=borrower_id, lender_id=self.lender_id, loan_no=f"L{number}", currency="CNY",
            zone="Asia/Shanghai", principal_minor=ROWS * PRINCIPAL, contract='{"method":"given"}', anchor_no=1,
            recorded_at=self.known, imported_at=self.known,
        )  # fmt: skip
        self.add("loan_numbers", lender_id=self.lender_id, loan_no=f"L{number}", loan_id=loan_id, borrower_id=borrower_id)
        open_rows = [[row + 1, dues[row], PRINCIPAL, INTEREST, 0, 0] for row in range(paid, ROWS)]
        self.add(
            "position_snapshots", loan_id=loan_id, borrower_id=borrower_id, version=1, anchor_no=1,
            principal_balance_minor=PRINCIPAL * len(open_rows), unapplied_minor=0,
            open_rows=orjson.dumps(open_rows).decode(), last_effective_on=f"{TODAY - timedelta(days=30)}" if paid else None,
            last_recorded_at=self.known,
        )  # fmt: skip
        return loan_id

    def _history(self, borrower_id: str, loan_id: str, number: int) -> None:
        for row in range(1, 16):
            entry_id, at = self.new_id(), to_micros(NOW - timedelta(days=28 * row))
            self.add(
                "ledger_entries", id=entry_id, borrower_id=borrower_id, loan_id=loan_id, kind="repayment",
                amount_minor=PRINCIPAL + INTEREST, currency="CNY", effective_on=f"{TODAY - timedelta(days=28 * row)}",
                recorded_at=at, imported_at=at, reference=f"P{number}-{row}", origin="bench",
            )  # fmt: skip
            self.add(
                "allocations", id=self.new_id(), borrower_id=borrower_id, loan_id=loan_id, entry_id=entry_id, row_no=row,
                principal_minor=PRINCIPAL, interest_minor=INTEREST, fees_minor=0, penalties_minor=0, unapplied_minor=0,
                effective_on=f"{TODAY - timedelta(days=28 * row)}", recorded_at=at,
            )  # fmt: skip
        for row in range(30):
            self._decision(borrower_id, loan_id, row)
        for kind in ("dispute", "promise", "hardship"):
            self.add(
                "holds", id=self.new_id(), borrower_id=borrower_id, loan_id=loan_id, kind=kind, from_at=self.known,
                by="borrower", recorded_at=self.known, released_at=None if kind == "dispute" else self.known,
            )  # fmt: skip
        for channel in ("sms", "voice", "email"):
            self.add(
                "consents", id=self.new_id(), borrower_id=borrower_id, channel=channel, given=True,
                recorded_at=self.known, origin="bench",
            )  # fmt: skip
        self.add(
            "devices", id=self.new_id(), borrower_id=borrower_id, installation_id="phone", platform="android",
            zone="Asia/Shanghai", last_seen_at=self.known, created_at=self.known,
        )  # fmt: skip
        note_id = self.new_id()
        self.add(
            "notes", id=note_id, borrower_id=borrower_id, lender_id=self.lender_id, by="staff:Bench", written_at=self.known,
            text_sealed=self.vault.seal("Call after six.", place=note_place(note_id, 1)), version_no=1,
        )  # fmt: skip

    def _decision(self, borrower_id: str, loan_id: str, row: int) -> None:
        decision_id, at = self.new_id(), NOW - timedelta(days=row + 1)
        moment, common = to_micros(at), {"outcome": "SUPPRESSED", "reason": "CAP_PERSON"}
        self.add(
            "decisions", id=decision_id, borrower_id=borrower_id, loan_id=loan_id, subject_kind="instalment",
            subject_id=f"{loan_id}/{row}", row_no=row, anchor_no=1, step_key="d-3", policy_id=self.lender_id,
            occurs_at=moment, local_date=f"{at.date()}", decided_at=moment, **common,
        )  # fmt: skip
        facts: dict[str, Any] = {"channels": "[]", "facts": "{}"}
        self.add("decision_events", decision_id=decision_id, seq=1, borrower_id=borrower_id, at=moment, **common, **facts)
