"""Things pledged to loans: put with what they secure, found by plate or VIN, referred to the people who deal with them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.book import PutResult, check_text
from app.domain.collateral_events import ENDS, EventKind, ThingState
from app.domain.collateral_things import KINDS, masked_plate, masked_vin, normal_plate, normal_vin
from app.domain.errors import ConflictError, CurrencyMismatchError, DomainError, ValidationError, refused_at
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.collateral import CollateralPledgeRow, CollateralThingRow
from app.persistence.queries import collateral as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import LoanHead, find_loan_heads
from app.persistence.unit_of_work import Work
from app.persistence.vault import SearchHash, Vault
from app.services import agenda
from app.services.collateral_law import stops_of
from app.services.tasks import NewTask, add_tasks

QUEUE, TASK = "collateral", "collateral_referral"
NO_PLEDGE, NOT_HELD = "NO_PLEDGE", "NOTHING_TO_RECOVER"
LONGEST_NUMBER, LONGEST_ABOUT = 80, 200


@dataclass(frozen=True, slots=True)
class PledgedThing:
    """A thing that secures a loan now."""

    thing_id: str
    loan_id: str
    borrower_id: str
    lender_id: str
    reference: str
    kind: str
    state: str
    state_on: date
    currency: str
    rank: int
    limit_minor: int | None
    pledged_on: date


@dataclass(frozen=True, slots=True)
class PledgeValues:
    """A thing, and one loan that it secures. `reference`: the lender's own number of the thing."""

    reference: str
    loan_no: str
    kind: str
    pledged_on: date
    currency: str | None = None
    """None: the loan's."""
    rank: int = 1
    limit_minor: int | None = None
    ended_on: date | None = None
    about: str | None = field(default=None, repr=False)
    plate: str | None = field(default=None, repr=False)
    vin: str | None = field(default=None, repr=False)


def pledged(reads: Connection | Session, loan_ids: Sequence[str]) -> Mapping[str, Sequence[PledgedThing]]:
    """Return what secures each of these loans now, first rank first; loans without anything are absent."""
    found: dict[str, list[PledgedThing]] = defaultdict(list)
    for row in queries.find_pledged(reads, loan_ids):
        if ThingState(row.state) not in ENDS:
            found[row.loan_id].append(_thing(row))
    return found


def refer(work: Work, loan_ids: Sequence[str], *, by: str, now: datetime) -> dict[str, str | None]:
    """Have people look at the collateral of these loans; return loan id -> None, or why no task was made.

    A task is all that comes of it. Where a law forbids enforcing the loan now, none is made: `LAW:` and the rule.
    """
    things = pledged(work.session, loan_ids)
    stops = stops_of(work, list(things), now=now)
    result: dict[str, str | None] = dict.fromkeys(loan_ids, NO_PLEDGE)
    tasks = []
    for loan_id, found in things.items():
        at_home = [thing for thing in found if thing.state != ThingState.IN_CUSTODY]
        if loan_id in stops:
            result[loan_id] = f"LAW:{stops[loan_id]}"
        elif not at_home:
            result[loan_id] = NOT_HELD
        else:
            result[loan_id] = None
            facts = {"things": [thing.reference for thing in at_home], "by": by}
            key = f"collateral/{loan_id}/{business_date(now, 'UTC')}"
            tasks.append(NewTask(key, found[0].borrower_id, TASK, QUEUE, loan_id=loan_id, due_at=now, facts=facts))
    if tasks:
        add_tasks(work, tasks, now=now)
        for task in tasks:
            add_audit(
                work.session, at=now, actor=by, action="collateral.referred", borrower_id=task.borrower_id,
                facts={"loan_id": task.loan_id},
            )  # fmt: skip
    return result


