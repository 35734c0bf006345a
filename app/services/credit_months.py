"""A page's accounts of a month: what the bureau has of each loan, and what is told next, by the month before or whole.

What was furnished goes on with what was told. What never was is worked out whole each month, and may go on with what was
worked out a month ago as long as neither its ledger nor the terms it is read by have changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import orjson

from app.domain.credit_accounts import CreditAccount, account_of
from app.domain.credit_corrections import with_corrections
from app.domain.credit_months import CreditLoan, account_on
from app.domain.credit_snapshots import INCOMPLETE, mended
from app.persistence.models.credit_reports import CreditSnapshotRow
from app.persistence.queries import credit_snapshots as queries
from app.persistence.queries.credit_corrections import find_told_since
from app.persistence.unit_of_work import Work
from app.services.credit_continuations import continue_loans
from app.services.credit_facts import UNKNOWN_PERSON, load_credit_loans
from app.services.credit_people import People, go_on_with_people


@dataclass(frozen=True, slots=True)
class Before:
    """What was furnished of a loan last, and in which snapshot."""

    snapshot_id: str
    account: CreditAccount


@dataclass(frozen=True, slots=True)
class MonthBefore:
    """By loan: what was furnished last; of what never was, what was worked out a month ago; whom the row of then names."""

    furnished: Mapping[str, Before]
    untold: Mapping[str, CreditAccount]
    people: Mapping[str, People]


def month_before(work: Work, previous_id: str | None, loans: Sequence[Any], bureau: str) -> MonthBefore:
    """Return what the bureau has of these loans: of the month before, or of the last one in which each was furnished.

    With the corrections of it that the bureau was told since: a mark that nobody took away stands there still, and a loan
    whose end was put right goes on.
    """
    if previous_id is None:
        return MonthBefore({}, {}, {})
    session = work.session
    rows = queries.find_rows(session, previous_id, [loan.id for loan in loans])
    told = {loan_id: (previous_id, row.account) for loan_id, row in rows.items() if row.reason is None and not row.is_out}
    earlier = {
        loan_id: row.last_snapshot_id for loan_id, row in rows.items() if loan_id not in told and row.last_snapshot_id
    }
    keys = [(snapshot_id, loan_id) for loan_id, snapshot_id in earlier.items()]
    for loan_id, row in queries.find_accounts(session, keys).items():
        told[loan_id] = (earlier[loan_id], row.account)
    since = find_told_since(session, told, bureau)
    found = {
        loan_id: Before(snapshot_id, account_of(_as_told(facts, since.get((snapshot_id, loan_id))), UNKNOWN_PERSON))
        for loan_id, (snapshot_id, facts) in told.items()
    }
    untold = {
        loan.id: account_of(row.account, UNKNOWN_PERSON)
        for loan in loans
        if (row := rows.get(loan.id)) is not None and loan.id not in found and _goes_on_untold(row, loan)
    }
    return MonthBefore(found, untold, go_on_with_people(work.vault, previous_id, rows, loans))


def _as_told(facts: Mapping[str, Any], corrections: Sequence[Any] | None) -> Mapping[str, Any]:
    return with_corrections(facts, corrections) if corrections else facts


def _goes_on_untold(row: Any, loan: Any) -> bool:
    """Return whether the row tells the loan whole, by the same terms as now: what the format refused was cut to be told."""
    if row.reason in (None, INCOMPLETE) or row.last_snapshot_id is not None or not row.account:
        return False
    return row.terms_mark == terms_mark(loan)  # type: ignore[no-any-return]


def terms_mark(loan: Any) -> str:
    """Return what changes when anything of the loan's own record does by which its past is worked out from its ledger."""
    read = [
        loan.contract, loan.cap, loan.stops, loan.principal_minor, loan.disbursed_on, loan.currency, loan.zone,
        loan.product_kind,
    ]  # fmt: skip
    return sha256(orjson.dumps(read, option=orjson.OPT_SORT_KEYS)).hexdigest()


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
    before: MonthBefore,
    changed: Mapping[str, str],
    now: datetime,
) -> dict[str, CreditAccount]:
    """Return what a report says of each loan: from the month before where that is enough, else from its ledger.

    It names whom `before` knows; of the others the person is `credit_facts.UNKNOWN_PERSON`, to be read where it is told.
    """
    form, as_of, session = snapshot.format, snapshot.as_of, work.session
    accounts: dict[str, CreditAccount] = {}
    if snapshot.previous_id is not None:
        frozen_at = queries.get_snapshot(session, snapshot.previous_id).made_at
        known = {**before.untold} | {loan_id: each.account for loan_id, each in before.furnished.items()}
        told = {loan_id: account for loan_id, account in known.items() if loan_id not in changed}
        accounts = continue_loans(session, loans, told, before.people, as_of, form=form, frozen_at=frozen_at, now=now)
    rest = [loan for loan in loans if loan.id not in accounts]
    unread = {loan.id for loan in rest}
    for loan_id, loan in load_credit_loans(session, work.vault, rest, form=form, now=now, known=unread).items():
        if loan.opened_on <= as_of:
            accounts[loan_id] = _account(loan, as_of, before.furnished.get(loan_id), is_corrected=loan_id in changed)
    return accounts
