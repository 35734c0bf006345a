"""A month of a book as bulletins read it: of each borrower a loan, a row due, a payment, three messages, and what follows.

Of every four borrowers one has a letter that arrived, one is reported, one had a contact kept back by law; of every ten one
has a vehicle in custody. Nothing but what figures read is written.
"""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine

from app.domain.times import to_micros
from bench.books.loading import Loader, loading

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
NOW = datetime(2026, 4, 2, 9, 0, tzinfo=UTC)
LENDER = str(UUID(int=1))
CHANNELS, STAGES = ("push", "sms", "email", "wechat"), ("due_soon", "overdue", "late")
_MINUTES = 30 * 24 * 60


def build_bulletin_book(engine: Engine, *, borrowers: int) -> None:
    """Write the book of one lender. Needs the schema."""
    with loading(engine) as loader:
        loader.add(
            "lenders", id=LENDER, code="acme", name="Acme", jurisdiction="CN", zone="Asia/Shanghai", currency="CNY",
            role="first_party", locale="zh-CN", recorded_at=0,
        )  # fmt: skip
        for number in range(borrowers):
            _borrower(loader, number)


def _id(kind: int, number: int) -> str:
    return str(UUID(int=(kind << 64) + number + 1))


def _borrower(loader: Loader, number: int) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=number * 7 % _MINUTES)
    moment, day = to_micros(at), at.date().isoformat()
    borrower, loan = _id(1, number), _id(2, number)
    add = loader.add
    add(
        "loans", id=loan, lender_id=LENDER, borrower_id=borrower, loan_no=f"L{number}", currency="CNY",
        zone="Asia/Shanghai", status="active", recorded_at=0, imported_at=0, content_hash="", anchor_no=1,
    )  # fmt: skip
    add(
        "plan_versions", id=_id(3, number), borrower_id=borrower, loan_id=loan, anchor_no=1, recorded_at=0, imported_at=0,
        watched_from_at=0, origin="bench", content_hash="",
    )  # fmt: skip
    add(
        "instalments", id=_id(4, number), borrower_id=borrower, loan_id=loan, anchor_no=1, row_no=1, due_on=day,
        principal_minor=10_000, interest_minor=100, fees_minor=0, penalties_minor=0,
    )  # fmt: skip
    add(
        "ledger_entries", id=_id(5, number), borrower_id=borrower, loan_id=loan, kind="repayment", amount_minor=10_100,
        currency="CNY", effective_on=day, recorded_at=moment, imported_at=moment, reference=f"P{number}", origin="bench",
    )  # fmt: skip
    for each in range(3):
        _message(loader, number * 4 + each, borrower, loan, moment, CHANNELS[(number + each) % 4])
    if number % 4 == 0:
        _message(loader, number * 4 + 3, borrower, loan, moment, "letter")
        add(
            "letters", id=_id(9, number), borrower_id=borrower, message_id=_id(6, number * 4 + 3), jurisdiction="CN",
            template="letter", locale="zh-CN", pages=1, sha256="", pdf_sealed=b"", state="delivered", created_at=moment,
            changed_at=moment, delivered_at=moment,
        )  # fmt: skip
    elif number % 4 == 1:
        add(
            "credit_enrolments", id=_id(10, number), loan_id=loan, borrower_id=borrower, lender_id=LENDER, kind="negative",
            started_by="bench", started_at=moment,
        )  # fmt: skip
    elif number % 4 == 2:
        add(
            "decision_events", decision_id=_id(8, number * 4), seq=1, borrower_id=borrower, at=moment, outcome="DEFERRED",
            reason="LEGAL_QUIET_HOURS", rule="CN-QUIET",
        )  # fmt: skip
    if number % 10 == 0:
        thing = _id(11, number)
        add(
            "collateral_things", id=thing, lender_id=LENDER, borrower_id=borrower, reference=f"V{number}", kind="vehicle",
            currency="CNY", state="in_custody", state_on=day, created_at=moment,
        )  # fmt: skip
        add(
            "collateral_events", id=_id(12, number), thing_id=thing, borrower_id=borrower, lender_id=LENDER, no=1,
            kind="taken", effective_on=day, recorded_at=moment, by="bench", origin="bench", reference=f"T{number}",
            to_state="in_custody", facts="{}",
        )  # fmt: skip


def _message(loader: Loader, number: int, borrower: str, loan: str, moment: int, channel: str) -> None:
    contact, message = _id(7, number), _id(6, number)
    loader.add(
        "contacts", id=contact, borrower_id=borrower, message_class="reminder", local_date="2026-03-01", zones="[]",
        stage=STAGES[number % 3], step_key="step", created_at=moment,
    )  # fmt: skip
    loader.add(
        "messages", id=message, borrower_id=borrower, contact_id=contact, channel=channel, message_class="reminder",
        template="reminder", template_version=1, locale="zh-CN", state="sent", not_before=moment, not_after=moment,
        next_attempt_at=moment, created_at=moment, sent_at=moment,
    )  # fmt: skip
    loader.add(
        "decisions", id=_id(8, number), borrower_id=borrower, loan_id=loan, subject_kind="instalment", subject_id=message,
        row_no=1, anchor_no=1, step_key=f"step{number}", policy_id=LENDER, occurs_at=moment, local_date="2026-03-01",
        outcome="SENT", reason="ON_SCHEDULE", contact_id=contact, decided_at=moment,
    )  # fmt: skip
