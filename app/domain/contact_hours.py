"""A borrower's own hours for contact: a wish that narrows the usual ones and never widens them."""

from dataclasses import dataclass
from datetime import time

from app.domain.errors import QuietHoursError, refused_at
from app.domain.quiet_hours import QuietHours

LEAST_MINUTES = 60
"""A narrower wish would leave no room for a message with its margin: that is a wish for no contact, made by channel."""

WISH_KINDS = ("not_before", "only_between")
"""Kinds of contact preference that say hours and narrow. `also_between` widens, and counts only with evidence."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Wall times where the borrower is; `until_time` exclusive. None: the usual one."""

    from_time: time | None = None
    until_time: time | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """Hours as a contact preference is kept."""

    kind: str
    from_time: time
    until_time: time | None


def usual_hours(quiet: QuietHours) -> Hours:
    """Return the hours outside quiet hours; both None: there are no quiet hours."""
    return Hours() if quiet.start == quiet.end else Hours(quiet.end, quiet.start)


def as_wish(own: Hours, quiet: QuietHours) -> Wish | None:
    """Return own hours as a wish, None for none.

    Raises QuietHoursError for what widens, ValidationError for what cannot be.
    """
    if own.from_time is None and own.until_time is None:
        return None
    usual = usual_hours(quiet)
    begin = own.from_time or usual.from_time or time(0)
    end = own.until_time or usual.until_time
    if end is not None:
        length = _minutes(end) - _minutes(begin)
        if own.until_time is None and length <= 0:
            length += 24 * 60  # the usual hours go past midnight
        if length < LEAST_MINUTES:
            raise refused_at(
                "/contact_until",
                "contact_until must be at least an hour after contact_from, on one day. To get nothing on a channel, switch "
                "it off in your preferences.",
            )
    if _is_quiet(begin, end, quiet):
        said = f"{usual.from_time:%H:%M} and {usual.until_time:%H:%M}"
        raise QuietHoursError(
            f"You can narrow the hours of contact here, not widen them: the usual ones are between {said}. To be contacted "
            "outside them, write to your lender."
        )
    if own.until_time is None:
        return Wish("not_before", begin, None)
    return Wish("only_between", begin, own.until_time)


def own_hours(kind: str | None, from_time: time | None, until_time: time | None) -> Hours:
    """Return the hours that a kept wish says; kind None: there is none."""
    if kind is None:
        return Hours()
    return Hours(from_time, until_time if kind == "only_between" else None)


def _is_quiet(begin: time, end: time | None, quiet: QuietHours) -> bool:
    """Return whether any minute of [begin, end) is quiet; without an end, whether `begin` is."""
    if quiet.start == quiet.end:
        return False
    wraps = quiet.start > quiet.end
    at_begin = (begin >= quiet.start or begin < quiet.end) if wraps else quiet.start <= begin < quiet.end
    return at_begin or (end is not None and begin < quiet.start < end)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute
