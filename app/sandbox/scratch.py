"""A scratch copy of a book: as it was known at an instant, with everything that became known later waiting as events.

The copy has its own clock row and no reminder history. Facts (loans, plan versions, ledger entries) recorded after the
start are taken out and kept in order; a replay puts each back at its own instant.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, inspect, select, update

from app.domain.devices import seen_since
from app.domain.errors import NotFoundError, RefusedError
from app.domain.times import from_micros, to_micros
from app.persistence.db import Base, db
from app.persistence.ids import new_id
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.devices import DeviceRow, EndpointRow
from app.persistence.models.loans import InstalmentRow, LedgerEntryRow, LoanRow, PlanVersionRow, PositionSnapshotRow
from app.persistence.models.reminders import AgendaRow, PolicyRow
from app.persistence.models.running import ScratchEventRow, ScratchRunRow
from app.persistence.queries.clocks import freeze
from app.persistence.queries.devices import mark_devices_seen
from app.persistence.queries.lenders import find_lender
from app.persistence.queries.policies import add_policy, find_policy, make_active
from app.persistence.queries.rehearsed_books import PAID_BY_NOW
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services.agenda import touch
from app.services.hindsight import is_known, loan_then, synthetic_device, watched_from
from app.services.policy_documents import content_hash
from app.services.positions import rebuild_positions
from app.services.promises import follow_money
from app.services.reminders import review

BOOK = (
    "lenders", "calendar_days", "borrowers", "borrower_numbers", "sign_in_phones", "consents", "loans", "loan_numbers",
    "plan_versions", "instalments", "ledger_entries", "devices", "endpoints", "holds", "contact_preferences", "case_records",
    "policies", "rules_state",
)  # fmt: skip
"""What is copied, in an order that keeps foreign keys. Payment references stay behind: a scratch copy takes no imports."""
_PAGE = 2000
_RANKS = {"plan": 0, "entry": 1}
_NEWEST_PLAN = (
    select(func.coalesce(func.max(PlanVersionRow.anchor_no), 0))
    .where(PlanVersionRow.loan_id == LoanRow.id)
    .scalar_subquery()
)
"""Of the plans known at the start; 0: none."""
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ScratchSettings:
    """What a scratch copy is made for. Instants are UTC; `devices_percent` of borrowers get a synthetic device."""

    starts_at: datetime
    ends_at: datetime
    devices_percent: int = 0
    seed: int = 0
    policy: dict[str, Any] | None = None
    """A document to go by instead of what is in force for the same lenders; None: what is in force."""


def prepare_scratch(source: Engine, settings: ScratchSettings, progress: Progress) -> bool:
    """Make this app's database the scratch copy, or find that it already is one. Returns whether it was made now.

    Raises RefusedError when the database holds something else, or a copy that was not finished.
    """
    with reading() as session:
        if session.scalar(select(func.count()).select_from(ScratchRunRow)):
            return False
        if session.scalar(select(func.count()).select_from(BorrowerRow)):
            raise RefusedError(
                "The scratch database already holds a book that no replay finished copying; name an empty one."
            )
    _copy(source, db.engine, settings.starts_at, progress)
    progress("devices, positions and agenda")
    with unit_of_work() as work:
        mark_devices_seen(work.session, settings.ends_at, since=seen_since(settings.starts_at))
        _add_devices(work, settings)
        if settings.policy is not None:
            _put_in_force(work, settings.policy, settings.starts_at)
    for loan_ids in _pages(_all_ids(LoanRow)):
        with unit_of_work() as work:
            rebuild_positions(work, loan_ids)
    with unit_of_work() as work:
        for borrower_ids in _pages(_all_ids(BorrowerRow)):
            rows = [{"borrower_id": key, "wake_at": settings.starts_at, "case_version": 0} for key in borrower_ids]
            work.session.execute(insert(AgendaRow), rows)
        freeze(work.session, settings.starts_at)
        facts = {"seed": settings.seed, "devices_percent": settings.devices_percent}
        work.session.add(ScratchRunRow(id=new_id(), settings=facts, ends_at=settings.ends_at))
    return True


def _put_in_force(work: Work, document: dict[str, Any], now: datetime) -> None:
    """Replace the policy in force for the same lenders. Raises NotFoundError for a lender that is not there."""
    code = document.get("lender")
    lender = None if code is None else find_lender(work.session, code)
    if code is not None and lender is None:
        raise NotFoundError(f"The policy is for the lender {code}, which is not here.")
    row = find_policy(work.session, document["policy"], document["version"])
    if row is not None:  # an earlier draft of the same version is not what is tried out
        work.session.delete(row)
        work.session.flush()
    row = PolicyRow(
        id=new_id(), key=document["policy"], version_no=document["version"], status="approved", document=document,
        lender_id=lender.id if lender else None, content_hash=content_hash(document), author="replay", created_at=now,
    )  # fmt: skip
    add_policy(work.session, row)
    make_active(work.session, row, by="replay", now=now)


def _copy(source: Engine, target: Engine, starts_at: datetime, progress: Progress) -> None:
    if not inspect(source).has_table("borrowers"):
        raise RefusedError("The book to replay is empty: import one first (flask book import).")
    events: list[dict[str, Any]] = []
    with (
        source.connect() as reader,
        target.connect().execution_options(duecourse_writes=True) as writer,
        writer.begin(),
    ):
        later = _later_plans(reader, starts_at)
        paid = set(
            reader.scalars(
                select(LoanRow.id).join(PositionSnapshotRow, PositionSnapshotRow.loan_id == LoanRow.id).where(PAID_BY_NOW)
            )
        )
        for name in BOOK:
            progress(name)
            table = Base.metadata.tables[name]
            for rows in _read(reader, table):
                kept = [row for row in rows if not _set_aside(name, row, starts_at, later, paid, events)]
                if kept:
                    writer.execute(insert(table), kept)
        _pair_details(events)
        events.sort(key=lambda event: (event["at"], _RANKS[event["kind"]], event["natural"]))
        for number, event in enumerate(events, start=1):
            event["seq"] = number
            del event["natural"]
        for start in range(0, len(events), _PAGE):
            writer.execute(insert(ScratchEventRow), events[start : start + _PAGE])
        writer.execute(update(LoanRow).values(anchor_no=_NEWEST_PLAN))


def _read(reader: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    result = reader.execution_options(yield_per=_PAGE).execute(select(table))
    for part in result.mappings().partitions(_PAGE):
        yield [dict(row) for row in part]


def _later_plans(reader: Connection, starts_at: datetime) -> set[tuple[str, int]]:
    rows = reader.execute(
        select(PlanVersionRow.loan_id, PlanVersionRow.anchor_no).where(PlanVersionRow.recorded_at > starts_at)
    )
    return {(row.loan_id, row.anchor_no) for row in rows}


def _set_aside(
    name: str,
    row: dict[str, Any],
    starts_at: datetime,
    later: set[tuple[str, int]],
    paid: set[str],
    events: list[dict[str, Any]],
) -> bool:
    """Take a row out that was not known yet at the start, or is no part of a replay; say whether it was."""
    kind, at = "", None
    if name == "policies":
        return bool(row["status"] != "active")  # the rules of today, over all of the past
    if name == "lenders":
        row["heard_at"] = None  # the core goes on speaking, as far as a replay knows
    if name == "ledger_entries":
        row["imported_at"] = row["recorded_at"]  # a replay is told of everything when it is known
    if name == "loans":
        # A head that was not known yet stays, so that keys hold; without a plan it owes nothing and is reminded of nothing.
        row |= loan_then(row, starts_at, paid_by_now=row["id"] in paid)
        return False
    if name == "plan_versions":
        row["watched_from_at"] = watched_from(row["recorded_at"], starts_at)
        if not is_known(row, starts_at):
            kind, at = "plan", row["recorded_at"]
    elif name == "instalments" and (row["loan_id"], row["anchor_no"]) in later:
        kind = "row"
    elif name == "ledger_entries" and not is_known(row, starts_at):
        kind, at = "entry", row["recorded_at"]
    if not kind:
        return False
    natural = f"{row['loan_id']}/{row.get('anchor_no', 0)}/{row.get('reference', '')}"
    events.append({"at": at, "kind": kind, "payload": _plain(row), "natural": natural})
    return True


def _pair_details(events: list[dict[str, Any]]) -> None:
    """Put the rows of a plan version into its event."""
    rows: dict[tuple[str, int], list[Any]] = defaultdict(list)
    for event in events:
        if event["kind"] == "row":
            rows[event["payload"]["loan_id"], event["payload"]["anchor_no"]].append(event["payload"])
    events[:] = [event for event in events if event["kind"] != "row"]
    for event in events:
        if event["kind"] == "plan":
            version = event["payload"]
            event["payload"] = {"version": version, "rows": rows[version["loan_id"], version["anchor_no"]]}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Instants as microseconds and dates as text, so that the row fits into JSON."""
    return {
        key: to_micros(value) if isinstance(value, datetime) else value.isoformat() if isinstance(value, date) else value
        for key, value in row.items()
    }


