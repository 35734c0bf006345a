"""What happens to a loan that a credit report must tell beside the money: losses, endings, disputes, ways to pay agreed.

Events are facts with a day; what stands on a day follows from those up to it. Of two on one day the second given is later.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from app.domain.credit_accounts import Arrangement, HolderChange, NumberChange, Standing


class CreditEventKind(StrEnum):
    """Kinds of events. Those that need more say so beside their name."""

    GIVEN_TO_COLLECTION = "given_to_collection"
    RECALLED = "recalled"
    """Taken back from collection."""
    CHARGED_OFF = "charged_off"
    """`amount_minor`: what was charged to loss."""
    REPOSSESSED = "repossessed"
    SURRENDERED = "surrendered"
    REDEEMED = "redeemed"
    """The thing came back to the borrower, the loan goes on."""
    COLLATERAL_SOLD = "collateral_sold"
    SETTLED = "settled"
    """`amount_minor`: what of the claim was given up."""
    SOLD = "sold"
    """`name`: who bought it."""
    TRANSFERRED = "transferred"
    """`name`: who services it now."""
    PURCHASED = "purchased"
    """`name`: whom it was bought from; history and first delinquency come with it."""
    RENUMBERED = "renumbered"
    """`name`: the new account number."""
    ARRANGED = "arranged"
    """`arrangement`."""
    ARRANGEMENT_ENDED = "arrangement_ended"
    """Kept to the end, or broken: the report remarks on it no more."""
    DISPUTED = "disputed"
    DISPUTE_UPHELD = "dispute_upheld"
    """The borrower was right; what was wrong is corrected."""
    DISPUTE_REJECTED = "dispute_rejected"
    """Looked into and found right; the borrower may disagree still."""
    DISPUTE_CLOSED = "dispute_closed"
    """Rejected, and the borrower does not insist."""
    DELETED = "deleted"
    DELETED_FRAUD = "deleted_fraud"


@dataclass(frozen=True, slots=True)
class CreditEvent:
    """One event on its business date."""

    kind: CreditEventKind
    on: date
    amount_minor: int = 0
    name: str = ""
    arrangement: Arrangement | None = None


@dataclass(frozen=True, slots=True)
class CreditState:
    """What stands on a day because of events. Fields as in `CreditAccount`."""

    standing: Standing = Standing.OPEN
    was: Standing = Standing.OPEN
    lost_on: date | None = None
    lost_since: date | None = None
    """Day of the first loss of a row of losses: repossessed, then charged off."""
    closed_on: date | None = None
    charge_off_minor: int = 0
    written_off_minor: int = 0
    arrangement: Arrangement | None = None
    is_sold_collateral: bool = False
    condition_code: str = ""
    condition_on: date | None = None
    holder_change: HolderChange | None = None
    number_change: NumberChange | None = None
    number_changed_on: date | None = None


START = CreditState()

_LOSS = {
    CreditEventKind.GIVEN_TO_COLLECTION: Standing.IN_COLLECTION,
    CreditEventKind.CHARGED_OFF: Standing.CHARGED_OFF,
    CreditEventKind.REPOSSESSED: Standing.REPOSSESSED,
    CreditEventKind.SURRENDERED: Standing.SURRENDERED,
}
_END = {
    CreditEventKind.SETTLED: Standing.SETTLED,
    CreditEventKind.SOLD: Standing.TRANSFERRED,
    CreditEventKind.TRANSFERRED: Standing.TRANSFERRED,
}
_MARK = {
    CreditEventKind.DISPUTED: "XB",
    CreditEventKind.DISPUTE_UPHELD: "XR",
    CreditEventKind.DISPUTE_REJECTED: "XC",
    CreditEventKind.DISPUTE_CLOSED: "XH",
}
"""Dispute marks of Metro 2. Source: contact-law study §7; meanings as vendors of reporting software publish them."""


def after(state: CreditState, event: CreditEvent) -> CreditState:
    """Return the state after one more event. What has ended is not lost, redeemed or given to collection any more."""
    kind = event.kind
    if state.closed_on is not None and (kind in _LOSS or kind in (CreditEventKind.RECALLED, CreditEventKind.REDEEMED)):
        return state
    if kind in _LOSS:
        # What was charged to loss stays told, whatever comes later.
        charged = event.amount_minor if kind is CreditEventKind.CHARGED_OFF else state.charge_off_minor
        since = state.lost_since or event.on
        return replace(state, standing=_LOSS[kind], lost_on=event.on, lost_since=since, charge_off_minor=charged)
    if kind in (CreditEventKind.RECALLED, CreditEventKind.REDEEMED):
        return replace(state, standing=Standing.OPEN, lost_on=None, lost_since=None)
    if kind in _END:
        change = HolderChange("sold_to", event.name, event.on) if kind is CreditEventKind.SOLD else state.holder_change
        given_up = event.amount_minor if kind is CreditEventKind.SETTLED else 0
        return ended(replace(state, holder_change=change, written_off_minor=given_up), _END[kind], event.on)
    if kind in _MARK:
        return replace(state, condition_code=_MARK[kind], condition_on=event.on)
    if kind is CreditEventKind.ARRANGED:
        return replace(state, arrangement=event.arrangement or Arrangement.PLAN)
    if kind is CreditEventKind.ARRANGEMENT_ENDED:
        return replace(state, arrangement=None)
    if kind is CreditEventKind.COLLATERAL_SOLD:
        return replace(state, is_sold_collateral=True)
    if kind is CreditEventKind.PURCHASED:
        return replace(state, holder_change=HolderChange("purchased_from", event.name, event.on))
    if kind is CreditEventKind.RENUMBERED:
        return replace(state, number_change=NumberChange(account_no=event.name), number_changed_on=event.on)
    standing = Standing.DELETED if kind is CreditEventKind.DELETED else Standing.DELETED_FRAUD
    return replace(state, standing=standing)


def ended(state: CreditState, standing: Standing, on: date) -> CreditState:
    """Return the state of a loan that ends that day; one that has ended stays as it is."""
    if state.closed_on is not None:
        return state
    return replace(state, standing=standing, was=state.standing, closed_on=on, arrangement=None)


def state_on(events: Iterable[CreditEvent], as_of: date) -> CreditState:
    """Return what stands at the end of `as_of`."""
    state = START
    for event in sorted((each for each in events if each.on <= as_of), key=lambda each: each.on):
        state = after(state, event)
    return state
