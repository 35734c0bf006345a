"""What pledged things were said to be worth, and how they are insured: kept, compared with what is owed, reminded of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.book import PutResult, check_text
from app.domain.collateral import counted_minor, loan_to_value, read_haircut, shortfall_minor
from app.domain.collateral_events import ENDS, ThingState
from app.domain.errors import ConflictError, CurrencyMismatchError, DomainError, NotFoundError, refused_at
from app.domain.times import business_date, local_instant
from app.persistence.ids import new_id
from app.persistence.models.collateral import CollateralAppraisalRow, CollateralInsuranceRow, CollateralThingRow
from app.persistence.queries import collateral as things
from app.persistence.queries import collateral_values as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loans
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.follow_ups import follow_up_at
from app.services.notices import tell_borrower
from app.services.positions import positions_of
from app.services.tasks import NewTask, add_task
from app.wording.variables import Value

SOURCES = ("appraiser", "price_guide", "auction", "lender", "borrower")
COVERS = ("liability", "damage", "theft", "comprehensive", "other")
FOLLOW_UP = "collateral_insurance"
TASK, QUEUE = "insurance_ending", "collateral"
REMIND_BEFORE = timedelta(days=30)
"""How long before its last day a policy is spoken of. A rule of the house: no law names a day."""
LONGEST_REFERENCE, LONGEST_NAME = 120, 120


@dataclass(frozen=True, slots=True)
class AppraisalValues:
    """What somebody said that a thing was worth on a day. `haircut`: a fraction of one, written as "0.2"."""

    thing: str
    reference: str
    value_minor: int
    currency: str
    valued_on: date
    source: str
    haircut: str = "0"
    appraiser: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class InsuranceValues:
    """A policy on a thing; `valid_until` is its last day."""

    thing: str
    reference: str
    cover: str
    valid_until: date
    valid_from: date | None = None
    insured_minor: int | None = None
    policy_no: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Worth:
    """A thing's newest appraisal beside what is owed on all that it secures. Minor units."""

    value_minor: int
    counted_minor: int
    """After the haircut."""
    owed_minor: int
    loan_to_value: Decimal | None
    """Per cent of the value, before the haircut."""
    shortfall_minor: int
    valued_on: date


def worth_of(session: Session, thing: Any, *, now: datetime) -> Worth | None:
    """Return what a thing is worth to its loans by its newest appraisal; None: nobody has valued it."""
    newest = next(iter(queries.find_appraisals(session, [thing.id])[thing.id]), None)
    if newest is None:
        return None
    pledges = things.find_pledges(session, [thing.id])[thing.id]
    loans = find_loans(session, [pledge.loan_id for pledge in pledges if pledge.ended_on is None])
    today = business_date(now, get_lender(session, thing.lender_id).zone)
    owed = sum(position.outstanding_minor for position in positions_of(session, loans, today).values())
    haircut, value = read_haircut(newest.haircut), newest.value_minor
    return Worth(
        value, counted_minor(value, haircut), owed, loan_to_value(owed, value), shortfall_minor(owed, value, haircut),
        newest.valued_on,
    )  # fmt: skip


def put_appraisals(
    work: Work, lender_id: str, batch: Sequence[AppraisalValues], *, by: str, now: datetime
) -> list[PutResult | DomainError]:
    """Keep appraisals; the same reference with the same content changes nothing. Each refused one stands in its place."""
    known = things.find_things(work.session, lender_id, {values.thing for values in batch})
    before = queries.find_appraisals_referenced(work.session, lender_id, {values.reference for values in batch})
    today = business_date(now, get_lender(work.session, lender_id).zone)
    results: list[PutResult | DomainError] = []
    for values in batch:
        try:
            results.append(_put_appraisal(work, values, _thing(known, values.thing), before, by=by, today=today, now=now))
        except DomainError as error:
            results.append(error)
    work.session.flush()
    return results


