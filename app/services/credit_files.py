"""What becomes of a snapshot: a second person approves it, its file is made, it is handed in, the bureau answers.

Every gate is asked again while the file is made, page by page in commits of their own: what shut since the freezing is left
out and says why. The file itself streams to whoever wants it; its hash is kept, not the file.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from io import BytesIO
from typing import NamedTuple

import orjson

from app.domain.actors import same_person
from app.domain.credit_accounts import CreditAccount, account_from
from app.domain.credit_gates import BureauRules
from app.domain.credit_refusals import ByteSink
from app.domain.credit_snapshots import (
    ACKNOWLEDGED,
    APPROVED,
    CORRECTED_SINCE,
    DECLINED,
    DELETED,
    DISPUTE_MARK_CHANGED,
    FILED,
    INCOMPLETE,
    REJECTED,
    SUBMITTED,
    check_move,
)
from app.domain.errors import ConflictError, refused_at
from app.persistence.ids import new_id
from app.persistence.models.credit_reports import CreditSnapshotRow
from app.persistence.queries import credit_corrections as corrections
from app.persistence.queries import credit_snapshots as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.credit_bureaus import get_bureau
from app.persistence.queries.credit_enrolments import mark_ended
from app.persistence.queries.loans import find_loan_owners
from app.persistence.unit_of_work import Work, unit_of_work
from app.services.credit_events import note_furnished
from app.services.credit_formats import Header, write_file
from app.services.credit_gates import CreditRecord
from app.services.credit_people import people_place
from app.services.credit_quiet_gates import ask_month
from app.services.credit_snapshots import PAGE
from app.services.webhook_events import announce

_LONGEST_REASON = 200
LARGEST_AT_A_DOOR = 20_000
"""Accounts of a file that is given out while somebody waits for it."""


class MadeFile(NamedTuple):
    """A file as it was made: how many accounts it tells, and its hash."""

    records: int
    omitted: int
    sha256: str


class RejectedLine(NamedTuple):
    """A line that the bureau did not take, by the lender's own number of the loan."""

    loan_no: str
    code: str
    detail: str | None = None


def decide_snapshot(
    work: Work, lender_id: str, snapshot_id: str, *, approve: bool, by: str, now: datetime, reason: str | None = None
) -> None:
    """Approve a snapshot, or decline it with a reason (then another may be made). Raises NotFoundError, ConflictError.

    Whoever had it made does not approve it.
    """
    row = queries.load_snapshot(work.session, snapshot_id, lender_id)
    to = APPROVED if approve else DECLINED
    check_move(row.state, to)
    if approve and same_person(row.made_by, by):
        raise ConflictError("Somebody else approves what you had made.")
    if not approve and not (reason or "").strip():
        raise refused_at("/reason", "Say why it is declined.")
    row.state, row.decided_by, row.decided_at = to, by, now
    row.decline_reason = None if approve else (reason or "").strip()[:_LONGEST_REASON]
    _moved(work, row, by, now)


def make_file(
    lender_id: str, snapshot_id: str, out: ByteSink, *, by: str, clock: Callable[[], datetime], page: int = PAGE
) -> MadeFile:
    """Write the file of an approved snapshot, all gates asked again; made anew, it counts in place of the one before.

    From its first commit on the file of before is none any more, and whoever makes one still is too late: what is left out
    is of one file. Opens units of work of its own. Raises NotFoundError, ConflictError, ValidationError where nothing is
    left to report.
    """
    with unit_of_work() as work:
        row = queries.load_snapshot(work.session, snapshot_id, lender_id)
        check_move(row.state, FILED)
        setting = get_bureau(work.session, row.bureau_id)
        if setting.state != "enabled":
            raise ConflictError("Reporting to this bureau was stopped; nothing is made for it.")
        header = Header(setting.furnisher_code, setting.furnisher_name, setting.furnisher_address, row.bureau)
        rules, form, as_of = BureauRules(setting.while_disputed, setting.lead_days), row.format, row.as_of
        row.state, row.file_sha256, row.file_records = APPROVED, None, None
        row.version += 1
        making = row.version
        queries.clear_omissions(work.session, snapshot_id)
    refused: list[str] = []
    made_at = clock()
    accounts = _accounts(snapshot_id, making, rules, clock, page)
    records, sha256 = write_file(form, out, header, accounts, as_of=as_of, at=made_at, refused=refused)
    with unit_of_work() as work:
        row = _being_made(work, snapshot_id, making)
        _omit(work, snapshot_id, [(loan_id, INCOMPLETE, None) for loan_id in refused], clock())
        row.state, row.filed_by, row.filed_at = FILED, by, made_at
        row.file_sha256, row.file_records = sha256, records
        _moved(work, row, by, made_at, records=records, sha256=sha256)
        omitted = sum(queries.count_omissions(work.session, snapshot_id).values())
    return MadeFile(records, omitted, sha256)


