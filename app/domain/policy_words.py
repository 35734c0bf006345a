"""Words of the policy language that are lists of names, and how its durations and times of day are read."""

import re
from collections.abc import Iterable, Mapping
from datetime import time, timedelta
from difflib import get_close_matches

from app.domain.holds import ALWAYS_STOP, HOLD_REASONS

TEMPLATES: Mapping[str, str] = {
    "due_soon": "an instalment is coming up",
    "due_today": "an instalment is due today",
    "promise_due_soon": "the day of a promise to pay is coming up",
    "promise_due_today": "what was promised is to be paid today",
    "overdue_early": "an instalment is past due, said in a friendly way, a part payment welcome",
    "overdue_help": "past due for longer: help, a plan, a promise, a person",
    "overdue_options": "past due: the ways forward, one by one",
    "final_help": "the last message of the program: where help is to be had",
    "statutory_arrears_notice": "the notice of arrears that a law demands",
    "letter_arrears": "letter about arrears",
    "letter_repayment": "repayment letter",
    "letter_collateral": "letter about what is pledged",
    "letter_register": "notice before a register",
    "letter_negative_info": "notice before credit reporting",
    "negative_info": "notice before credit reporting, short",
    "letter_validation": "validation notice of a debt collector",
    "letter_default_registration": "notice before a default is registered",
    "letter_default": "default notice",
    "restructure_offer": "offer of another plan",
}
"""Template -> what it says. Texts by locale and channel are in content/messages."""

STOP_ALIASES: Mapping[str, str] = {
    "in_flight": "payment_in_flight",
    "bankruptcy": "insolvent",
    "no_contact_request": "cease_contact",
}
"""Other names of kinds of holds that `stop_on` takes."""
STOP_CONDITIONS = frozenset({"paid", "written_off", "autopay_expected"})
"""What `stop_on` may name that is no hold; the first two always stop."""
STOP_WORDS = frozenset(HOLD_REASONS) | frozenset(STOP_ALIASES) | STOP_CONDITIONS
ALWAYS_STOPPING = ALWAYS_STOP | {"paid", "written_off"}
"""What stops whether `stop_on` names it or not."""

_DURATION = re.compile(r"P(?=[0-9T])(?:([0-9]{1,3})D)?(?:T(?=[0-9])(?:([0-9]{1,4})H)?(?:([0-9]{1,4})M)?)?", re.ASCII)


def read_duration(text: str) -> timedelta:
    """Return an ISO 8601 duration of days, hours and minutes, like PT10H or P3D. Raises ValueError for another."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration like PT10H or P3D.")
    days, hours, minutes = (int(each or 0) for each in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def told_duration(duration: timedelta) -> str:
    """Return a duration in words: 1 day 4 h."""
    minutes = int(duration.total_seconds()) // 60
    parts = [(minutes // 1440, "day" if minutes // 1440 == 1 else "days"), (minutes // 60 % 24, "h"), (minutes % 60, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 min"


def told_time(wall: time) -> str:
    """Return a time of day as the language writes it."""
    return f"{wall:%H:%M}"


def told_offset(days: int) -> str:
    """Return where a step lies by the due date, in words."""
    if days == 0:
        return "on the due date"
    return f"{abs(days)} day{'' if abs(days) == 1 else 's'} {'before' if days < 0 else 'after'} the due date"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known name, or nothing."""
    return "".join(f"; did you mean {near!r}?" for near in get_close_matches(str(name), sorted(known), 1))


def pointer_to(*keys: str | int) -> str:
    """Return the RFC 6901 pointer to a place in a document."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)
