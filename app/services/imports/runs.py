"""Taking a file in: read and stage it, accept or refuse it whole, then book it.

A file is refused whole, with nothing written, when it is not what the map says or cannot be trusted: an unknown map,
a missing column, a wrong encoding, mixed currencies, a tape older than the newest, control totals that do not match.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path

from app.domain.book import LenderValues
from app.domain.errors import DomainError, RefusedError
from app.domain.times import business_date
from app.persistence.db import session
from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import ImportRunRow
from app.persistence.queries.imports import find_newest_as_of, get_run
from app.persistence.queries.lenders import find_lender, find_lenders
from app.persistence.queries.lenders import get_lender as get_lender_by_id
from app.persistence.queries.loans import page_tape_marks, set_loans
from app.persistence.unit_of_work import Work, in_unit_of_work, unit_of_work
from app.services.imports.booking import Booking
from app.services.imports.checking import Checker, expected_minor
from app.services.imports.collateral import TYPES as COLLATERAL
from app.services.imports.funding import TYPES as FUNDING
from app.services.imports.groups import Group, batches
from app.services.imports.maps import ImportMap, load_maps
from app.services.imports.reading import SourceFile
from app.services.imports.reports import ImportReport
from app.services.imports.staging import Stage
from app.services.imports.values import Context, Records
from app.services.lenders import put_lender

ABSENT = "absent_from_tape"
Progress = Callable[[str, int, int], None]
"""(phase, how much was done since the last call, of how much): bytes while reading, rows while booking."""


@dataclass(frozen=True, slots=True)
class Controls:
    """What the sender says of the file. `rows` counts data rows, also repeated and rejected ones; `total` is in major units
    and is the sum over accepted rows of what the map calls the total.
    """

    rows: int | None = None
    total: str | None = None


def import_file(
    path: Path,
    map_name: str,
    *,
    now: datetime,
    lender_code: str | None = None,
    force: bool = False,
    controls: Controls | None = None,
    as_of: date | None = None,
    progress: Progress = lambda _phase, _done, _of: None,
) -> ImportReport:
    """Take a file in through a map and say what became of every row. `force` takes a tape older than the newest.

    `as_of` is the business date of a file that does not say it itself.

    Raises RefusedError, and then nothing was written.
    """
    chosen = _map_for(path, load_maps(map_name))
    lender, stored = _lender_for(chosen, lender_code)
    records = Records(chosen, lender)
    report = ImportReport(chosen.name, lender.code if lender else None)
    stage = Stage(paired=len(chosen.key) > 1)
    try:
        size = path.stat().st_size if path.is_file() else 0
        source = SourceFile(path, chosen, lambda count: progress("reading", count, size))
        lender_id = stored.id if stored else None
        Checker(chosen, records, lender, lender_id, session(), now, report, stage).stage_file(source)
        zone = lender.zone if lender else "UTC"
        as_of = _accept(chosen, records, stage, report, lender_id, zone, controls or Controls(), as_of, now=now, force=force)
        session().rollback()
        _book(chosen, records, stage, report, lender, as_of, now=now, progress=progress)
    finally:
        stage.close()
    report.rejections.sort(key=lambda rejection: rejection.row)
    return report


def _map_for(path: Path, parts: Sequence[ImportMap]) -> ImportMap:
    """Return the part of a map that reads the file: the first whose columns its header has. Raises RefusedError."""
    if len(parts) == 1:
        return parts[0]
    for part in parts:
        header = SourceFile(path, part).header()
        if all(column.header in header for column in part.columns.values() if not column.optional):
            return part
    names = ", ".join(part.name for part in parts)
    raise RefusedError(f"{path.name} has the columns of none of {names}; name one of them to see what it lacks.")


def _lender_for(chosen: ImportMap, code: str | None) -> tuple[LenderValues | None, LenderRow | None]:
    """Return the lender a file is for: the one named, else the map's own, else the only one there is."""
    if not {"loan", "tape", "plan_row", "entries", "standing_order", *COLLATERAL, *FUNDING} & chosen.records.keys():
        return None, None
    if code is None and chosen.lender is None:
        known = find_lenders(session())
        if len(known) != 1:
            names = ", ".join(row.code for row in known) or "none yet; import the lenders first"
            raise RefusedError(f"Map {chosen.name} belongs to no lender; name one with --lender. Known: {names}.")
        code = known[0].code
    row = find_lender(session(), code or (chosen.lender.code if chosen.lender else ""))
    if row is not None:
        return LenderValues(row.code, row.name, row.jurisdiction, row.zone, row.currency, row.locale), row
    if chosen.lender is None:
        names = ", ".join(lender.code for lender in find_lenders(session())) or "none yet"
        raise RefusedError(f"There is no lender {code!r}; known: {names}. Import the lenders first.")
    return replace(chosen.lender, code=code or chosen.lender.code), None