def _typed(table: Any, payload: dict[str, Any]) -> dict[str, Any]:
    """Undo `_plain`."""
    row: dict[str, Any] = {}
    for column in table.columns:
        value = payload.get(column.name)
        kind = column.type.__class__.__name__
        if value is not None and kind == "Instant":
            value = from_micros(value)
        elif value is not None and kind == "Date":
            value = date.fromisoformat(value)
        row[column.name] = value
    return row


def _add_devices(work: Work, settings: ScratchSettings) -> None:
    """Give a share of the borrowers a device; who gets one hangs on the seed and the borrower's number alone."""
    devices: list[dict[str, Any]] = []
    endpoints: list[dict[str, Any]] = []
    for borrower_id, borrower_no in work.session.execute(select(BorrowerRow.id, BorrowerRow.borrower_no)).all():
        token = synthetic_device(borrower_no, seed=settings.seed, percent=settings.devices_percent)
        if token is None:
            continue
        device_id, endpoint_id = new_id(), new_id()
        devices.append({
            "id": device_id, "borrower_id": borrower_id, "installation_id": token, "platform": "android",
            "push_permission": True, "last_seen_at": settings.ends_at, "created_at": settings.starts_at, "version": 1,
        })  # fmt: skip
        endpoints.append({
            "id": endpoint_id, "borrower_id": borrower_id, "device_id": device_id, "channel": "push",
            "address_kind": "token", "state": "active", "changed_at": settings.starts_at,
            "address_sealed": work.vault.seal(token, place=f"endpoints.address:{endpoint_id}"),
            "address_digest": work.vault.search_hash("endpoint", token).digest,
        })  # fmt: skip
    if devices:
        work.session.execute(insert(DeviceRow), devices)
        work.session.execute(insert(EndpointRow), endpoints)


