"""What the book knows of loans beside their ledgers that a report tells: moves of what is pledged, sales of claims."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.collateral_events import EventKind, ThingEvent
from app.persistence.models.case_records import CaseRecordRow
from app.persistence.models.collateral import CollateralEventRow, CollateralPledgeRow
from app.persistence.queries.chunks import chunks

_EVENTS, _TRANSFERRED = "events", "credit_transferred"


class PledgedEvent(NamedTuple):
    """An event of a thing that secures a loan; `reason`: the teller's code."""

    thing_id: str
    event: ThingEvent
    reason: str | None


def find_pledged_events(session: Session, loan_ids: Collection[str]) -> dict[str, list[PledgedEvent]]:
    """Return loan -> the events of what is, or was, pledged to it, each thing's in the order recorded; without what came
    before a pledge or after its end. Loans of which nothing happened to a pledged thing are absent."""
    found: dict[str, list[PledgedEvent]] = defaultdict(list)
    for part in chunks(loan_ids):
        statement = (
            select(
                CollateralPledgeRow.loan_id, CollateralPledgeRow.pledged_on, CollateralPledgeRow.ended_on,
                CollateralEventRow.thing_id, CollateralEventRow.id, CollateralEventRow.no, CollateralEventRow.kind,
                CollateralEventRow.effective_on, CollateralEventRow.reverses_id, CollateralEventRow.facts,
            )
            .join(CollateralEventRow, CollateralEventRow.thing_id == CollateralPledgeRow.thing_id)
            .where(CollateralPledgeRow.loan_id.in_(part), CollateralEventRow.to_state.is_not(None))
            .order_by(CollateralPledgeRow.loan_id, CollateralEventRow.thing_id, CollateralEventRow.no)
        )  # fmt: skip
        for row in session.execute(statement):
            is_within = row.pledged_on <= row.effective_on and (row.ended_on is None or row.effective_on <= row.ended_on)
            if is_within or row.kind == EventKind.REVERSAL:
                event = ThingEvent(row.id, row.no, row.kind, row.effective_on, row.reverses_id)
                found[row.loan_id].append(PledgedEvent(row.thing_id, event, row.facts.get("reason")))
    return found


def find_transfers(
    session: Session, loan_ids: Collection[str], borrower_ids: Collection[str], now: datetime
) -> dict[str, date]:
    """Return loan -> the day its claim was sold, as the core told by `now`: the first, where it told of several."""
    wanted = frozenset(loan_ids)
    found: dict[str, date] = {}
    for part in chunks(sorted(set(borrower_ids))):
        statement = select(CaseRecordRow.loan_id, CaseRecordRow.facts).where(
            CaseRecordRow.borrower_id.in_(part),
            CaseRecordRow.list_name == _EVENTS,
            CaseRecordRow.recorded_at <= now,
            CaseRecordRow.replaced_at.is_(None),
        )
        for loan_id, facts in session.execute(statement):
            if loan_id in wanted and facts.get("kind") == _TRANSFERRED and isinstance(facts.get("on"), str):
                on = date.fromisoformat(facts["on"][:10])
                found[loan_id] = min(on, found.get(loan_id, on))
    return found
