"""Telling a bureau of corrections and deletions that were approved: a file of their own, beside the month's."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from app.domain.credit_accounts import CreditAccount, Standing, account_from
from app.domain.credit_bureaus import METRO2
from app.domain.credit_corrections import CORRECTION, DELETION, DISPUTED, FILED, check_move, mark_told, with_corrections
from app.domain.credit_gates import BureauRules
from app.domain.credit_refusals import ByteSink
from app.domain.credit_snapshots import is_worse, kind_of, status_told
from app.domain.errors import ConflictError
from app.persistence.queries import credit_corrections as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import find_borrower_nos
from app.persistence.queries.credit_bureaus import find_enabled
from app.persistence.queries.credit_snapshots import find_reported_loans, find_rows
from app.persistence.queries.loans import find_told_loans
from app.persistence.unit_of_work import Work, unit_of_work
from app.services.credit_dispute_marks import marks_now
from app.services.credit_facts import person_of
from app.services.credit_files import MadeFile
from app.services.credit_formats import Header, write_file
from app.services.credit_gates import CreditRecord, ask_reports
from app.services.credit_people import people_place
from app.services.webhook_events import NewEvent, announce_many

_DELETED = {"DF": Standing.DELETED_FRAUD}


def make_correction_file(
    lender_id: str, bureau: str, out: ByteSink, *, by: str, clock: Callable[[], datetime], kind: str = CORRECTION
) -> MadeFile:
    """Write the corrections, or the deletions, that were approved for a bureau and not told yet; told they are from then on.

    One file is of one month's reports: where several are to be corrected, the newest first, and again until none is left.
    What would tell something worse than before passes the gates like any report, else it waits. One unit of work: there are
    few. Raises ConflictError where the lender is not enabled there or nothing waits.
    """
    now = clock()
    with unit_of_work() as work:
        setting = find_enabled(work.session, lender_id, bureau)
        if setting is None:
            raise ConflictError("The lender is not enabled at this bureau.")
        waiting = [row for row in queries.find_approved(work.session, lender_id, bureau) if row.kind == kind]
        rules = BureauRules(setting.while_disputed, setting.lead_days)
        told = {row.id: _told(work, row) for row in waiting}
        waiting = [row for row in waiting if _may_tell(work, row, *told[row.id], setting.format, rules, now)]
        as_of = max((told[row.id][0].as_of_on for row in waiting), default=date.min)
        accounts, rows = [], []
        for row in waiting:
            account, _ = told[row.id]
            if row.kind == DELETION:
                account = replace(account, as_of_on=as_of, standing=_DELETED.get(row.code, Standing.DELETED))
            elif account.as_of_on != as_of:
                continue
            accounts.append(account)
            rows.append(row)
        if not accounts:
            raise ConflictError("No correction waits that may be told.")
        refused: list[str] = []
        header = Header(setting.furnisher_code, setting.furnisher_name, setting.furnisher_address, bureau)
        records, sha256 = write_file(setting.format, out, header, accounts, as_of=as_of, at=now, refused=refused, what=kind)
        for row in rows:
            if row.loan_id in refused:
                continue
            check_move(row.state, FILED)
            row.state, row.filed_at = FILED, now
            row.version += 1
            _audit(work, row, sha256, by, now)
        work.session.flush()
        _announce(work, lender_id, [row for row in rows if row.state == FILED], now)
    return MadeFile(records, len(waiting) - records, sha256)


def _told(work: Work, row: Any) -> tuple[CreditAccount, CreditAccount]:
    """Return the account as it is to be told and as it was furnished."""
    frozen = find_rows(work.session, row.snapshot_id, [row.loan_id])[row.loan_id]
    people = work.vault.open(frozen.people_sealed, place=people_place(row.snapshot_id, row.loan_id))
    decided = queries.find_values_decided(work.session, [row.loan_id], row.bureau)
    has = with_corrections(frozen.account, decided.get((row.snapshot_id, row.loan_id), ()))
    before = account_from(has, json.loads(people) if people else [{"surname": "", "first_name": ""}])
    if people is None:
        (loan,) = find_reported_loans(work.session, [row.loan_id])
        before = replace(before, consumer=person_of(work.vault, loan))
    after = account_from({**has, **(row.new or {})}, [{"surname": "", "first_name": ""}])
    after = replace(after, consumer=before.consumer, associated=before.associated)
    return replace(after, is_correction=row.kind != DELETION), before


def _may_tell(
    work: Work, row: Any, account: CreditAccount, before: CreditAccount, form: str, rules: BureauRules, now: datetime
) -> bool:
    """Return whether it may be told: a deletion and what is better for the person always, else as the gates say."""
    if row.reason == DISPUTED:
        frozen = queries.find_latest_furnished(work.session, row.bureau, {row.loan_id: row.borrower_id})
        return form == METRO2 and mark_told(row.new) == marks_now(work, frozen, now).get(row.loan_id)
    if row.kind == DELETION or not is_worse(before, account):
        return True
    kind = kind_of(account, form, None)
    record = CreditRecord(kind, status_told(account, form), account.first_delinquent_on)
    gates = ask_reports(work.session, [account.loan_id], now=now, records={account.loan_id: record}, rules=rules)
    return gates[account.loan_id].is_open_to_report


def _announce(work: Work, lender_id: str, rows: Sequence[Any], now: datetime) -> None:
    """Tell the lender's systems what was told to the bureau."""
    loans = find_told_loans(work.session, [row.loan_id for row in rows])
    people = find_borrower_nos(work.session, {row.borrower_id for row in rows})
    events = [
        NewEvent(
            f"credit_report.{'deleted' if row.kind == DELETION else 'corrected'}.v1",
            {"correction_id": row.id, "snapshot_id": row.snapshot_id, "bureau": row.bureau, "code": row.code,
             "reason": row.reason, "loan_no": loans[row.loan_id].loan_no, "borrower_no": people[row.borrower_id]},
            row.borrower_id,
        )
        for row in rows
    ]  # fmt: skip
    announce_many(work, lender_id, events, now=now)


def _audit(work: Work, row: Any, sha256: str, by: str, now: datetime) -> None:
    facts = {"correction_id": row.id, "loan_id": row.loan_id, "bureau": row.bureau, "kind": row.kind, "code": row.code,
             "file_sha256": sha256}  # fmt: skip
    add_audit(work.session, at=now, actor=by, action="credit.correction_filed", borrower_id=row.borrower_id, facts=facts)
