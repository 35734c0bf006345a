"""What happens to pledged things, written down many at a time.

What is told has happened: it is recorded where the table of moves allows it, and what the law says against it becomes a task
for compliance. Nothing here, and nothing behind it, recovers a thing.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from app.domain.collateral_events import MOVES, EventKind, ThingEvent, ThingState, moved, reversible, state_after
from app.domain.errors import DomainError, NotFoundError, refused_at
from app.domain.free_text import without_card_numbers
from app.domain.served_notices import ServedNotice
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.queries import collateral as queries
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.services import agenda
from app.services.collateral_event_values import EventResult, EventValues, check_event, same_event
from app.services.collateral_histories import events_of
from app.services.collateral_notices import find_proofs, proof_facts
from app.services.collateral_sale_withdrawals import require_not_booked, withdraw_sales
from app.services.collateral_standings import Standing
from app.services.collateral_telling import ENFORCING, tell_of_events

_CODE = re.compile(r"[a-z][a-z0-9_]*")
ANNOUNCED = frozenset({EventKind.NOTICE_SERVED, EventKind.TAKEN})
"""Kinds of which a delivered notice is kept as their proof."""


def record_event(work: Work, lender_id: str, values: EventValues, *, by: str, origin: str, now: datetime) -> EventResult:
    """Record one event, as `record_events` does. Raises what it refuses."""
    (result,) = record_events(work, lender_id, [values], by=by, origin=origin, now=now)
    if isinstance(result, DomainError):
        raise result
    return result


def record_events(
    work: Work, lender_id: str, batch: Sequence[EventValues], *, by: str, origin: str, now: datetime
) -> list[EventResult | DomainError]:
    """Record events in the order given; each refused one stands in its place, and the others are recorded.

    `by`: who is answerable; `origin`: who told. Takes the borrowers' agenda rows.
    """
    session = work.session
    numbers = {values.thing for values in batch}
    agenda.touch(work, queries.find_owners(session, lender_id, numbers), now=now)
    things = queries.find_standings(session, lender_id, numbers)
    lender = get_lender(session, lender_id)
    pledges = queries.find_pledges(session, _of_kinds(things, batch, ANNOUNCED | ENFORCING))
    announced = _of_kinds(things, batch, ANNOUNCED)
    told = _Told(
        work, lender_id, by, origin, now,
        today=business_date(now, lender.zone), zone=lender.zone,
        proofs=find_proofs(session, {key: pledges[key] for key in announced}, zone=lender.zone) if announced else {},
        things=things, pledges=pledges,
        known=queries.find_references(
            session, lender_id, {v.reference for v in batch} | {v.reverses for v in batch if v.reverses}
        ),
        events=_events_of(session, _of_kinds(things, batch, {EventKind.REVERSAL})),
    )  # fmt: skip
    results: list[EventResult | DomainError] = []
    for values in batch:
        try:
            results.append(told.take(values))
        except DomainError as error:
            results.append(error)
    told.write()
    return results


def _of_kinds(things: Mapping[str, Any], batch: Sequence[EventValues], kinds: Collection[str]) -> set[str]:
    return {things[values.thing].id for values in batch if values.kind in kinds and values.thing in things}


def _events_of(session: Any, thing_ids: Collection[str]) -> dict[str, list[ThingEvent]]:
    """Return what happened before to the things whose standing is made anew: of the others it is not asked."""
    return {thing_id: events_of(rows) for thing_id, rows in queries.find_events(session, thing_ids).items()}


@dataclass
class _Told:
    """A batch that is being taken in: what is known of its things, and what is to be written."""

    work: Work
    lender_id: str
    by: str
    origin: str
    now: datetime
    today: date
    zone: str
    proofs: Mapping[str, ServedNotice]
    things: Mapping[str, Any]
    pledges: Mapping[str, Sequence[Any]]
    known: dict[str, Any]
    events: dict[str, list[ThingEvent]]
    rows: list[dict[str, Any]] = field(default_factory=list)
    _standing: dict[str, "Standing"] = field(default_factory=dict)

    def take(self, values: EventValues) -> EventResult:
        """Check one event against what came before it, and keep it to be written. Raises what is wrong with it."""
        check_event(values)
        thing = self.things.get(values.thing)
        if thing is None:
            raise NotFoundError(f"There is no pledged thing {values.thing}; put it with what it secures first.")
        if values.currency is not None and values.currency != thing.currency:
            raise refused_at("/currency", f"{values.thing} is kept in {thing.currency}, not in {values.currency}.")
        before = self.known.get(values.reference)
        if before is not None:
            return same_event(before, values, thing)
        state = self._standing.get(thing.id) or Standing.of(thing)
        reverses_id = self._reversed(values, thing) if values.kind == EventKind.REVERSAL else None
        after: ThingState | None
        if reverses_id is not None:
            after = self._undone(thing, reverses_id, state)
        else:
            after = moved(state.state, state.on, values.kind, values.effective_on, today=self.today)
        event = ThingEvent(
            new_id(), state.last_no + 1, values.kind, values.effective_on, reverses_id, values.cost_kind,
            values.amount_minor, values.is_charged,
        )  # fmt: skip
        row = self._row(thing, values, event, state.state, after)
        self.events.setdefault(thing.id, []).append(event)
        if after is None:
            self._standing[thing.id] = state.numbered(event.no)
        elif reverses_id is not None:
            self._standing[thing.id] = self._replayed(thing, event.no)
        else:
            self._standing[thing.id] = state.after(after, values, event.no)
        self.rows.append(row)
        self.known[values.reference] = _Known(**row)
        return EventResult(event.id, thing.id, created=True)

    def write(self) -> None:
        """Append what was taken, move the things, tell of it."""
        if not self.rows:
            return
        queries.add_events(self.work.session, self.rows)
        by_id = {thing.id: thing for thing in self.things.values()}
        ring = self.work.vault
        moves = [
            {
                "id": thing_id, "state": state.state, "state_on": state.on, "last_no": state.last_no,
                "in_custody_on": state.in_custody_on, "version": by_id[thing_id].version + 1,
                "place_sealed": ring.seal(state.place, place=f"collateral_things.place:{thing_id}")
                if state.is_place_new else by_id[thing_id].place_sealed,
            }
            for thing_id, state in self._standing.items()
        ]  # fmt: skip
        queries.move_things(self.work.session, moves)
        tell_of_events(self.work, self.rows, self.pledges, by=self.by, now=self.now)

    def _row(
        self, thing: Any, values: EventValues, event: ThingEvent, before: str, after: ThingState | None
    ) -> dict[str, Any]:
        words = {"place": values.place, "note": values.note}
        facts = dict(values.facts)
        if values.reason and _CODE.fullmatch(values.reason):
            facts["reason"] = values.reason
        else:
            words["reason"] = values.reason  # words, which may name somebody: sealed with the others
        said = {name: without_card_numbers(text) for name, text in words.items() if text}
        if event.kind in ANNOUNCED:
            facts |= proof_facts(self.proofs.get(thing.id), event.effective_on, self.zone)
        text = orjson.dumps(said).decode() if said else None
        return {
            "id": event.id, "thing_id": thing.id, "borrower_id": thing.borrower_id, "lender_id": thing.lender_id,
            "no": event.no, "kind": event.kind, "effective_on": event.effective_on, "recorded_at": self.now, "by": self.by,
            "origin": self.origin[:40], "reference": values.reference, "from_state": before if after else None,
            "to_state": after.value if after else None, "reverses_id": event.reverses_id, "cost_kind": event.cost_kind,
            "amount_minor": event.amount_minor, "is_charged": event.is_charged, "facts": facts,
            "text_sealed": self.work.vault.seal(text, place=f"collateral_events.text:{event.id}"),
        }  # fmt: skip

    def _reversed(self, values: EventValues, thing: Any) -> str:
        if not values.reverses:
            raise refused_at("/reverses", "A reversal names the event that it takes back.")
        original = self.known.get(values.reverses)
        if original is None or original.thing_id != thing.id:
            raise NotFoundError(f"There is no event {values.reverses} of {values.thing}.")
        event = reversible(self.events.get(thing.id, []), original.id)
        sale_id = original.facts.get("sale_id")
        if sale_id is not None and event.kind != EventKind.SOLD:
            require_not_booked(self.work, sale_id, lender_id=self.lender_id)
        if event.kind == EventKind.SOLD:
            withdraw_sales(self.work, event.id, by=self.by, now=self.now)
        return event.id

    def _undone(self, thing: Any, reverses_id: str, state: "Standing") -> ThingState | None:
        event = next(each for each in self.events[thing.id] if each.id == reverses_id)
        if EventKind(event.kind) not in MOVES:
            return None
        left = [each for each in self.events[thing.id] if each.id != reverses_id]
        return state_after(left)[0]

    def _replayed(self, thing: Any, no: int) -> "Standing":
        """Return where a thing stands after a reversal; where it is kept is not known again until it is told."""
        stands = self.events[thing.id]
        state, on = state_after(stands)
        undone = {each.reverses_id for each in stands}
        taken = [
            each.effective_on for each in stands if each.kind == EventKind.TAKEN and each.id not in undone
        ]  # fmt: skip
        since = max(taken, default=None) if state is ThingState.IN_CUSTODY else None
        return Standing(state.value, on, no, since, None, is_place_new=True)


class _Known:
    """An event of this very batch, read as a stored one."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)
