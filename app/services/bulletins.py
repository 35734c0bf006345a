"""Bulletins: a period is chosen, its figures are frozen and signed, a second person publishes them; errors are put right."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.bulletins import (
    AsKnown,
    BulletinState,
    FigureCell,
    Frozen,
    Period,
    canonical_json,
    check_move,
    check_over,
    check_period,
    check_second_person,
    document_of,
    overlap,
    sha256_of,
    touching,
)
from app.domain.errors import ConflictError, refused_at
from app.persistence.ids import new_id
from app.persistence.models.bulletins import BulletinRow
from app.persistence.queries import bulletins as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import find_lenders, get_lender
from app.persistence.unit_of_work import Work
from app.services.bulletin_figures import count_figures, definitions
from app.services.bulletin_hiding import Earlier
from app.services.bulletin_signatures import sign
from app.services.law_gates import ask_law, require_lawful

MOST_SMALLEST = 100
_FIELDS = ["count", "amount"]
_SUPPRESS = "small_cell_suppression"


@dataclass(frozen=True, slots=True)
class WantedBulletin:
    """What a bulletin is to be about. `zone` None: the lender's; of the whole installation its lenders', if it is one."""

    first_on: date
    last_on: date
    lender_id: str | None = None
    zone: str | None = None
    corrects_id: str | None = None
    note: str | None = None


def make_bulletin(work: Work, wanted: WantedBulletin, *, by: str, now: datetime) -> BulletinRow:
    """Begin a bulletin: nothing of it is kept but its period. Raises ValidationError, NotFoundError, ConflictError."""
    corrected = None
    if wanted.corrects_id is not None:
        corrected = queries.get_bulletin(work.session, wanted.corrects_id, lender_id=wanted.lender_id)
        _check_corrects(corrected, wanted)
    zone = wanted.zone or (corrected.zone if corrected else _zone(work.session, wanted.lender_id))
    period = Period(wanted.first_on, wanted.last_on, zone)
    check_period(period, now)
    row = BulletinRow(
        id=new_id(), lender_id=wanted.lender_id, first_on=period.first_on, last_on=period.last_on, zone=zone,
        state=BulletinState.DRAFT.value, corrects_id=wanted.corrects_id, note=wanted.note, made_by=by, made_at=now,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    _audit(work, row, "bulletin.make", by, now)
    return row


def _check_corrects(corrected: BulletinRow, wanted: WantedBulletin) -> None:
    if corrected.published_at is None:
        raise ConflictError("Only a published bulletin is put right; one that is not can be discarded.")
    if (corrected.lender_id, corrected.first_on, corrected.last_on) != (wanted.lender_id, wanted.first_on, wanted.last_on):
        raise refused_at("/corrects_id", "A correction is of the same lender and the same days.")
    if not wanted.note:
        raise refused_at("/note", "A correction says in its note why it is one; the note is published.")


def _zone(session: Session, lender_id: str | None) -> str:
    if lender_id is not None:
        return get_lender(session, lender_id).zone
    zones = {lender.zone for lender in find_lenders(session)}
    if len(zones) != 1:
        raise refused_at("/zone", "The lenders are in several zones: say in which one the days begin and end.")
    return zones.pop()


def period_of(row: BulletinRow) -> Period:
    """Return the days of a bulletin."""
    return Period(row.first_on, row.last_on, row.zone)


def known_of(row: BulletinRow, now: datetime) -> AsKnown:
    """Return the period as it was known when it was frozen; of a draft, as it is known now."""
    return AsKnown(period_of(row), row.frozen_at or now)


def figures_of(session: Session, row: BulletinRow, *, now: datetime) -> list[FigureCell]:
    """Return the numbers of a bulletin: the frozen ones, or those of a draft as they are now, with what would be hidden."""
    if row.frozen_at is not None:
        return queries.load_figures(session, row.id)
    return count_now(session, row, known_of(row, now), smallest=smallest_cell(session, row, now=now))


def shown_to(row: BulletinRow, lender_id: str, cells: Sequence[FigureCell]) -> list[FigureCell]:
    """Return the numbers that a lender's staff see: all of their own; of the whole installation what the public sees.

    What is hidden there, and how many people are behind a number, tells of other lenders' borrowers.
    """
    if row.lender_id == lender_id:
        return list(cells)
    return [replace(each, people=0) for each in cells if each.hidden is None]


def count_now(
    session: Session, row: BulletinRow, known: AsKnown, *, smallest: int, only: Sequence[str] | None = None
) -> list[FigureCell]:
    """Return the numbers counted from the rows of the book, whatever was frozen."""
    frozen = queries.find_frozen(session, row, below=row.chain_no)
    near = [frozen[place] for place in touching(period_of(row), [period_of(each) for each in frozen])]
    before = {each.id: _earlier(session, each) for each in near}
    return count_figures(
        session.connection(), known, lender_id=row.lender_id, smallest=smallest, only=only,
        earlier=[before[each.id] for each in near if overlap(period_of(row), period_of(each))],
        touching=list(before.values()),
    )  # fmt: skip


def _earlier(session: Session, row: BulletinRow) -> Earlier:
    shown = ((each.key, each.cell, each.currency) for each in queries.load_figures(session, row.id) if each.hidden is None)
    assert row.frozen_at is not None
    return Earlier(row.id, AsKnown(period_of(row), row.frozen_at), row.lender_id, frozenset(shown))


# -- freezing and publishing -------------------------------------------------------------------------------------------


def freeze_bulletin(
    work: Work, bulletin_id: str, *, by: str, now: datetime, lender_id: str | None = None, seed: bytes | None = None
) -> BulletinRow:
    """Freeze a bulletin as everything is known now: its numbers, its document, its place in the chain, never changed again.

    `lender_id`: whose staff does it. `seed`: of the key that signs. Raises NotFoundError, ConflictError.
    """
    row = get_own(work.session, bulletin_id, lender_id)
    check_move(row.state, BulletinState.FROZEN)
    check_over(period_of(row), now)
    last = queries.find_last_frozen(work.session)
    smallest = smallest_cell(work.session, row, now=now)
    cells = count_now(work.session, row, AsKnown(period_of(row), now), smallest=smallest)
    chain_no = 1 if last is None or last.chain_no is None else last.chain_no + 1
    document = canonical_json(
        document_of(_frozen(work.session, row, cells, smallest, chain_no, last.sha256 if last else None, now))
    )
    row.smallest_cell, row.chain_no, row.document, row.sha256 = smallest, chain_no, document, sha256_of(document)
    row.signature = None if seed is None else sign(seed, row.sha256)
    row.state, row.frozen_by, row.frozen_at = BulletinState.FROZEN.value, by, now
    queries.add_figures(work.session, row.id, cells)
    work.session.flush()
    _audit(work, row, "bulletin.freeze", by, now, sha256=row.sha256, chain_no=chain_no)
    return row


def _frozen(
    session: Session,
    row: BulletinRow,
    cells: Sequence[FigureCell],
    smallest: int,
    chain_no: int,
    previous: str | None,
    now: datetime,
) -> Frozen:
    lender = None if row.lender_id is None else get_lender(session, row.lender_id)
    corrected = None if row.corrects_id is None else queries.get_bulletin(session, row.corrects_id)
    return Frozen(
        row.id, period_of(row), None if lender is None else {"code": lender.code, "name": lender.name}, now, chain_no,
        previous,
        None if corrected is None else {"id": corrected.id, "sha256": corrected.sha256 or "", "note": row.note or ""},
        smallest, definitions(), cells,
    )  # fmt: skip


def publish_bulletin(work: Work, bulletin_id: str, *, by: str, now: datetime, lender_id: str | None = None) -> BulletinRow:
    """Approve and publish a frozen bulletin, as another person than made or froze it; the law is asked about the act.

    Raises ConflictError, ForbiddenError, LawRefusedError, NotFoundError.
    """
    row = get_own(work.session, bulletin_id, lender_id)
    check_move(row.state, BulletinState.PUBLISHED)
    check_second_person(by, row.made_by, row.frozen_by)
    shown = [each.people for each in queries.load_figures(work.session, row.id) if each.hidden is None]
    for jurisdiction in _jurisdictions(work.session, row.lender_id):
        facts = {"publication": {"fields": _FIELDS, "smallest_cell": min(shown, default=row.smallest_cell or 0)}}
        answer = ask_law(work.session, act="publish", now=now, jurisdiction=jurisdiction, facts=facts)
        require_lawful(answer)
        if _asks_for_more(answer):
            raise ConflictError("The law asks for larger cells now than when it was frozen: discard it and freeze anew.")
    row.state, row.published_by, row.published_at = BulletinState.PUBLISHED.value, by, now
    work.session.flush()
    _audit(work, row, "bulletin.publish", by, now, sha256=row.sha256)
    return row


def discard_bulletin(work: Work, bulletin_id: str, *, by: str, now: datetime, lender_id: str | None = None) -> BulletinRow:
    """Put aside a bulletin that was not published. Raises ConflictError, NotFoundError."""
    row = get_own(work.session, bulletin_id, lender_id)
    check_move(row.state, BulletinState.DISCARDED)
    row.state = BulletinState.DISCARDED.value
    work.session.flush()
    _audit(work, row, "bulletin.discard", by, now)
    return row


def get_own(session: Session, bulletin_id: str, lender_id: str | None) -> BulletinRow:
    """Return a bulletin that one may change. Raises NotFoundError; ConflictError for one of the whole installation."""
    row = queries.get_bulletin(session, bulletin_id, lender_id=lender_id)
    if lender_id is not None and row.lender_id is None:
        raise ConflictError("A bulletin of the whole installation is made by its operators: flask bulletin.")
    return row


# -- the law -----------------------------------------------------------------------------------------------------------


def smallest_cell(session: Session, row: BulletinRow, *, now: datetime) -> int:
    """Return how many people a number must be about to be shown: the house's figure, or more where the law asks for it."""
    smallest = definitions().smallest_cell
    for jurisdiction in _jurisdictions(session, row.lender_id):
        while smallest < MOST_SMALLEST:
            facts = {"publication": {"fields": _FIELDS, "smallest_cell": smallest}}
            answer = ask_law(session, act="publish", now=now, jurisdiction=jurisdiction, facts=facts)
            if not _asks_for_more(answer):
                break
            smallest += 1
    return smallest


def _asks_for_more(answer: Any) -> bool:
    return any(_SUPPRESS in result.tasks for _, result in answer.judgement.findings)


def _jurisdictions(session: Session, lender_id: str | None) -> list[str]:
    if lender_id is not None:
        return [get_lender(session, lender_id).jurisdiction]
    return sorted({lender.jurisdiction for lender in find_lenders(session)})


def _audit(work: Work, row: BulletinRow, action: str, by: str, now: datetime, **facts: Any) -> None:
    about = {"bulletin": row.id, "from": row.first_on.isoformat(), "to": row.last_on.isoformat(), **facts}
    add_audit(work.session, at=now, actor=by, action=action, borrower_id=None, facts=about)