def _accept(
    chosen: ImportMap,
    records: Records,
    stage: Stage,
    report: ImportReport,
    lender_id: str | None,
    zone: str,
    controls: Controls,
    said: date | None,
    *,
    now: datetime,
    force: bool,
) -> date | None:
    """Return the business date of an accepted file. Raises RefusedError."""
    as_of = _stated_day(chosen, said)
    total = 0
    for row in stage.rows():
        if records.total is not None:
            total += records.total(Context(row.values, None, row.values)) or 0
        stated = records.as_of(row.values)
        if stated is not None and as_of is not None and stated != as_of:
            both = "is said to be of" if as_of == said else "holds two business dates,"
            raise RefusedError(f"The file {both} {as_of} and {stated}; send one file a day.")
        as_of = stated or as_of
    report.as_of = as_of.isoformat() if as_of else None
    report.total_minor = total if records.total is not None else None
    if controls.rows is not None and controls.rows != report.read:
        raise RefusedError(f"The file has {report.read} data rows; its sender counted {controls.rows}. Nothing was written.")
    if controls.total is not None:
        wanted = expected_minor(controls.total, report.currency if records.total is not None else None)
        if wanted != total:
            raise RefusedError(
                f"The accepted rows add up to {total} minor units; its sender says {wanted}"
                f" ({report.rejected} rows were rejected). Nothing was written."
            )
    if as_of is not None:
        if as_of > max(business_date(now, zone), now.date()):
            raise RefusedError(f"The file is of {as_of}, which is in the future. Nothing was written.")
        newest = find_newest_as_of(session(), lender_id, chosen.name) if lender_id else None
        if newest is not None and as_of < newest and not force:
            raise RefusedError(
                f"The file is of {as_of}, older than the newest one taken in ({newest}). "
                "Nothing was written; --force keeps it for its day without undoing the newer one."
            )
    return as_of


def _stated_day(chosen: ImportMap, said: date | None) -> date | None:
    """Return the business date as far as no row needs to say it. Raises RefusedError."""
    if chosen.as_of_with_file and said is None:
        raise RefusedError("The file does not say of which day it is; say it with --as-of.")
    if said is not None and not (chosen.as_of or chosen.as_of_on or chosen.as_of_with_file):
        raise RefusedError(f"Map {chosen.name} knows no business date; --as-of would mean nothing.")
    return said or chosen.as_of_on


def _book(
    chosen: ImportMap,
    records: Records,
    stage: Stage,
    report: ImportReport,
    lender: LenderValues | None,
    as_of: date | None,
    *,
    now: datetime,
    progress: Progress,
) -> None:
    run_id = new_id()

    def begin(work: Work) -> tuple[str | None, date | None]:
        lender_id = None
        if lender is not None:
            lender_id = (find_lender(work.session, lender.code) or _new_lender(work, lender, now)).id
        newest = find_newest_as_of(work.session, lender_id, chosen.name) if lender_id else None
        work.session.add(
            ImportRunRow(
                id=run_id,
                lender_id=lender_id,
                map_name=chosen.name,
                as_of=as_of,
                file_sha256=report.sha256,
                counts={},
                started_at=now,
            )
        )
        return lender_id, newest

    lender_id, newest = in_unit_of_work(begin)
    count = stage.count()
    booking = Booking(chosen, records, stage, as_of, newest, now)
    for batch in batches(stage):
        report.add(in_unit_of_work(partial(_book_batch, booking, lender_id, batch)))
        progress("booking", sum(len(group.rows) for group in batch), count)
    if records.facts and as_of is not None and lender_id is not None:
        _mark_absent(stage, report, lender_id, as_of)
    with unit_of_work() as work:
        run = get_run(work.session, run_id)
        run.counts = report.counts()
        run.finished_at = now


def _book_batch(booking: Booking, lender_id: str | None, batch: Sequence[Group], work: Work) -> ImportReport:
    return booking.book(work, get_lender_by_id(work.session, lender_id) if lender_id else None, batch)


def _new_lender(work: Work, lender: LenderValues, now: datetime) -> LenderRow:
    try:
        return put_lender(work, lender, now=now)
    except DomainError as error:
        raise RefusedError(f"The map's lender cannot be made: {error.detail}") from None


def _mark_absent(stage: Stage, report: ImportReport, lender_id: str, as_of: date) -> None:
    """Mark active loans that the tape leaves out, and unmark ones that are back. A loan is never deleted for it."""
    after = ""
    while True:
        with unit_of_work() as work:
            page = page_tape_marks(work.session, lender_id, as_of, after=after)
            changed = []
            for loan in page:
                absent = not loan.on_tape and not stage.names_group(loan.loan_no)
                if absent != (ABSENT in loan.marks):
                    marks = sorted({*loan.marks, ABSENT} if absent else set(loan.marks) - {ABSENT})
                    changed.append({"id": loan.id, "marks": marks, "version": loan.version + 1})
                report.done["loans_absent"] += absent
            set_loans(work.session, changed)
        if not page:
            return
        after = page[-1].id
