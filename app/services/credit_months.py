"""A page's accounts of a month: what the bureau has of each loan, and what is told next, by the month before or whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.credit_accounts import CreditAccount, account_from
from app.domain.credit_months import CreditLoan, account_on
from app.domain.credit_snapshots import mended
from app.persistence.models.credit_reports import CreditSnapshotRow
from app.persistence.queries import credit_snapshots as queries
from app.persistence.unit_of_work import Work
from app.services.credit_continuations import continue_loans
from app.services.credit_facts import load_credit_loans

_UNKNOWN_PEOPLE: list[Mapping[str, Any]] = [{"surname": "", "first_name": ""}]


@dataclass(frozen=True, slots=True)
class Before:
    """What was furnished of a loan last, and in which snapshot."""

    snapshot_id: str
    account: CreditAccount


def furnished_before(session: Session, previous_id: str | None, loan_ids: Sequence[str]) -> dict[str, Before]:
    """Return what the bureau has of these loans: of the month before, or of the last one in which each was furnished."""
    if previous_id is None:
        return {}
    rows = queries.find_rows(session, previous_id, loan_ids)
    found = {
        loan_id: Before(previous_id, account_from(row.account, _UNKNOWN_PEOPLE))
        for loan_id, row in rows.items()
        if row.reason is None and not row.is_out
    }
    earlier = {
        loan_id: row.last_snapshot_id for loan_id, row in rows.items() if loan_id not in found and row.last_snapshot_id
    }
    keys = [(snapshot_id, loan_id) for loan_id, snapshot_id in earlier.items()]
    for loan_id, row in queries.find_accounts(session, keys).items():
        found[loan_id] = Before(earlier[loan_id], account_from(row.account, _UNKNOWN_PEOPLE))
    return found


def _account(loan: CreditLoan, as_of: date, before: Before | None, *, is_corrected: bool) -> CreditAccount:
    """Return the account with its history: what was furnished goes on; where that was put right, so is the history."""
    if before is None:
        return account_on(loan, as_of)
    account = account_on(loan, as_of, before.account)
    if not is_corrected:
        return account
    anew = account_on(loan, as_of)
    return replace(
        anew,
        history=mended(account.history, anew.history, is_metro2=True),
        month_codes=anew.month_codes[:1] + mended(account.month_codes[1:], anew.month_codes[1:], is_metro2=False),
    )


def accounts_of(
    work: Work,
    snapshot: CreditSnapshotRow,
    loans: Sequence[Any],
    before: Mapping[str, Before],
    changed: Mapping[str, str],
    now: datetime,
) -> dict[str, CreditAccount]:
    """Return what a report says of each loan: from the month before where that is enough, else from its ledger."""
    form, as_of = snapshot.format, snapshot.as_of
    accounts: dict[str, CreditAccount] = {}
    if snapshot.previous_id is not None:
        frozen_at = queries.get_snapshot(work.session, snapshot.previous_id).made_at
        told = {loan_id: each.account for loan_id, each in before.items() if loan_id not in changed}
        accounts = continue_loans(work.session, work.vault, loans, told, as_of, form=form, frozen_at=frozen_at, now=now)
    rest = [loan for loan in loans if loan.id not in accounts]
    for loan_id, loan in load_credit_loans(work.session, work.vault, rest, form=form, now=now).items():
        if loan.opened_on <= as_of:
            accounts[loan_id] = _account(loan, as_of, before.get(loan_id), is_corrected=loan_id in changed)
    return accounts
