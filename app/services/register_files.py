"""Files for registers: what was reported, corrected and taken off since the last one, in a fixed form, with its hash.

A file is not kept as bytes: its lines are events, sealed and never changed, and making it again gives the same hash. What a
line says of the debt is written when its file is made, of that day. It leaves by hand; Duecourse sends a register nothing.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.errors import ConflictError
from app.domain.permissions import check_may
from app.domain.registers import DAY_OF_FILE, Gate, ReportState
from app.domain.spreadsheets import safe_cell
from app.persistence.ids import new_id
from app.persistence.models.restricted_register import RegisterFileRow, RegisterReportRow
from app.persistence.queries import register_events as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.restricted_register import load_reports, set_contents
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.desk_payments import DeskStaff
from app.services.register_alarms import finish_alarms
from app.services.register_contents import (
    REMOVED,
    REPORTED,
    contents_of,
    day_of,
    event_place,
    opened_line,
    order_of,
    order_of_old,
    report_place,
    sealed_line,
    told_place,
)
from app.services.register_gates import AskedGate, ask_gates
from app.services.register_removals import look_at
from app.services.registers import get_register, register_for

_BOM = "\ufeff"
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """A file as it is handed over."""

    name: str
    content: bytes
    sha256: str


def make_file(work: Work, register: str, *, staff: DeskStaff, now: datetime) -> RegisterFileRow:
    """Make the next file of a register. What must not stand any more is taken off first, and never handed over.

    A report that was never handed over passes every gate again: where one shut since it was approved (a dispute, a consent
    taken back, a hold, a payment) it waits for a later file, and the file's row names it with the gate. The amounts are
    those of today, or of the approval's day where the register's basis wants that. Raises ForbiddenError, ValidationError,
    ConflictError (there is nothing to tell; it says who waits, and why).
    """
    check_may(staff.role, "register_reports.export")
    lender = get_lender(work.session, staff.lender_id)
    target = register_for(register, lender.jurisdiction)
    waiting = queries.find_unfiled(work.session, lender.id, register)
    look_at(work, lender.id, sorted({row.report_id for row in waiting}), now=now)
    waiting = queries.find_unfiled(work.session, lender.id, register)
    unseen = _never_seen(waiting)
    queries.mark_left_out(work.session, [row.id for row in waiting if row.report_id in unseen])
    waiting = [row for row in waiting if row.report_id not in unseen]
    reports = {row.id: row for row in load_reports(work.session, lender.id, {row.report_id for row in waiting})}
    loans = sorted({row.loan_id for row in reports.values()})
    asked = ask_gates(work.session, loans, target, now=now, but_standing=True)
    first = {row.report_id for row in waiting if row.kind == REPORTED}
    shut = {each: gate for each in first if (gate := asked[reports[each].loan_id].gate) is not None}
    rows: Sequence[Any] = [row for row in waiting if row.report_id not in shut]
    if not rows:
        raise ConflictError(f"There is nothing to tell {register} since its last file.{_waits(shut)}")
    if target.amounts_of == DAY_OF_FILE:
        _restate(work, rows, reports, asked, now)
        rows = queries.find_unfiled(work.session, lender.id, register, but=shut)
    columns = order_of(target)
    number = queries.newest_file_number(work.session, lender.id, register) + 1
    content = _written(work.vault, columns, rows, lender.zone)
    file = RegisterFileRow(
        id=new_id(), lender_id=lender.id, register=register, number=number, lines=len(rows),
        sha256=hashlib.sha256(content).hexdigest(), made_by=staff.by, made_at=now, columns=list(columns),
        held_back=[[report_id, gate.value] for report_id, gate in sorted(shut.items())],
    )  # fmt: skip
    work.session.add(file)
    work.session.flush()
    queries.mark_filed(work.session, [row.id for row in rows], file.id)
    finish_alarms(work, [row.report_id for row in rows if row.kind == REMOVED], by=staff.by, now=now)
    _audit(work, file, "made", staff, now)
    return file


def read_file(work: Work, file_id: str, *, staff: DeskStaff, now: datetime) -> RegisterFile:
    """Return a file that was made, the same bytes as then; the reading is written down.

    Raises NotFoundError, ForbiddenError, ConflictError (its lines are not what they were).
    """
    check_may(staff.role, "register_reports.export")
    file = queries.get_file(work.session, staff.lender_id, file_id)
    lender = get_lender(work.session, staff.lender_id)
    rows = queries.find_file_events(work.session, file_id)
    columns = order_of_old(get_register(file.register)) if file.columns is None else tuple(file.columns)
    content = _written(work.vault, columns, rows, lender.zone)
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ConflictError("The file does not come out as it was made; its lines were changed.")
    _audit(work, file, "read", staff, now)
    return RegisterFile(f"{file.register}-{lender.code}-{file.number:04}.csv", content, digest)


def _restate(
    work: Work,
    events: Sequence[Any],
    reports: Mapping[str, RegisterReportRow],
    asked: Mapping[str, AskedGate],
    now: datetime,
) -> None:
    """Write the amounts of today on the lines that tell of a debt, and on their reports: what the borrower is shown."""
    told = {row.report_id for row in events if row.kind != REMOVED}
    standing = {key: row for key, row in reports.items() if key in told and row.state == ReportState.STANDING}
    of_loans = {row.loan_id: asked[row.loan_id] for row in standing.values()}
    contents = contents_of(work, of_loans.values(), {row.loan_id: row.fields for row in standing.values()})
    lines, whole = [], []
    for event in events:
        if event.kind != REMOVED and event.report_id in standing:
            content = contents[standing[event.report_id].loan_id]
            sealed, digest = sealed_line(work.vault, told_place(event.id), content)
            lines.append({"id": event.id, "sealed": sealed, "sha256": digest})
    for key, row in standing.items():
        sealed, digest = sealed_line(work.vault, report_place(key), contents[row.loan_id])
        whole.append({"id": key, "sealed": sealed, "sha256": digest, "stated_at": now, "version": row.version + 1})
    queries.write_told(work.session, lines)
    set_contents(work.session, whole)


def _waits(shut: Mapping[str, Gate]) -> str:
    """Return who waits for a later file, and why, as a sentence; nobody: nothing."""
    if not shut:
        return ""
    named = ", ".join(f"{report_id} ({gate.value})" for report_id, gate in sorted(shut.items())[:_MOST_NAMED])
    more = "" if len(shut) <= _MOST_NAMED else f" and {len(shut) - _MOST_NAMED} more"
    return f" These reports wait, because a gate has shut since they were approved: {named}{more}."


def _never_seen(rows: Sequence[Any]) -> set[str]:
    """Return reports that came and went since the last file: the register never hears of them."""
    came = {row.report_id for row in rows if row.kind == REPORTED}
    return came & {row.report_id for row in rows if row.kind == REMOVED}


def _written(ring: Vault, columns: Sequence[str], rows: Sequence[Any], zone: str) -> bytes:
    out = io.StringIO(newline="")
    out.write(_BOM)
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        said: Mapping[str, Any] = (
            opened_line(ring, event_place(row.id), row.content_sealed)
            if row.told_sealed is None
            else opened_line(ring, told_place(row.id), row.told_sealed)
        )
        is_mark = row.kind not in (REPORTED, REMOVED)
        head = {
            "action": row.kind, "report": row.report_id, "on": day_of(row.at, zone),
            "reason": None if is_mark else row.reason, "mark": row.reason if is_mark else None,
        }  # fmt: skip
        whole = {**said, **head}
        writer.writerow([safe_cell(whole.get(name)) for name in columns])
    return out.getvalue().encode()


def _audit(work: Work, file: Any, verb: str, staff: DeskStaff, now: datetime) -> None:
    facts = {"file_id": file.id, "register": file.register, "lines": file.lines, "sha256": file.sha256}
    if file.held_back:
        facts["held_back"] = dict(Counter(gate for _, gate in file.held_back))
    add_audit(work.session, at=now, actor=staff.by, action=f"register_file.{verb}", borrower_id=None, facts=facts)
