"""Freezing a month of credit reports: page by page, in constant memory, going on where it was stopped.

Each page is one commit of its rows, the counts, the chain's hash and the cursor, so that a killed process leaves a whole
page or none. What was furnished last is the history; a month in which a loan was withheld stays a month not told.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from app.domain.credit_accounts import CreditAccount, facts_of
from app.domain.credit_bureaus import ALL, METRO2
from app.domain.credit_gates import POSITIVE, BureauRules, ReportGate
from app.domain.credit_histories import month_end
from app.domain.credit_snapshots import (
    DELETED,
    ENDED_UNCLEAR,
    INCOMPLETE,
    MADE,
    MAKING,
    NOT_ENROLLED,
    NOT_REPORTED_HERE,
    added,
    check_as_of,
    check_move,
    history_told,
    kind_of,
    status_told,
    without_untold,
)
from app.domain.errors import ConflictError
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.credit_reports import CreditBureauRow, CreditSnapshotRow
from app.persistence.queries import credit_corrections as corrections
from app.persistence.queries import credit_snapshots as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.credit_bureaus import find_enabled, get_bureau
from app.persistence.queries.credit_numbers import find_unclear_numbers
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.credit_checks import chain_on
from app.services.credit_facts import UNKNOWN_PERSON
from app.services.credit_formats import problem_of
from app.services.credit_gates import CreditRecord
from app.services.credit_months import Before, accounts_of, month_before, terms_mark
from app.services.credit_people import People, people_place, read_people
from app.services.credit_quiet_gates import ask_month

PAGE = 1000
"""Loans of a commit: some 12 KiB of memory each while it lasts."""
_CLOSED, _CANCELLED = "closed", "cancelled"


def begin_snapshot(work: Work, lender_id: str, bureau: str, as_of: date, *, by: str, now: datetime) -> str:
    """Begin to freeze a lender's reports to a bureau as of a month's last day, or find it; return its id.

    Raises ConflictError where the lender is not enabled there or an earlier one is still open, ValidationError for a day
    that is not over or is no month's last.
    """
    lender = get_lender(work.session, lender_id)
    check_as_of(as_of, business_date(now, lender.zone), month_end=month_end(as_of))
    found = queries.find_snapshot(work.session, lender_id, bureau, as_of)
    if found is not None:
        return found.id
    setting = find_enabled(work.session, lender_id, bureau)
    if setting is None:
        raise ConflictError(f"{lender.code} is not enabled at {bureau}: one person asks for it, another approves.")
    is_open = queries.find_open(work.session, lender_id, bureau)
    if is_open is not None:
        raise ConflictError(
            f"That of {is_open.isoformat()} is still open: hand it in or decline it, so that history goes on."
        )
    row = CreditSnapshotRow(
        id=new_id(), lender_id=lender_id, bureau_id=setting.id, bureau=bureau, format=setting.format, as_of=as_of,
        previous_id=queries.find_previous(work.session, lender_id, bureau, as_of), state=MAKING, counts={}, made_by=by,
        made_at=now, version=1,
    )  # fmt: skip
    queries.add_snapshot(work.session, row)
    facts = {"snapshot_id": row.id, "lender_id": lender_id, "bureau": bureau, "as_of": as_of.isoformat()}
    add_audit(work.session, at=now, actor=by, action="credit.snapshot_begun", borrower_id=None, facts=facts)
    return row.id


def freeze_page(work: Work, snapshot_id: str, *, now: datetime, page: int = PAGE) -> bool:
    """Freeze the next loans of a snapshot; return whether there may be more. One that is made already stays as it is."""
    snapshot = queries.load_snapshot(work.session, snapshot_id)
    if snapshot.state != MAKING:
        return False
    loans = queries.page_reported_loans(work.session, snapshot.lender_id, after=snapshot.cursor, limit=page)
    setting = get_bureau(work.session, snapshot.bureau_id)
    rows = _rows(work, snapshot, setting, loans, now)
    chain = snapshot.chain_sha256
    for row in rows:
        chain = row["sha256"] = chain_on(chain, row)
    queries.add_reports(work.session, rows)
    snapshot.chain_sha256, snapshot.counts = chain, added(snapshot.counts, rows)
    if loans:
        snapshot.cursor = loans[-1].id
    if len(loans) == page:
        return True
    check_move(snapshot.state, MADE)
    snapshot.state, snapshot.frozen_at = MADE, now
    snapshot.version += 1
    facts = {"snapshot_id": snapshot.id, "chain_sha256": chain, "counts": snapshot.counts}
    add_audit(work.session, at=now, actor=snapshot.made_by, action="credit.snapshot_made", borrower_id=None, facts=facts)
    return False


def _rows(
    work: Work, snapshot: CreditSnapshotRow, setting: CreditBureauRow, loans: Sequence[Any], now: datetime
) -> list[dict[str, Any]]:
    session, form = work.session, snapshot.format
    ids = [loan.id for loan in loans]
    month = month_before(work, snapshot.previous_id, loans, snapshot.bureau)
    before = month.furnished
    changed = corrections.find_decided(session, ids, snapshot.bureau)
    wanted = [loan for loan in loans if _is_wanted(loan, before.get(loan.id), snapshot.as_of)]
    enrolled = [loan for loan in wanted if loan.enrolled_as is not None or loan.id in before]
    accounts = accounts_of(work, snapshot, enrolled, month, changed, now)
    kinds = {loan.id: kind_of(accounts[loan.id], form, loan.enrolled_as) for loan in enrolled if loan.id in accounts}
    records = {
        loan_id: CreditRecord(kind, status_told(accounts[loan_id], form), accounts[loan_id].first_delinquent_on)
        for loan_id, kind in kinds.items()
    }
    rules = BureauRules(setting.while_disputed, setting.lead_days)
    gates = ask_month(session, records, now=now, rules=rules, loans=loans)
    unclear = find_unclear_numbers(session, snapshot.lender_id, list(records)) if form == METRO2 else {}
    rows = []
    for loan in wanted:
        account = accounts.get(loan.id)
        row = _row(snapshot, setting, loan, account, kinds.get(loan.id), gates.get(loan.id), before.get(loan.id))
        if loan.id in changed and changed[loan.id] == "deletion":
            row["reason"], row["rule"] = DELETED, None
        if row["reason"] is None and account is not None:
            marked = _marked(account, row["mark"], before.get(loan.id))
            _complete(work.vault, row, loan, marked, month.people.get(loan.id), form, unclear.get(loan.id))
        elif account is not None:
            row["account"] = facts_of(account)
            row["terms_mark"] = terms_mark(loan) if row["last_snapshot_id"] is None else None
        rows.append(row)
    return rows


def _is_wanted(loan: Any, before: Before | None, as_of: date) -> bool:
    """Return whether the loan has a row: it is reported, was, or is late and nobody said that it is."""
    if loan.status == _CANCELLED:
        return False
    if before is not None and before.account.closed_on is not None:
        return False  # its end was told
    if loan.enrolled_as is not None or before is not None:
        return True
    return bool(loan.open_rows) and date.fromisoformat(loan.open_rows[0][1]) < as_of


def _row(
    snapshot: CreditSnapshotRow,
    setting: CreditBureauRow,
    loan: Any,
    account: CreditAccount | None,
    kind: str | None,
    gate: ReportGate | None,
    before: Before | None,
) -> dict[str, Any]:
    form = snapshot.format
    reason, rule = _reason(setting, loan, account, kind, gate, before)
    return {
        "snapshot_id": snapshot.id,
        "loan_id": loan.id,
        "borrower_id": loan.borrower_id,
        "kind": kind or "",
        "reason": reason,
        "rule": rule,
        "notice_message_id": None if gate is None else gate.notice_message_id,
        "mark": None if gate is None else gate.mark,
        "status": "" if account is None else status_told(account, form),
        "first_delinquency_on": None if account is None else account.first_delinquent_on,
        "history": "" if account is None else history_told(account, form),
        "last_snapshot_id": None if before is None else before.snapshot_id,
        "account": {},
        "people_sealed": None,
        "people_mark": None,
        "terms_mark": None,
        "sha256": "",
    }


def _reason(
    setting: CreditBureauRow,
    loan: Any,
    account: CreditAccount | None,
    kind: str | None,
    gate: ReportGate | None,
    before: Before | None,
) -> tuple[str | None, str | None]:
    """Return why the loan is not furnished, with the rule of law that says so; (None, None): it is."""
    if loan.enrolled_as is None and (kind is None or kind != POSITIVE):
        return NOT_ENROLLED, None
    if account is None or kind is None or gate is None:
        return INCOMPLETE, None
    if kind != POSITIVE and loan.enrolled_as == POSITIVE:
        return NOT_ENROLLED, None
    was_against = before is not None and kind_of(before.account, setting.format, None) != POSITIVE
    if kind == POSITIVE and setting.reports != ALL and not was_against:
        return NOT_REPORTED_HERE, None
    if loan.status == _CLOSED and account.closed_on is None:
        return ENDED_UNCLEAR, None
    return gate.reason, gate.rule


def _marked(account: CreditAccount, mark: str | None, before: Before | None) -> CreditAccount:
    """Return the account with its dispute mark: set once, kept until another replaces it or XR takes it away."""
    stands = ""
    if before is not None:
        told = before.account.condition_code
        stands = "" if told == "XR" else told or before.account.condition_standing
    code = mark or ""
    if code == stands and not account.condition_code and account.condition_standing == stands:
        return account
    if code == stands:
        return replace(account, condition_code="", condition_standing=stands)
    return replace(account, condition_code=code or "XR", condition_standing=stands)


def _complete(
    ring: Vault,
    row: dict[str, Any],
    loan: Any,
    account: CreditAccount,
    people: People | None,
    form: str,
    unclear: str | None,
) -> None:
    """Put what is furnished into its row with whom it names, or why the format does not take it.

    `people`: whom the month before named, where they are the same; None: the borrower's record is read.
    `unclear`: why its number may not stand in a file.
    """
    people = people or read_people(ring, loan)
    if account.consumer is UNKNOWN_PERSON:
        account = replace(account, consumer=people.consumer)
    if row["last_snapshot_id"] is None:
        account = without_untold(account, is_negative=row["kind"] != POSITIVE)
    problem = unclear or problem_of(account, form)
    row["account"], row["history"] = facts_of(account), history_told(account, form)
    if problem is not None:
        row["reason"], row["rule"] = INCOMPLETE, problem
        return
    row["people_sealed"] = ring.seal(people.told, place=people_place(row["snapshot_id"], row["loan_id"]))
    row["people_mark"] = people.mark
