"""What staff write down about pledged things, with the checks of who may; the same from the API and from the console."""

from dataclasses import dataclass, field
from datetime import date, datetime

from app.domain.book import PutResult
from app.domain.collateral_events import EventKind
from app.domain.errors import CurrencyMismatchError, DomainError, refused_at
from app.domain.money import Money
from app.domain.permissions import check_may
from app.persistence.queries import collateral as queries
from app.persistence.unit_of_work import Work
from app.services.collateral import PledgeValues, put_pledges
from app.services.collateral_event_values import EventResult, EventValues
from app.services.collateral_events import record_event
from app.services.collateral_values import AppraisalValues, InsuranceValues, put_appraisals, put_insurance
from app.services.desk_payments import DeskStaff

EVENTS_AT_DESK = tuple(kind for kind in EventKind if kind not in (EventKind.SOLD, EventKind.REDEEMED, EventKind.COSTS_PAID))
"""Sales and redemptions move money and have doors of their own."""


@dataclass(frozen=True, slots=True)
class DeskEvent:
    """An event as it is written down at the desk; fields as of `EventValues`."""

    kind: str
    effective_on: date
    reference: str
    cost_kind: str | None = None
    amount: Money | None = None
    is_charged: bool = False
    reason: str | None = None
    reverses: str | None = None
    place: str | None = field(default=None, repr=False)
    note: str | None = field(default=None, repr=False)


def record_at_desk(work: Work, thing_id: str, told: DeskEvent, *, staff: DeskStaff, now: datetime) -> EventResult:
    """Write down what happened to a thing. Raises ForbiddenError, NotFoundError, ConflictError, ValidationError."""
    check_may(staff.role, "collateral.reverse" if told.kind == EventKind.REVERSAL else "collateral.record")
    if told.kind not in EVENTS_AT_DESK:
        raise refused_at("/kind", "Sales and redemptions move money: they have pages and doors of their own.")
    thing = queries.get_thing(work.session, thing_id, lender_id=staff.lender_id)
    amount = told.amount
    values = EventValues(
        thing.reference, told.kind, told.effective_on, told.reference, told.cost_kind,
        None if amount is None else amount.minor, None if amount is None else amount.currency, told.is_charged, told.reason,
        told.reverses, told.place, told.note,
    )  # fmt: skip
    return record_event(work, staff.lender_id, values, by=staff.by, origin=f"desk:{staff.by}", now=now)


def pledge_at_desk(work: Work, values: PledgeValues, *, staff: DeskStaff, now: datetime) -> str:
    """Write down a thing with a loan that it secures; return the thing's id. Raises what is wrong with it."""
    check_may(staff.role, "collateral.record")
    (result,) = put_pledges(work, staff.lender_id, [values], by=staff.by, origin=f"desk:{staff.by}", now=now)
    return _id_of(result)


def appraise_at_desk(
    work: Work, thing_id: str, reference: str, value: Money, valued_on: date, source: str, *, haircut: str = "0",
    appraiser: str | None = None, staff: DeskStaff, now: datetime,
) -> None:  # fmt: skip
    """Write down what somebody says that a thing is worth. Raises what is wrong with it."""
    check_may(staff.role, "collateral.record")
    thing = queries.get_thing(work.session, thing_id, lender_id=staff.lender_id)
    values = AppraisalValues(
        thing.reference, reference, value.minor, value.currency, valued_on, source, haircut, appraiser
    )  # fmt: skip
    (result,) = put_appraisals(work, staff.lender_id, [values], by=staff.by, now=now)
    _id_of(result)


def insure_at_desk(
    work: Work, thing_id: str, reference: str, cover: str, valid_until: date, *, valid_from: date | None = None,
    insured: Money | None = None, policy_no: str | None = None, staff: DeskStaff, now: datetime,
) -> None:  # fmt: skip
    """Write down a policy on a thing. Raises what is wrong with it."""
    check_may(staff.role, "collateral.record")
    thing = queries.get_thing(work.session, thing_id, lender_id=staff.lender_id)
    if insured is not None and insured.currency != thing.currency:
        raise CurrencyMismatchError(f"{thing.reference} is kept in {thing.currency}, not in {insured.currency}.")
    minor = None if insured is None else insured.minor
    values = InsuranceValues(thing.reference, reference, cover, valid_until, valid_from, minor, policy_no)
    (result,) = put_insurance(work, staff.lender_id, [values], by=staff.by, now=now)
    _id_of(result)


def _id_of(result: PutResult | DomainError) -> str:
    if isinstance(result, DomainError):
        raise result
    return result.id