def withdraw_appraisal(work: Work, lender_id: str, reference: str, *, by: str, now: datetime) -> None:
    """Have an appraisal count no more; it stays. Twice changes nothing. Raises NotFoundError."""
    row = queries.find_appraisals_referenced(work.session, lender_id, [reference]).get(reference)
    if row is None:
        raise NotFoundError(f"There is no appraisal {reference}.")
    if row.withdrawn_at is None:
        row.withdrawn_at = now
        facts = {"appraisal_id": row.id, "thing_id": row.thing_id}
        add_audit(work.session, at=now, actor=by, action="collateral.appraisal_withdrawn", borrower_id=None, facts=facts)
        work.session.flush()


def put_insurance(
    work: Work, lender_id: str, batch: Sequence[InsuranceValues], *, by: str, now: datetime
) -> list[PutResult | DomainError]:
    """Keep policies, and have them spoken of before they run out. Each refused one stands in its place."""
    known = things.find_things(work.session, lender_id, {values.thing for values in batch})
    lock_agenda(work.session, {thing.borrower_id for thing in known.values()})
    before = queries.find_insurance_referenced(work.session, lender_id, {values.reference for values in batch})
    zone = get_lender(work.session, lender_id).zone
    results: list[PutResult | DomainError] = []
    for values in batch:
        try:
            results.append(_put_policy(work, values, _thing(known, values.thing), before, by=by, zone=zone, now=now))
        except DomainError as error:
            results.append(error)
    work.session.flush()
    return results


def look_at_policy(work: Work, policy_id: str, *, now: datetime) -> None:
    """Say that a policy runs out: a task for people, a word to the borrower. One that another outlasts is let be."""
    row = queries.get_policy(work.session, policy_id)
    thing = things.get_thing(work.session, row.thing_id, lender_id=row.lender_id)
    zone = get_lender(work.session, row.lender_id).zone
    if row.valid_until - REMIND_BEFORE > business_date(now, zone):
        follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=_first_look(row.valid_until, zone))
        return
    others = queries.find_insurance(work.session, [thing.id])[thing.id]
    outlasted = any(other.cover == row.cover and other.valid_until > row.valid_until for other in others)
    pledges = [each for each in things.find_pledges(work.session, [thing.id])[thing.id] if each.ended_on is None]
    if outlasted or ThingState(thing.state) in ENDS or not pledges:
        return
    row.reminded_on = business_date(now, zone)
    facts = {"thing": thing.reference, "cover": row.cover, "valid_until": row.valid_until.isoformat()}
    key, loan = f"collateral_insurance/{row.id}/{row.valid_until}", pledges[0]
    task = NewTask(key, row.borrower_id, TASK, QUEUE, loan_id=loan.loan_id, due_on=row.valid_until, facts=facts)
    add_task(work, task, now=now)
    told: dict[str, Value] = {"loan": ", ".join(each.loan_no for each in pledges)[:64], "due_on": row.valid_until}
    tell_borrower(
        work, row.borrower_id, "collateral_insurance_ending", told, now=now, loan_id=loan.loan_id, subject_id=thing.id,
        key=f"{row.id}:{row.valid_until}",
    )  # fmt: skip


def appraiser_of(ring: Vault, row: Any) -> str | None:
    """Return who valued a thing, opened."""
    return ring.open(row.appraiser_sealed, place=f"collateral_appraisals.appraiser:{row.id}")


def policy_no_of(ring: Vault, row: Any) -> str | None:
    """Return the number of a policy, opened."""
    return ring.open(row.policy_no_sealed, place=f"collateral_insurance.policy_no:{row.id}")


def is_insured(reads: Connection | Session, thing_id: str, on: date) -> bool:
    """Return whether some policy on a thing is valid on a day."""
    rows = queries.find_insurance(reads, [thing_id])[thing_id]
    return any((row.valid_from or on) <= on <= row.valid_until for row in rows)


