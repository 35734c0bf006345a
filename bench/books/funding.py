"""A book of loans that many people funded, each on a day of their own, who sold parts of it since; one payment came in.

Of each payment a part is interest, so that the platform keeps its fee of it. Only what passing on reads is written.
"""

from datetime import UTC, date, datetime, timedelta
from itertools import count

from sqlalchemy import Engine

from app.domain.times import to_micros
from bench.books.loading import Loader, loading

KNOWN_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PAID_AT = (datetime(2026, 5, 2, 9, 0, tzinfo=UTC), datetime(2026, 6, 2, 9, 0, tzinfo=UTC))
"""When the first payment came in, and when the one after it did."""
FUNDED_ON = date(2026, 1, 6)
UNITS = 10_007
PRINCIPAL, INTEREST = 100_019, 9_973


def build_funded_book(engine: Engine, *, loans: int, funders: int) -> None:
    """Write the book. Needs the schema."""
    numbers = count(1)

    def new_id() -> str:
        return f"01900000-0000-7000-8000-{next(numbers):012x}"

    known, lender_id = to_micros(KNOWN_AT), new_id()
    with loading(engine) as loader:
        loader.add(
            "lenders", id=lender_id, code="bench", name="Bench", jurisdiction="CN", zone="Asia/Shanghai", currency="CNY",
            licence_kind="bank", role="first_party", role_reason="own", recorded_at=known,
        )  # fmt: skip
        holders = [new_id() for _ in range(funders)]
        for number, funder_id in enumerate(holders):
            loader.add(
                "funders", id=funder_id, lender_id=lender_id, funder_no=f"F{number}", kind="person", name_sealed=b"",
                content_hash="", recorded_at=known,
            )  # fmt: skip
        for number in range(loans):
            borrower_id, loan_id = new_id(), new_id()
            loader.add(
                "borrowers", id=borrower_id, borrower_no=f"B{number}", locale="zh-CN", zone="Asia/Shanghai", country="CN",
                phone_zones="[]", flags="[]", recorded_at=known, updated_at=known,
            )  # fmt: skip
            loader.add("agenda", borrower_id=borrower_id, wake_at=known, case_version=1, decided_version=1, rules_epoch=1)
            loader.add(
                "loans", id=loan_id, borrower_id=borrower_id, lender_id=lender_id, loan_no=f"L{number}", currency="CNY",
                zone="Asia/Shanghai", principal_minor=UNITS * funders, contract="{}", anchor_no=1, recorded_at=known,
                imported_at=known,
            )  # fmt: skip
            loader.add(
                "funded_loans", loan_id=loan_id, lender_id=lender_id, borrower_id=borrower_id, currency="CNY",
                units_minor=UNITS * funders, service_fee='{"interest": "0.1"}', passed_version=-1,
            )  # fmt: skip
            for place, holder in enumerate(holders):
                taker = holders[(place + number + 1) % funders]
                moves = ((None, holder, UNITS, place % 60), (holder, taker, UNITS // 3, 60 + place % 55))
                for giver_id, taker_id, units, after_days in moves[: 2 if place % 10 == 0 else 1]:
                    transfer_id = new_id()
                    loader.add(
                        "share_transfers", id=transfer_id, lender_id=lender_id, loan_id=loan_id, giver_id=giver_id,
                        taker_id=taker_id, units_minor=units, effective_on=f"{FUNDED_ON + timedelta(days=after_days)}",
                        reference=transfer_id, content_hash="", recorded_on=f"{FUNDED_ON}", recorded_at=known, by="bench",
                    )  # fmt: skip
            loader.add(
                "position_snapshots", loan_id=loan_id, borrower_id=borrower_id, version=1, anchor_no=1,
                principal_balance_minor=UNITS * funders - PRINCIPAL, unapplied_minor=0, open_rows="[]",
            )  # fmt: skip
            _pay(loader, borrower_id, loan_id, number, 0)


def pay_again(engine: Engine) -> None:
    """Let the next payment day come: each loan is paid once more."""
    with engine.connect() as connection:
        owners = connection.exec_driver_sql("SELECT borrower_id, id, loan_no FROM loans").all()
    with loading(engine) as loader:
        for borrower_id, loan_id, loan_no in owners:
            _pay(loader, str(borrower_id), str(loan_id), int(loan_no[1:]), 1)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE position_snapshots SET version = version + 1,"
            f" principal_balance_minor = principal_balance_minor - {PRINCIPAL}"
        )


def _pay(loader: Loader, borrower_id: str, loan_id: str, number: int, month: int) -> None:
    entry_id, at, on = loan_id.replace("01900000", f"0191000{month}"), to_micros(PAID_AT[month]), f"{PAID_AT[month].date()}"
    loader.add(
        "ledger_entries", id=entry_id, borrower_id=borrower_id, loan_id=loan_id, kind="repayment",
        amount_minor=PRINCIPAL + INTEREST, currency="CNY", effective_on=on, recorded_at=at, imported_at=at,
        reference=f"P{number}-{month}", origin="bench",
    )  # fmt: skip
    loader.add(
        "allocations", id=entry_id, borrower_id=borrower_id, loan_id=loan_id, entry_id=entry_id, row_no=month + 1,
        principal_minor=PRINCIPAL, interest_minor=INTEREST, fees_minor=0, penalties_minor=0, unapplied_minor=0,
        effective_on=on, recorded_at=at,
    )  # fmt: skip
