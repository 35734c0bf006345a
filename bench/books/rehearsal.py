"""A book to rehearse over: loans under the law of China, the United States and of no pack, with their whole ledgers.

Twelve monthly rows a loan, up to eleven of them paid, one loan in eight a row behind; two borrowers in five have a second
loan; nine of ten have the app.
"""

from datetime import UTC, date, datetime, time, timedelta
from itertools import count

from sqlalchemy import Engine

from app.domain.times import local_instant, to_micros
from app.persistence.vault import Vault
from bench.books.loading import Loader, loading

TODAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, tzinfo=UTC)
KNOWN_AT = datetime(2025, 1, 1, tzinfo=UTC)
ROWS, PRINCIPAL, INTEREST = 12, 9000, 1000
MONTH = timedelta(days=30)
PAID_AT = time(12)
PLACES = (("CN", "Asia/Shanghai", "CNY"), ("US", "America/Chicago", "USD"), ("KE", "Africa/Nairobi", "KES"))
"""Country, zone, currency."""


def build_rehearsal_book(engine: Engine, vault: Vault, *, loans: int) -> int:
    """Write the book; return how many borrowers it has. Needs the schema."""
    borrowers = loans * 5 // 7
    with loading(engine) as loader:
        book = _Book(loader, vault)
        for number in range(borrowers):
            book.add_borrower(number)
    return borrowers


class _Book:
    def __init__(self, loader: Loader, vault: Vault) -> None:
        self._add, self._vault = loader.add, vault
        numbers = count(1)
        self._new_id = lambda: f"01900000-0000-7000-8000-{next(numbers):012x}"
        self._known = to_micros(KNOWN_AT)
        self._lenders = [self._new_id() for _ in PLACES]
        for lender_id, (country, zone, currency) in zip(self._lenders, PLACES, strict=True):
            self._add(
                "lenders", id=lender_id, code=country.lower(), name=country, jurisdiction=country, zone=zone,
                currency=currency, role="first_party", role_reason="a made-up book", licence_kind="consumer_finance",
                recorded_at=self._known,
            )  # fmt: skip

    def add_borrower(self, number: int) -> None:
        """Write one borrower with loans."""
        borrower_id, place = self._new_id(), number % len(PLACES)
        country, zone, _ = PLACES[place]
        self._add(
            "borrowers", id=borrower_id, borrower_no=f"B{number}", locale="en", country=country, zone=zone,
            phone_zones=f'["{zone}"]', flags="[]", recorded_at=self._known, updated_at=self._known,
            phone_sealed=self._vault.seal("+1", place=f"borrowers.phone:{borrower_id}"),
        )  # fmt: skip
        if number % 10 != 9:
            device_id, token = self._new_id(), f"token-{number}"
            self._add(
                "devices", id=device_id, borrower_id=borrower_id, installation_id=token, platform="android", zone=zone,
                push_permission=True, last_seen_at=self._known, created_at=self._known,
            )  # fmt: skip
            endpoint_id = self._new_id()
            self._add(
                "endpoints", id=endpoint_id, borrower_id=borrower_id, device_id=device_id, channel="push",
                address_kind="token", address_digest=f"{number:040x}", changed_at=self._known,
                address_sealed=self._vault.seal(token, place=f"endpoints.address:{endpoint_id}"),
            )  # fmt: skip
        for loan in range(2 if number % 5 < 2 else 1):
            self._add_loan(borrower_id, f"L{number}-{loan}", number * 2 + loan, place)

    def _add_loan(self, borrower_id: str, loan_no: str, kind: int, place: int) -> None:
        loan_id, (_, zone, currency) = self._new_id(), PLACES[place]
        paid = kind % ROWS
        first_due = TODAY + timedelta(days=kind % 30) - MONTH * paid
        dues = [first_due + MONTH * row for row in range(ROWS)]
        paid -= 1 if kind % 8 == 3 and paid else 0
        self._add(
            "loans", id=loan_id, borrower_id=borrower_id, lender_id=self._lenders[place], loan_no=loan_no,
            currency=currency, zone=zone, principal_minor=ROWS * PRINCIPAL, contract="{}", anchor_no=1,
            product_kind="instalment", recorded_at=self._known, imported_at=self._known,
        )  # fmt: skip
        self._add(
            "plan_versions", id=self._new_id(), borrower_id=borrower_id, loan_id=loan_id, anchor_no=1,
            recorded_at=self._known, imported_at=self._known, watched_from_at=self._known, origin="bench", content_hash="",
        )  # fmt: skip
        for row_no, due_on in enumerate(dues, start=1):
            self._add(
                "instalments", id=self._new_id(), borrower_id=borrower_id, loan_id=loan_id, anchor_no=1, row_no=row_no,
                due_on=f"{due_on}", principal_minor=PRINCIPAL, interest_minor=INTEREST,
            )  # fmt: skip
        for row, due_on in enumerate(dues[:paid]):
            known = to_micros(local_instant(due_on, PAID_AT, zone))
            self._add(
                "ledger_entries", id=self._new_id(), borrower_id=borrower_id, loan_id=loan_id, kind="repayment",
                amount_minor=PRINCIPAL + INTEREST, currency=currency, effective_on=f"{due_on}", recorded_at=known,
                imported_at=known, reference=f"{loan_no}/{row}", origin="bench",
            )  # fmt: skip