def make_file_to_keep(
    lender_id: str, snapshot_id: str, *, by: str, clock: Callable[[], datetime], most: int = LARGEST_AT_A_DOOR
) -> tuple[bytes, MadeFile]:
    """Make the file and return it, for somebody at the desk, who proved a second factor just now; that is written down.

    Raises what `make_file` does, and ConflictError for a month that is made by `flask credit file`, being too large.
    """
    with unit_of_work() as work:
        row = queries.load_snapshot(work.session, snapshot_id, lender_id)
        check_move(row.state, FILED)
        if row.counts.get("furnished", 0) > most:
            raise ConflictError(f"It tells of more than {most} accounts: have it made by `flask credit file`.")
    out = BytesIO()
    told = make_file(lender_id, snapshot_id, out, by=by, clock=clock)
    with unit_of_work() as work:
        facts = {"snapshot_id": snapshot_id, "lender_id": lender_id, "sha256": told.sha256, "records": told.records}
        add_audit(work.session, at=clock(), actor=by, action="credit.file_taken_out", borrower_id=None, facts=facts)
    return out.getvalue(), told


def submit_snapshot(
    lender_id: str, snapshot_id: str, *, reference: str | None, by: str, now: datetime, page: int = PAGE
) -> None:
    """Say that the file was handed in; from then on the bureau has what it tells. Said twice with one reference, once.

    What the law counts from it (negative information was furnished first, a loss with its first delinquency) is recorded
    before, each once. Opens units of work of its own. Raises NotFoundError, ConflictError.
    """
    with unit_of_work() as work:
        row = queries.load_snapshot(work.session, snapshot_id, lender_id)
        if row.state == SUBMITTED and row.submission_reference == reference:
            return
        check_move(row.state, SUBMITTED)
    after: str | None = None
    while True:
        with unit_of_work() as work:
            rows = queries.page_furnished(work.session, snapshot_id, after=after, limit=page)
            left = queries.find_rows(work.session, snapshot_id, [each.loan_id for each in rows])
            told = [each for each in rows if not left[each.loan_id].is_out]
            note_furnished(work, told, now=now)
            ended = [each.loan_id for each in told if each.account.get("closed_on")]
            mark_ended(work.session, ended, by="system", reason="settled", at=now)
        if len(rows) < page:
            break
        after = rows[-1].loan_id
    with unit_of_work() as work:
        row = queries.load_snapshot(work.session, snapshot_id, lender_id)
        check_move(row.state, SUBMITTED)
        row.state, row.submitted_by, row.submitted_at, row.submission_reference = SUBMITTED, by, now, reference
        _moved(work, row, by, now, reference=reference)
        data = {
            "snapshot_id": row.id, "bureau": row.bureau, "as_of": row.as_of.isoformat(), "records": row.file_records,
            "file_sha256": row.file_sha256,
        }  # fmt: skip
        announce(work, lender_id, "credit_report.furnished.v1", data, now=now)


