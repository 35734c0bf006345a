"""Files for registers: what was reported, corrected and taken off since the last one, in a fixed form, with its hash.

A file is not kept as bytes: its lines are events, sealed and never changed, and making it again gives the same hash. It
leaves by hand; Duecourse sends nothing to a register.
"""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.errors import ConflictError
from app.domain.permissions import check_may
from app.domain.registers import Register
from app.domain.spreadsheets import safe_cell
from app.persistence.ids import new_id
from app.persistence.models.restricted_register import RegisterFileRow
from app.persistence.queries import register_events as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.restricted_register import load_reports
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.desk_payments import DeskStaff
from app.services.register_contents import REMOVED, REPORTED, day_of, event_place, opened_line, order_of
from app.services.register_gates import ask_gates
from app.services.register_removals import look_at
from app.services.registers import get_register, register_for

_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """A file as it is handed over."""

    name: str
    content: bytes
    sha256: str


def make_file(work: Work, register: str, *, staff: DeskStaff, now: datetime) -> RegisterFileRow:
    """Make the next file of a register. What must not stand any more is taken off first, and never handed over.

    A report that was never handed over passes every gate again: where one shut since it was approved (a dispute, a consent
    taken back, a hold) it waits for a later file. Raises ForbiddenError, ValidationError, ConflictError (there is nothing to
    tell).
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
    shut = _shut(work, target, lender.id, [row.report_id for row in waiting if row.kind == REPORTED], now)
    rows = [row for row in waiting if row.report_id not in shut]
    if not rows:
        raise ConflictError(f"There is nothing to tell {register} since its last file.")
    number = queries.newest_file_number(work.session, lender.id, register) + 1
    content = _written(work.vault, target, rows, lender.zone)
    file = RegisterFileRow(
        id=new_id(), lender_id=lender.id, register=register, number=number, lines=len(rows),
        sha256=hashlib.sha256(content).hexdigest(), made_by=staff.by, made_at=now,
    )  # fmt: skip
    work.session.add(file)
    work.session.flush()
    queries.mark_filed(work.session, [row.id for row in rows], file.id)
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
    content = _written(work.vault, get_register(file.register), rows, lender.zone)
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ConflictError("The file does not come out as it was made; its lines were changed.")
    _audit(work, file, "read", staff, now)
    return RegisterFile(f"{file.register}-{lender.code}-{file.number:04}.csv", content, digest)


def _shut(work: Work, register: Register, lender_id: str, report_ids: Sequence[str], now: datetime) -> set[str]:
    """Return those of these reports, which the register has not heard of, that a gate stops by now."""
    loans = {row.id: row.loan_id for row in load_reports(work.session, lender_id, report_ids)}
    asked = ask_gates(work.session, sorted(set(loans.values())), register, now=now, but_standing=True)
    return {report_id for report_id, loan_id in loans.items() if asked[loan_id].gate is not None}


def _never_seen(rows: Sequence[Any]) -> set[str]:
    """Return reports that came and went since the last file: the register never hears of them."""
    came = {row.report_id for row in rows if row.kind == REPORTED}
    return came & {row.report_id for row in rows if row.kind == REMOVED}


def _written(ring: Vault, register: Register, rows: Sequence[Any], zone: str) -> bytes:
    columns = order_of(register)
    out = io.StringIO(newline="")
    out.write(_BOM)
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        said: Mapping[str, Any] = opened_line(ring, event_place(row.id), row.content_sealed)
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
    add_audit(work.session, at=now, actor=staff.by, action=f"register_file.{verb}", borrower_id=None, facts=facts)