def put_pledges(
    work: Work, lender_id: str, batch: Sequence[PledgeValues], *, by: str, origin: str, now: datetime
) -> list[PutResult | DomainError]:
    """Put things with the loans that they secure; what is there already and the same changes nothing.

    Each refused one stands in its place. All loans of a thing are one borrower's and in its currency.
    """
    session = work.session
    today = business_date(now, get_lender(session, lender_id).zone)
    loans = find_loan_heads(session, lender_id, {values.loan_no for values in batch})
    agenda.touch(work, {loan.borrower_id for loan in loans.values()}, now=now)
    things = queries.find_things(session, lender_id, {values.reference for values in batch})
    stored = queries.find_pledges(session, [thing.id for thing in things.values()])
    ids = {pledge.id for found in stored.values() for pledge in found}
    pledges = {(row.thing_id, row.loan_id): row for row in queries.load_pledges(session, ids)}
    results: list[PutResult | DomainError] = []
    put = _Put(work, lender_id, by, origin, now, today)
    for values in batch:
        try:
            results.append(put.put(values, loans.get(values.loan_no), things, pledges))
        except DomainError as error:
            results.append(error)
    session.flush()
    session.add_all(put.pledges)
    queries.add_events(session, put.events)
    session.flush()
    return results


def find_by_identity(
    reads: Connection | Session, ring: Vault, lender_id: str, text: str, *, limit: int = 20
) -> Sequence[Any]:
    """Return a lender's things with this very plate or VIN; parts of one find nothing. Raises ValidationError."""
    hashes: list[SearchHash] = []
    for kind, normal in (("plate", normal_plate), ("vin", normal_vin)):
        try:
            hashes += ring.search_hashes(kind, normal(text))
        except ValidationError:
            continue
    if not hashes:
        raise refused_at("/text", "Write a whole plate, or a VIN of 17 characters.")
    return queries.find_by_keys(reads, lender_id, hashes, limit=limit)


def plate_of(ring: Vault, thing: Any) -> str | None:
    """Return the plate of a thing, opened."""
    return ring.open(thing.plate_sealed, place=f"collateral_things.plate:{thing.id}")


def vin_of(ring: Vault, thing: Any) -> str | None:
    """Return the VIN of a thing, opened."""
    return ring.open(thing.vin_sealed, place=f"collateral_things.vin:{thing.id}")


def about_of(ring: Vault, thing: Any) -> str | None:
    """Return what the lender says that the thing is, opened."""
    return ring.open(thing.about_sealed, place=f"collateral_things.about:{thing.id}")


def masked_of(ring: Vault, thing: Any) -> tuple[str | None, str | None]:
    """Return plate and VIN as lists show them."""
    plate, vin = plate_of(ring, thing), vin_of(ring, thing)
    return masked_plate(plate) if plate else None, masked_vin(vin) if vin else None