def _put_appraisal(
    work: Work, values: AppraisalValues, thing: CollateralThingRow, before: dict[str, CollateralAppraisalRow], *, by: str,
    today: date, now: datetime,
) -> PutResult:  # fmt: skip
    check_text("reference", values.reference, LONGEST_REFERENCE)
    check_text("appraiser", values.appraiser or "", LONGEST_NAME)
    read_haircut(values.haircut)
    if values.currency != thing.currency:
        raise CurrencyMismatchError(f"{thing.reference} is kept in {thing.currency}, its value is in {values.currency}.")
    if values.source not in SOURCES:
        raise refused_at("/source", f"source is not one of {', '.join(SOURCES)}.")
    if values.value_minor < 0:
        raise refused_at("/value", "No thing is worth less than nothing.")
    if values.valued_on > today:
        raise refused_at("/valued_on", f"{values.valued_on} has not come yet.")
    told = (thing.id, values.value_minor, values.valued_on, values.source, values.haircut)
    known = before.get(values.reference)
    if known is not None:
        if (known.thing_id, known.value_minor, known.valued_on, known.source, known.haircut) != told:
            raise ConflictError(f"Appraisal {values.reference} says otherwise; withdraw it and give the new one its own.")
        return PutResult(known.id)
    row_id = new_id()
    row = CollateralAppraisalRow(
        id=row_id, thing_id=thing.id, lender_id=thing.lender_id, reference=values.reference, value_minor=values.value_minor,
        currency=values.currency, valued_on=values.valued_on, source=values.source, haircut=values.haircut,
        appraiser_sealed=work.vault.seal(values.appraiser, place=f"collateral_appraisals.appraiser:{row_id}"),
        recorded_at=now, by=by,
    )  # fmt: skip
    work.session.add(row)
    before[values.reference] = row
    facts = {"appraisal_id": row_id, "thing_id": thing.id, "value_minor": values.value_minor}
    add_audit(work.session, at=now, actor=by, action="collateral.appraised", borrower_id=thing.borrower_id, facts=facts)
    return PutResult(row_id, created=True, changed=True)


def _put_policy(
    work: Work, values: InsuranceValues, thing: CollateralThingRow, before: dict[str, CollateralInsuranceRow], *, by: str,
    zone: str, now: datetime,
) -> PutResult:  # fmt: skip
    check_text("reference", values.reference, LONGEST_REFERENCE)
    check_text("policy_no", values.policy_no or "", LONGEST_NAME)
    if values.cover not in COVERS:
        raise refused_at("/cover", f"cover is not one of {', '.join(COVERS)}.")
    if values.valid_from is not None and values.valid_until < values.valid_from:
        raise refused_at("/valid_until", "valid_until is before valid_from.")
    row = before.get(values.reference)
    created = row is None
    if row is None:
        row = CollateralInsuranceRow(
            id=new_id(), thing_id=thing.id, borrower_id=thing.borrower_id, lender_id=thing.lender_id,
            reference=values.reference, recorded_at=now, by=by,
        )  # fmt: skip
        work.session.add(row)
        before[values.reference] = row
    elif row.thing_id != thing.id:
        raise ConflictError(f"Policy {values.reference} is of another thing.")
    told = (values.cover, values.valid_from, values.valid_until, values.insured_minor)
    same_no = values.policy_no is None or policy_no_of(work.vault, row) == values.policy_no
    if not created and same_no and (row.cover, row.valid_from, row.valid_until, row.insured_minor) == told:
        return PutResult(row.id)
    row.cover, row.valid_from, row.valid_until, row.insured_minor = told
    if not same_no:
        row.policy_no_sealed = work.vault.seal(values.policy_no, place=f"collateral_insurance.policy_no:{row.id}")
    work.session.flush()
    facts = {"policy_id": row.id, "thing_id": thing.id, "valid_until": values.valid_until.isoformat()}
    add_audit(work.session, at=now, actor=by, action="collateral.insured", borrower_id=thing.borrower_id, facts=facts)
    if ThingState(thing.state) not in ENDS and values.valid_until >= business_date(now, zone):
        follow_up_at(work, FOLLOW_UP, row.id, row.borrower_id, at=max(now, _first_look(row.valid_until, zone)))
    return PutResult(row.id, created=created, changed=True)


def _first_look(valid_until: date, zone: str) -> datetime:
    return local_instant(valid_until - REMIND_BEFORE, time(9), zone)


def _thing(known: dict[str, CollateralThingRow], reference: str) -> CollateralThingRow:
    if reference not in known:
        raise NotFoundError(f"There is no pledged thing {reference}; put it with what it secures first.")
    return known[reference]
