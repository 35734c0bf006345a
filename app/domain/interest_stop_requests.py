"""A stop of interest that a person puts, ends or takes back: asked for by one, decided by another."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from app.domain.actors import same_person
from app.domain.errors import ConflictError, ForbiddenError, refused_at


class StopAct(StrEnum):
    """What is asked for."""

    PUT = "put"
    END = "end"
    """It ends, or ends on another day."""
    WITHDRAW = "withdraw"
    """It never was, which owes the interest again."""


class RequestState(StrEnum):
    """Where a request is."""

    WAITING = "waiting"
    DONE = "done"
    DECLINED = "declined"


MOVES: Mapping[RequestState, frozenset[RequestState]] = {
    RequestState.WAITING: frozenset({RequestState.DONE, RequestState.DECLINED}),
    RequestState.DONE: frozenset(),
    RequestState.DECLINED: frozenset(),
}


class WishedStop(NamedTuple):
    """What is asked for. `stop_id`: of `end` and `withdraw`; the days, the scope and the rule: of `put`.

    `from_on`: first day that bears no interest; `until_on`: first day that bears it again, None: no end is known.
    """

    loan_no: str
    act: StopAct
    reason: str
    stop_id: str | None = None
    from_on: date | None = None
    until_on: date | None = None
    scope: str | None = None
    rule: str | None = None

    def check(self) -> None:
        """Refuse what is incomplete. Raises ValidationError."""
        wanted: tuple[str, ...] = ("stop_id",)
        if self.act is StopAct.PUT:
            wanted = ("from_on", "scope", "rule")
        elif self.act is StopAct.END:
            wanted = ("stop_id", "until_on")
        for name in wanted:
            if getattr(self, name) is None:
                raise refused_at(f"/{name}", f"{name} is missing.")


def check_move(before: str, after: RequestState) -> None:
    """Refuse a step that skips. Raises ConflictError."""
    if after not in MOVES[RequestState(before)]:
        raise ConflictError(f"The request is {before}; it cannot become {after.value}.")


def check_second(asked_by: str, by: str) -> None:
    """Refuse a decision of who asked. Raises ForbiddenError."""
    if same_person(asked_by, by):
        raise ForbiddenError("You asked for it; somebody else has to decide.")
