"""Statements as values, with positions of their own plan and entries: for documents, without a database."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import position_at, replay
from app.domain.splits import Split
from app.domain.statements import Ledger, Period, Statement, build_statement
from app.wording.statement_pdf import LenderBlock, StatementDocument

FIRST_DUE = date(2022, 1, 10)
KNOWN = datetime(2021, 12, 1, tzinfo=UTC)


def paid_statement(instalments: int, *, unit_minor: int = 1_234_56) -> Statement:
    """A weekly plan whose rows are all paid on the day after; two lines for each."""
    rows = tuple(
        PlanRow(n + 1, FIRST_DUE + timedelta(days=7 * n), Split(unit_minor, unit_minor // 20)) for n in range(instalments)
    )
    entries = [_payment(row.row_no, row.due.total, row.due_on + timedelta(days=1)) for row in rows]
    return statement_of(rows, entries, Period(FIRST_DUE, rows[-1].due_on + timedelta(days=1)))


def _payment(number: int, amount_minor: int, on: date) -> LedgerEntry:
    at = datetime.combine(on, time(12), tzinfo=UTC)
    return LedgerEntry(f"e{number:04}", EntryKind.REPAYMENT, amount_minor, on, at)


def statement_of(rows: Sequence[PlanRow], entries: Sequence[LedgerEntry], period: Period) -> Statement:
    """The statement of one plan as now known."""
    versions = [PlanVersion(1, tuple(rows), KNOWN)]
    ends = [position_at(replay(None, versions, entries, on), on) for on in (period.eve, period.last)]
    return build_statement(Ledger(None, versions, entries), period, opening=ends[0], closing=ends[1])


def document(statement: Statement, locale: str = "zh-CN", **changes: Any) -> StatementDocument:
    """A document, valid by default; each entry has a reference of its own."""
    given: dict[str, Any] = {
        "lender": LenderBlock("信远消费金融（示例）", "consumer_finance", "示例-001", "示例监管局"),
        "borrower_name": "林晓雨",
        "borrower_no": "B-1",
        "loan_no": "CN-1001",
        "product": "personal",
        "currency": "CNY",
        "zone": "Asia/Shanghai",
        "issued_on": date(2026, 3, 2),
        "statement": statement,
        "references": {line.entry.entry_id: f"PAY-{line.entry.entry_id}" for line in statement.lines if line.entry},
        "locale": locale,
    }
    return StatementDocument(**given | changes)
