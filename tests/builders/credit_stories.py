"""Loans with a life, for what a credit report says of them: twelve instalments of 100 dollars, paid as a story tells."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from io import BytesIO

from app.domain.credit_accounts import CreditAccount, CreditAddress, CreditConsumer
from app.domain.credit_events import CreditEvent, CreditEventKind
from app.domain.credit_histories import LoanLedger, month_end
from app.domain.credit_months import CreditLoan, account_on
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.metro2_files import write_metro2
from app.domain.metro2_records import Furnisher
from app.domain.plans import PlanRow, PlanVersion
from app.domain.splits import Split

OPENED = date(2025, 1, 1)
AT = datetime(2025, 1, 1, tzinfo=UTC)
FURNISHER = Furnisher("DUE12345", "Example Lending", "1 Bank St, Springfield IL 62701", "2175550100", "1234567890", "A1234")
ADDRESS = CreditAddress("12 Elm St", "Springfield", "IL", "62704")
BORROWER = CreditConsumer("Miller", "Ann", ADDRESS, id_kind="ssn", id_number="123456789", born_on=date(1980, 2, 29))


def rows(
    first: date = date(2025, 2, 1), count: int = 12, principal: int = 9_000, interest: int = 1_000
) -> tuple[PlanRow, ...]:
    """Return monthly rows on the day of `first`, on the last day of months that have no such day."""
    found = []
    for number in range(count):
        month = first.month - 1 + number
        end = month_end(date(first.year + month // 12, month % 12 + 1, 1))
        found.append(PlanRow(number + 1, end.replace(day=min(first.day, end.day)), Split(principal, interest)))
    return tuple(found)


def paid(on: date, amount_minor: int = 10_000, entry_id: str = "", kind: EntryKind = EntryKind.REPAYMENT) -> LedgerEntry:
    """Return money that came in on that day at noon."""
    at = datetime.combine(on, time(12), tzinfo=UTC)
    return LedgerEntry(entry_id or f"{kind}:{on}:{amount_minor}", kind, amount_minor, on, at)


def reversed_on(entry: LedgerEntry, on: date) -> LedgerEntry:
    """Return the reversal of an entry, known from that day on."""
    at = datetime.combine(on, time(12), tzinfo=UTC)
    return LedgerEntry(f"r:{entry.entry_id}", EntryKind.REVERSAL, entry.amount_minor, on, at, reverses=entry.entry_id)


def paid_months(*months: int, day: int = 1) -> list[LedgerEntry]:
    """Return an instalment paid on that day of each month of 2025."""
    return [paid(date(2025, month, day)) for month in months]


def event(kind: CreditEventKind, on: date, amount_minor: int = 0, name: str = "") -> CreditEvent:
    """Return an event."""
    return CreditEvent(kind, on, amount_minor, name)


def loan(
    entries: Sequence[LedgerEntry] = (),
    events: Sequence[CreditEvent] = (),
    *,
    plan: Sequence[PlanRow] = (),
    later: Sequence[PlanVersion] = (),
    consumer: CreditConsumer = BORROWER,
    associated: tuple[CreditConsumer, ...] = (),
    opened: date = OPENED,
    number: str = "LOAN1",
    **more: str | bool,
) -> CreditLoan:
    """Return the loan of 1,080 dollars that began at New Year 2025 and is paid on the first of each month, or as told."""
    plan = tuple(plan or rows())
    principal = sum(row.due.principal for row in plan)
    ledger = LoanLedger(principal, [PlanVersion(1, tuple(plan), AT), *later], list(entries))
    told = {"currency": "USD", "product": "instalment", **more}
    return CreditLoan(
        "lender", number, number, "b1", opened_on=opened, original_minor=principal, consumer=consumer, ledger=ledger,
        events=list(events), associated=associated, **told,  # type: ignore[arg-type]
    )  # fmt: skip


def months(of: CreditLoan, until: date) -> list[CreditAccount]:
    """Return each month's account up to `until`, each from the month before; the last is that of the month it ended."""
    found: list[CreditAccount] = []
    day = month_end(of.opened_on)
    while day <= month_end(until):
        account = account_on(of, day, found[-1] if found else None)
        found.append(account)
        if account.closed_on:
            break
        day = month_end(date(day.year + day.month // 12, day.month % 12 + 1, 1))
    return found


def file_of(accounts: Sequence[CreditAccount], furnisher: Furnisher = FURNISHER) -> bytes:
    """Return the Metro 2 file of accounts of one month. Raises ValidationError when one may not be written."""
    out = BytesIO()
    day = max(account.as_of_on for account in accounts)
    write_metro2(out, furnisher, accounts, activity_on=day, at=datetime(2026, 1, 5, 8, 30, tzinfo=UTC))
    return out.getvalue()
