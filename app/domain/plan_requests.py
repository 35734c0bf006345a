"""Requests for another plan: what may become of one, and who may say so.

A request whose option is within the lender's limits is offered at once. Else staff decide it, two of them where the option
asks for four eyes. An offer stands until its day is over, or until the loan is another one than it was made for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.actors import same_person
from app.domain.errors import ConflictError, ForbiddenError
from app.domain.permissions import may
from app.domain.plan_options import OptionKind

PLAN_KINDS = (
    OptionKind.CHANGE_DUE_DAY,
    OptionKind.EXTEND,
    OptionKind.LENGTHEN,
    OptionKind.INTEREST_ONLY,
    OptionKind.CATCH_UP,
)
"""Options that make another plan. The others move money: nothing is to be agreed before paying."""

"""Who approves or declines. An agent may ask on a borrower's behalf."""
MOST_APPROVALS = 2


class RequestState(StrEnum):
    """Where a request stands. An accepted one lives on as its arrangement."""

    REQUESTED = "requested"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


MOVES: Mapping[RequestState, frozenset[RequestState]] = {
    RequestState.REQUESTED: frozenset(
        {RequestState.OFFERED, RequestState.DECLINED, RequestState.EXPIRED, RequestState.WITHDRAWN}
    ),
    RequestState.OFFERED: frozenset(
        {RequestState.ACCEPTED, RequestState.DECLINED, RequestState.EXPIRED, RequestState.WITHDRAWN}
    ),
    RequestState.ACCEPTED: frozenset(),
    RequestState.DECLINED: frozenset(),
    RequestState.EXPIRED: frozenset(),
    RequestState.WITHDRAWN: frozenset(),
}
"""What each state may become. Staff decline an offer only before it is accepted."""
WAITING = frozenset(state for state, then in MOVES.items() if then)
"""States in which somebody still has to say something."""

_WORDS = {
    RequestState.REQUESTED: "It still waits for the lender's answer; a notice tells when there is one.",
    RequestState.OFFERED: "It is offered, and waits for the borrower.",
    RequestState.ACCEPTED: "It was accepted, and the new plan holds.",
    RequestState.DECLINED: "It was declined; look at the options again.",
    RequestState.EXPIRED: "Its time is over; look at the options again and ask anew.",
    RequestState.WITHDRAWN: "It was withdrawn; ask anew.",
}


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's decision about a request."""

    staff: str
    approves: bool


def check_move(state: RequestState, to: RequestState) -> None:
    """Refuse what a request in this state can no longer become. Raises ConflictError that says how it stands."""
    if to not in MOVES[state]:
        raise ConflictError(f"The request cannot become {to}. {_WORDS[state]}", {"state": state.value})


def check_may_decide(staff: str, role: str, *, asked_by: str, given: Iterable[Approval]) -> None:
    """Refuse who may not decide about a request: an agent, whoever asked for it, whoever decided before.

    `staff` and `asked_by` as the audit trail names them. Raises ForbiddenError, ConflictError.
    """
    if not may(role, "plans.decide"):
        raise ForbiddenError(f"Your role is {role}; a supervisor, compliance or admin decides about plans. Ask one of them.")
    if same_person(staff, asked_by):
        raise ForbiddenError("You asked for it on the borrower's behalf; another person decides about it.")
    if any(same_person(approval.staff, staff) for approval in given):
        raise ConflictError("You have decided about it before; another person has to.")


def is_approved(needed: int, given: Iterable[Approval]) -> bool:
    """Return whether enough different people approve, and nobody declines."""
    decisions = list(given)
    return all(each.approves for each in decisions) and len({each.staff for each in decisions}) >= needed
