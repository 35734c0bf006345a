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
    DECLINED,
    FILED,
    INCOMPLETE,
    REJECTED,
    SUBMITTED,
    check_move,
)
from app.domain.errors import ConflictError, refused_at
from app.domain.free_text import without_card_numbers
from app.persistence.ids import new_id
from app.persistence.models.credit_reports import CreditSnapshotRow
from app.persistence.queries import credit_snapshots as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.credit_bureaus import get_bureau
from app.persistence.queries.loans import find_loan_owners
from app.persistence.unit_of_work import Work, unit_of_work
from app.services.credit_file_gates import Shut, check_still_open, shut_of
from app.services.credit_formats import Header, write_file
from app.services.credit_people import people_place
from app.services.credit_snapshots import PAGE
from app.services.credit_submissions import note_page
from app.services.credit_words import decline_place, detail_place
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
    if not approve:
        words = without_card_numbers((reason or "").strip()[:_LONGEST_REASON])
        row.decline_reason_sealed = work.vault.seal(words, place=decline_place(row.id))
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
    check_still_open(lender_id, snapshot_id, clock=clock, page=PAGE)
    with unit_of_work() as work:
        facts = {"snapshot_id": snapshot_id, "lender_id": lender_id, "sha256": told.sha256, "records": told.records}
        add_audit(work.session, at=clock(), actor=by, action="credit.file_taken_out", borrower_id=None, facts=facts)
    return out.getvalue(), told


def submit_snapshot(
    lender_id: str, snapshot_id: str, *, reference: str | None, by: str, now: datetime, page: int = PAGE
) -> None:
    """Say that the file is handed in; from then on the bureau has what it tells. Said twice with one reference, once.

    To be said before it leaves: every gate is asked once more, and a file of which anything may not leave any more is
    refused by its loans. What the law counts from it (negative information was furnished first, a loss with its first
    delinquency) follows page by page, each once; where that breaks off, saying it again or the engine goes on. Opens units
    of work of its own. Raises NotFoundError, ConflictError.
    """
    with unit_of_work() as work:
        row = queries.load_snapshot(work.session, snapshot_id, lender_id)
        is_in = row.state == SUBMITTED and row.submission_reference == reference
        if not is_in:
            check_move(row.state, SUBMITTED)
    if not is_in:
        looked_at = check_still_open(lender_id, snapshot_id, clock=lambda: now, page=page)
        _hand_in(lender_id, snapshot_id, looked_at, reference=reference, by=by, now=now)
    while note_page(snapshot_id, now=now, page=page):
        pass


def _hand_in(lender_id: str, snapshot_id: str, looked_at: int, *, reference: str | None, by: str, now: datetime) -> None:
    with unit_of_work() as work:
        row = queries.load_snapshot(work.session, snapshot_id, lender_id)
        check_move(row.state, SUBMITTED)
        if row.version != looked_at:
            raise ConflictError("Somebody else makes this file, or decided about it; look at it again.")
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
        line_id = new_id()
        detail = (
            work.vault.seal(without_card_numbers(line.detail[:400]), place=detail_place(line_id)) if line.detail else None
        )
        lines.append(
            {"id": line_id, "snapshot_id": snapshot_id, "loan_id": owner[0], "code": line.code[:40], "detail": "",
             "detail_sealed": detail, "told_at": now}
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
            shut = shut_of(work.session, snapshot, rows, rules, now=now)
            accounts = []
            for row in rows:
                if row.loan_id not in shut:
                    place = people_place(snapshot_id, row.loan_id)
                    accounts.append(
                        account_from(row.account, orjson.loads(work.vault.open(row.people_sealed, place=place) or ""))
                    )
            _omit(work, snapshot_id, list(shut.values()), now)
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


def _omit(work: Work, snapshot_id: str, shut: Sequence[Shut], now: datetime) -> None:
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
