"""What becomes of the money that a pledged thing was sold for: costs, then what it secures by rank, then its owner's.

The order is data of a jurisdiction (`content/collateral/orders.yaml`), with its source and how well that was read. Whatever
the order, the parts add up to the proceeds, to the cent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from app.domain.errors import ConflictError
from app.domain.splits import Split


class SaleState(StrEnum):
    """How far a sale came."""

    WAITING = "waiting"
    """Asked for, or told of: somebody else has it booked. The ledger has nothing of it."""
    BOOKED = "booked"
    DECLINED = "declined"
    REVERSED = "reversed"


_S = SaleState
SALE_MOVES: Mapping[SaleState, frozenset[SaleState]] = {
    _S.WAITING: frozenset({_S.BOOKED, _S.DECLINED}),
    _S.BOOKED: frozenset({_S.REVERSED}),
    _S.DECLINED: frozenset(),
    _S.REVERSED: frozenset(),
}


class ReversalState(StrEnum):
    """Whether a booked sale is to be taken back."""

    WAITING = "waiting"
    """Asked for by one: the sale stays booked until another decides."""
    DECLINED = "declined"
    DONE = "done"


ASKED, TOLD = FIGURES = ("asked", "told")
"""Whose figures of a sale are booked where the lender's core tells others than were asked for."""
METHODS = ("auction", "private", "court", "dealer", "other")


class Step(StrEnum):
    """One step of an order."""

    COSTS = "costs"
    """Of custody and of the sale."""
    RANKS = "ranks"
    """Our loans and the claims of others, by rank."""
    LOANS = "loans"
    """Our loans alone, by rank."""
    CLAIMS = "claims"
    """The claims of others alone, by rank."""


class Basis(StrEnum):
    """What a borrower pays to get a thing back, beside the costs."""

    ARREARS = "arrears"
    """What is due by then and unpaid."""
    PAYOFF = "payoff"
    """All that is owed."""


@dataclass(frozen=True, slots=True)
class ProceedsOrder:
    """An order of law. What is left after the last step is the owner's; what is missing stays owed."""

    key: str
    jurisdiction: str
    version: int
    steps: tuple[Step, ...]
    components: tuple[str, ...]
    """fees, interest, penalties, principal: how a loan's part is divided."""
    redemption: Basis
    source: str
    grade: str
    """P the text of the law was read; R reported by others; U recalled, unverified; H a rule of the house."""
    redemption_source: str
    redemption_grade: str
    not_looked_at: str | None = None
    """What else may be the law of getting a thing back, of which nothing was read: every quote says so."""

    @property
    def name(self) -> str:
        """Key and version, as a sale keeps it."""
        return f"{self.key}@{self.version}"


class SecuredLoan(NamedTuple):
    """What the thing secures. `limit_minor`: the most of it; None: all."""

    loan_id: str
    rank: int
    owed: Split
    limit_minor: int | None = None


class OutsideClaim(NamedTuple):
    """What somebody else may take from the proceeds."""

    rank: int
    amount_minor: int


class LoanShare(NamedTuple):
    """What a loan gets of the proceeds, and what is still owed on it."""

    loan_id: str
    paid: Split
    left: Split


@dataclass(frozen=True, slots=True)
class Division:
    """Proceeds, divided. `costs_minor + loans' paid + claims_minor + surplus_minor` is `proceeds_minor`."""

    proceeds_minor: int
    costs_minor: int
    uncovered_costs_minor: int
    """Costs that the proceeds did not reach; they are in no ledger until somebody charges them."""
    loans: tuple[LoanShare, ...]
    claims: tuple[int, ...]
    """What each claim gets, in the order given."""
    surplus_minor: int

    @property
    def shortfall_minor(self) -> int:
        """What stays owed on the loans."""
        return sum(share.left.total for share in self.loans)


def check_sale_move(before: str, after: SaleState) -> None:
    """Refuse a move that no sale makes. Raises ConflictError."""
    if after not in SALE_MOVES[SaleState(before)]:
        raise ConflictError(f"The sale is {before}; it cannot be {after.value} any more.")


def divide_proceeds(
    proceeds_minor: int,
    costs_minor: int,
    loans: Sequence[SecuredLoan],
    claims: Sequence[OutsideClaim],
    order: ProceedsOrder,
) -> Division:
    """Divide what a sale brought. All amounts are minor units of one currency, none below zero."""
    left = proceeds_minor
    costs_paid = 0
    wanted = [_wanted(loan) for loan in loans] + [claim.amount_minor for claim in claims]
    ranks = [loan.rank for loan in loans] + [claim.rank for claim in claims]
    own, others = range(len(loans)), range(len(loans), len(wanted))
    paid = [0] * len(wanted)
    for step in order.steps:
        if step is Step.COSTS:
            costs_paid = min(costs_minor, left)
            left -= costs_paid
            continue
        served = {Step.RANKS: range(len(wanted)), Step.LOANS: own, Step.CLAIMS: others}[step]
        for rank in sorted({ranks[k] for k in served}):
            alike = [k for k in served if ranks[k] == rank]
            for k, part in zip(alike, shared(left, [wanted[k] - paid[k] for k in alike]), strict=True):
                paid[k] += part
                left -= part
    shares = []
    for loan, part in zip(loans, paid, strict=False):
        split = in_order(part, loan.owed, order.components)
        shares.append(LoanShare(loan.loan_id, split, loan.owed.minus(split)))
    return Division(
        proceeds_minor, costs_paid, costs_minor - costs_paid, tuple(shares), tuple(paid[len(loans) :]), left
    )  # fmt: skip


def shared(amount_minor: int, wanted: Sequence[int]) -> list[int]:
    """Share an amount among equals: all that each wants if it is enough, else pro rata, the last cents by largest rest."""
    whole = sum(wanted)
    if amount_minor >= whole:
        return list(wanted)
    parts = [amount_minor * each // whole for each in wanted]
    by_rest = sorted(range(len(wanted)), key=lambda k: (-(amount_minor * wanted[k] % whole), k))
    for k in by_rest[: amount_minor - sum(parts)]:
        parts[k] += 1
    return parts


def in_order(amount_minor: int, owed: Split, components: Iterable[str]) -> Split:
    """Divide what a loan gets over its components in an order, none beyond what is owed of it."""
    found = dict.fromkeys(Split._fields, 0)
    for name in components:
        found[name] = min(amount_minor, getattr(owed, name))
        amount_minor -= found[name]
    return Split(**found)


def _wanted(loan: SecuredLoan) -> int:
    return loan.owed.total if loan.limit_minor is None else min(loan.owed.total, loan.limit_minor)