def find_next_event(*, until: datetime) -> datetime | None:
    """Return the instant of the next fact that a replay has to put back, up to `until`, or None."""
    with reading() as session:
        return session.scalar(
            select(func.min(ScratchEventRow.at)).where(ScratchEventRow.applied_at.is_(None), ScratchEventRow.at <= until)
        )


def apply_events(at: datetime) -> int:
    """Put back every fact of one instant in one unit of work, decide about its borrowers, return how many facts."""
    with unit_of_work() as work:
        session = work.session
        events = session.scalars(
            select(ScratchEventRow)
            .where(ScratchEventRow.applied_at.is_(None), ScratchEventRow.at <= at)
            .order_by(ScratchEventRow.seq)
        ).all()
        loans = [event.payload.get("version", event.payload) for event in events]
        borrower_ids = sorted({loan["borrower_id"] for loan in loans})
        touch(work, borrower_ids, now=at)
        for event in events:
            _apply(work, event)
            event.applied_at = at
        session.flush()
        loan_ids = sorted({loan["loan_id"] for loan in loans})
        rebuild_positions(work, loan_ids)
        follow_money(work, loan_ids, now=at)
        review(work, borrower_ids, now=at)
    return len(events)


def _apply(work: Work, event: ScratchEventRow) -> None:
    session = work.session
    if event.kind == "entry":
        session.execute(insert(LedgerEntryRow), [_typed(LedgerEntryRow.__table__, event.payload)])
        return
    version = _typed(PlanVersionRow.__table__, event.payload["version"])
    session.execute(insert(PlanVersionRow), [version])
    rows = [_typed(InstalmentRow.__table__, row) for row in event.payload["rows"]]
    if rows:
        session.execute(insert(InstalmentRow), rows)
    session.execute(update(LoanRow).where(LoanRow.id == version["loan_id"]).values(anchor_no=version["anchor_no"]))


def _all_ids(row_class: type[LoanRow] | type[BorrowerRow]) -> list[str]:
    with reading() as session:
        return list(session.scalars(select(row_class.id).order_by(row_class.id)))


def _pages(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(ids), 500):
        yield ids[start : start + 500]