def answer_snapshot(
    work: Work, lender_id: str, snapshot_id: str, *, taken: bool, rejected: Sequence[RejectedLine], by: str, now: datetime
) -> None:
    """Say what the bureau answered: taken, with the lines it did not take, or rejected as a whole.

    A line that was not taken was not furnished: the next month goes on with what was before. Raises NotFoundError,
    ConflictError, ValidationError for a loan that is not in the file.
    """
    row = queries.load_snapshot(work.session, snapshot_id, lender_id)
    to = ACKNOWLEDGED if taken else REJECTED
    check_move(row.state, to)
    owners = find_loan_owners(work.session, lender_id, [line.loan_no for line in rejected])
    known = queries.find_rows(work.session, snapshot_id, [loan_id for loan_id, _ in owners.values()])
    lines = []
    for index, line in enumerate(rejected):
        owner = owners.get(line.loan_no)
        if owner is None or owner[0] not in known or known[owner[0]].reason is not None:
            raise refused_at(f"/rejected/{index}/loan_no", "No such loan is in this file.")
        lines.append(
            {"id": new_id(), "snapshot_id": snapshot_id, "loan_id": owner[0], "code": line.code[:40],
             "detail": (line.detail or "")[:400], "told_at": now}
        )  # fmt: skip
    queries.add_rejections(work.session, lines)
    row.state, row.answered_at = to, now
    _moved(work, row, by, now, rejected=len(lines))


def _accounts(
    snapshot_id: str, making: int, rules: BureauRules, clock: Callable[[], datetime], page: int
) -> Iterator[CreditAccount]:
    """Yield what may still be furnished; what may not is put down as omitted, page by page."""
    after: str | None = None
    while True:
        with unit_of_work() as work:
            now, snapshot = clock(), _being_made(work, snapshot_id, making)
            rows = queries.page_furnished(work.session, snapshot_id, after=after, limit=page)
            records = {row.loan_id: CreditRecord(row.kind, row.status, row.first_delinquency_on) for row in rows}
            gates = ask_month(work.session, records, now=now, rules=rules)
            decided = corrections.find_decided(work.session, list(records), snapshot.bureau)
            late = corrections.find_decided(work.session, list(records), snapshot.bureau, since=snapshot.made_at)
            shut: list[tuple[str, str, str | None]] = []
            accounts = []
            for row in rows:
                gate = gates[row.loan_id]
                if decided.get(row.loan_id) == "deletion":
                    shut.append((row.loan_id, DELETED, None))
                elif not gate.is_open_to_report:
                    shut.append((row.loan_id, gate.reason or "", gate.rule))
                elif row.loan_id in late:
                    shut.append((row.loan_id, CORRECTED_SINCE, None))
                elif gate.mark != row.mark:
                    shut.append((row.loan_id, DISPUTE_MARK_CHANGED, None))
                else:
                    place = people_place(snapshot_id, row.loan_id)
                    accounts.append(
                        account_from(row.account, orjson.loads(work.vault.open(row.people_sealed, place=place) or ""))
                    )
            _omit(work, snapshot_id, shut, now)
        yield from accounts
        if len(rows) < page:
            return
        after = rows[-1].loan_id


def _being_made(work: Work, snapshot_id: str, making: int) -> CreditSnapshotRow:
    """Return the snapshot, locked, as long as its file is the one begun at that version. Raises ConflictError."""
    row = queries.load_snapshot(work.session, snapshot_id)
    if row.version != making:
        raise ConflictError("Somebody else makes this file, or decided about it; look at it again.")
    check_move(row.state, FILED)
    return row


def _omit(work: Work, snapshot_id: str, shut: Sequence[tuple[str, str, str | None]], now: datetime) -> None:
    queries.add_omissions(
        work.session,
        [
            {"snapshot_id": snapshot_id, "loan_id": loan_id, "reason": reason, "rule": rule, "omitted_at": now}
            for loan_id, reason, rule in shut
        ],
    )


def _moved(work: Work, row: CreditSnapshotRow, by: str, now: datetime, **more: object) -> None:
    row.version += 1
    work.session.flush()
    facts = {"snapshot_id": row.id, "lender_id": row.lender_id, "bureau": row.bureau, "as_of": row.as_of.isoformat()}
    add_audit(work.session, at=now, actor=by, action=f"credit.snapshot_{row.state}", borrower_id=None, facts=facts | more)