def _thing(row: Any) -> PledgedThing:
    return PledgedThing(
        row.id, row.loan_id, row.borrower_id, row.lender_id, row.reference, row.kind, row.state, row.state_on, row.currency,
        row.rank, row.limit_minor, row.pledged_on,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Put:
    work: Work
    lender_id: str
    by: str
    origin: str
    now: datetime
    today: date
    pledges: list[CollateralPledgeRow] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    """New pledges, and first events of new things: written when the things are."""

    def put(
        self,
        values: PledgeValues,
        loan: LoanHead | None,
        things: dict[str, CollateralThingRow],
        pledges: dict[tuple[str, str], CollateralPledgeRow],
    ) -> PutResult:
        """Put one, into the rows that are known. Raises DomainError."""
        _check(values, self.today)
        if loan is None:
            raise refused_at("/loan_no", f"There is no loan {values.loan_no}; send the loan first.")
        currency = values.currency or loan.currency
        if currency != loan.currency:
            raise CurrencyMismatchError(f"Loan {loan.loan_no} is in {loan.currency}, the pledge in {currency}.")
        thing = things.get(values.reference)
        created = thing is None
        if thing is None:
            thing = things[values.reference] = self._new_thing(values, loan, currency)
        elif thing.borrower_id != loan.borrower_id:
            raise ConflictError(f"{values.reference} is pledged by another borrower than that of loan {loan.loan_no}.")
        elif thing.currency != currency:
            raise CurrencyMismatchError(
                f"{values.reference} is kept in {thing.currency}, loan {loan.loan_no} is in {currency}."
            )
        changed = created or self._identified(thing, values)
        pledge = pledges.get((thing.id, loan.id))
        if pledge is None:
            pledge = CollateralPledgeRow(
                id=new_id(), thing_id=thing.id, loan_id=loan.id, borrower_id=loan.borrower_id, lender_id=self.lender_id,
                rank=values.rank, limit_minor=values.limit_minor, pledged_on=values.pledged_on, ended_on=values.ended_on,
                recorded_at=self.now, by=self.by,
            )  # fmt: skip
            pledges[thing.id, loan.id] = pledge
            self.pledges.append(pledge)
            changed = True
        else:
            told = (values.rank, values.limit_minor, values.pledged_on, values.ended_on)
            if (pledge.rank, pledge.limit_minor, pledge.pledged_on, pledge.ended_on) != told:
                pledge.rank, pledge.limit_minor, pledge.pledged_on, pledge.ended_on = told
                changed = True
        if changed:
            facts = {"thing_id": thing.id, "loan_id": loan.id, "rank": values.rank}
            add_audit(
                self.work.session, at=self.now, actor=self.by, action="collateral.put", borrower_id=thing.borrower_id,
                facts=facts,
            )  # fmt: skip
        return PutResult(thing.id, created=created, changed=changed)

    def _new_thing(self, values: PledgeValues, loan: LoanHead, currency: str) -> CollateralThingRow:
        thing_id = new_id()
        thing = CollateralThingRow(
            id=thing_id, lender_id=self.lender_id, borrower_id=loan.borrower_id, reference=values.reference,
            kind=values.kind, currency=currency, state=ThingState.PLEDGED.value, state_on=values.pledged_on, last_no=1,
            created_at=self.now, version=1,
        )  # fmt: skip
        self._identified(thing, values)
        self.work.session.add(thing)
        event = {
            "id": new_id(), "thing_id": thing_id, "borrower_id": loan.borrower_id, "lender_id": self.lender_id, "no": 1,
            "kind": EventKind.PLEDGED.value, "effective_on": values.pledged_on, "recorded_at": self.now, "by": self.by,
            "origin": self.origin[:40], "reference": f"pledge:{values.reference}", "from_state": None,
            "to_state": ThingState.PLEDGED.value, "reverses_id": None, "cost_kind": None, "amount_minor": None,
            "is_charged": False, "facts": {}, "text_sealed": None,
        }  # fmt: skip
        self.events.append(event)
        return thing

    def _identified(self, thing: CollateralThingRow, values: PledgeValues) -> bool:
        """Write what tells the thing from others, where it is told; return whether that changed anything."""
        ring, changed = self.work.vault, False
        if values.plate is not None:
            found = ring.search_hash("plate", normal_plate(values.plate))
            if thing.plate_key not in _keys(ring, "plate", normal_plate(values.plate)):
                thing.plate_key, changed = queries.key_text(found), True
                thing.plate_sealed = ring.seal(normal_plate(values.plate), place=f"collateral_things.plate:{thing.id}")
        if values.vin is not None:
            found = ring.search_hash("vin", normal_vin(values.vin))
            if thing.vin_key not in _keys(ring, "vin", normal_vin(values.vin)):
                thing.vin_key, changed = queries.key_text(found), True
                thing.vin_sealed = ring.seal(normal_vin(values.vin), place=f"collateral_things.vin:{thing.id}")
        if values.about is not None and about_of(ring, thing) != values.about:
            thing.about_sealed, changed = ring.seal(values.about, place=f"collateral_things.about:{thing.id}"), True
        if thing.kind != values.kind:
            thing.kind, changed = values.kind, True
        return changed


def _keys(ring: Vault, kind: str, normal: str) -> list[str | None]:
    return [queries.key_text(found) for found in ring.search_hashes(kind, normal)]


def _check(values: PledgeValues, today: date) -> None:
    check_text("reference", values.reference, LONGEST_NUMBER)
    check_text("about", values.about or "", LONGEST_ABOUT)
    if values.kind not in KINDS:
        raise refused_at("/kind", f"kind is not one of {', '.join(KINDS)}.")
    if values.rank < 1:
        raise refused_at("/rank", "rank begins with 1.")
    if values.limit_minor is not None and values.limit_minor < 0:
        raise refused_at("/limit", "limit is negative.")
    if values.pledged_on > today:
        raise refused_at("/pledged_on", f"{values.pledged_on} has not come yet.")
    if values.ended_on is not None and values.ended_on < values.pledged_on:
        raise refused_at("/ended_on", "ended_on is before pledged_on.")
    if values.plate is not None:
        normal_plate(values.plate)
    if values.vin is not None:
        normal_vin(values.vin)
