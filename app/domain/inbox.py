"""The inbox's words: categories, actions, marks on their own axes, and states that only grow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

Mark = Literal["seen", "read", "unread", "archive", "unarchive", "snooze", "unsnooze", "click"]
BULK_MARKS: Mapping[str, Mark] = {"seen": "seen", "read": "read", "archived": "archive"}
"""What many messages can be marked as at once."""
LONGEST_SNOOZE = timedelta(days=90)

CATEGORIES = (
    "due_soon", "due_today", "overdue", "help", "options", "notice", "agreements", "requests", "payments", "account",
    "conversation", "other",
)  # fmt: skip
"""Closed and stable: an app has an icon for each."""
CATEGORY_OF_TEMPLATE: Mapping[str, str] = {
    "due_soon": "due_soon",
    "due_today": "due_today",
    "promise_due_soon": "due_soon",
    "promise_due_today": "due_today",
    "overdue_early": "overdue",
    "overdue_help": "help",
    "final_help": "help",
    "overdue_options": "options",
    "restructure_offer": "options",
    "statutory_arrears_notice": "notice",
    "letter_arrears": "notice",
    **dict.fromkeys(
        (
            "letter_repayment",
            "letter_collateral",
            "letter_register",
            "letter_negative_info",
            "negative_info",
            "letter_validation",
            "letter_default_registration",
            "letter_default",
        ),
        "notice",
    ),
}
CATEGORY_OF_CLASS: Mapping[str, str] = {
    "reminder": "due_soon",
    "collection": "overdue",
    "statutory": "notice",
    "servicing": "account",
    "support": "conversation",
}
"""For templates of a lender's own."""
CATEGORY_OF_PREFIX: Mapping[str, str] = {
    "promise_": "agreements",
    "arrangement_": "agreements",
    "plan_": "agreements",
    "dispute_": "requests",
    "hardship_": "requests",
    "payment_": "payments",
    "refund_": "payments",
    "mandate_": "payments",
    "waiver_": "payments",
    "collateral_": "agreements",
    "charges_": "payments",
    "contact_change_": "account",
    "sessions_": "account",
    "platform_": "account",
    "register_": "requests",
    "conversation_": "conversation",
}
"""First letters of a template of class `servicing` -> its category: notices of what became of something."""
NEEDS_ACTION = frozenset({"due_today", "overdue", "help", "options", "notice"})
"""Categories that ask the borrower to do something, until it is settled."""

ACTIONS = ("pay", "see_plan", "see_options", "get_help", "reply")
"""Closed: an app knows what to do for each."""
_ACTIONS_OF: Mapping[str, tuple[str, ...]] = {
    "due_soon": ("pay", "see_plan"),
    "due_today": ("pay", "get_help"),
    "overdue": ("pay", "get_help", "see_plan", "reply"),
    "help": ("get_help", "pay", "see_plan", "reply"),
    "options": ("see_options", "get_help", "pay", "reply"),
    "notice": ("get_help", "see_plan", "reply"),
    "agreements": ("see_plan", "pay", "get_help", "reply"),
    "requests": ("reply", "get_help"),
    "payments": ("see_plan", "reply"),
    "account": ("see_plan", "reply"),
    "conversation": ("reply",),
    "other": ("reply",),
}
_WHEN_SETTLED = ("see_plan", "reply")
"""What is still of use once the debt a message speaks of is paid."""

_COUNT_BITS = 32
_FIRST_HOUR = datetime(2026, 1, 1, tzinfo=UTC)


class Subject(NamedTuple):
    """An instalment a message is about."""

    loan_id: str
    row_no: int


@dataclass(frozen=True, slots=True)
class Engagement:
    """What a borrower has done with a message: each its own axis, and none of them delivery."""

    seen_at: datetime | None = None
    read_at: datetime | None = None
    archived_at: datetime | None = None
    snoozed_until: datetime | None = None
    clicked_at: datetime | None = None
    replied_at: datetime | None = None


def category_of(template: str, message_class: str) -> str:
    """Return one of CATEGORIES."""
    if template in CATEGORY_OF_TEMPLATE:
        return CATEGORY_OF_TEMPLATE[template]
    if message_class == "servicing":
        found = next((CATEGORY_OF_PREFIX[each] for each in CATEGORY_OF_PREFIX if template.startswith(each)), None)
        if found is not None:
            return found
    return CATEGORY_OF_CLASS.get(message_class, "other")


def actions_of(category: str, *, is_settled: bool) -> tuple[str, ...]:
    """Return the actions offered with a message, the first the likeliest."""
    actions = _ACTIONS_OF[category]
    return tuple(action for action in actions if action in _WHEN_SETTLED) if is_settled else actions


def marked(had: Engagement, mark: Mark, *, now: datetime, until: datetime | None = None) -> Engagement:
    """Return what a mark makes of a message; the same again changes nothing, and `had` is returned.

    What was read was seen, and stays so when it is unread again. A message lies in one place: the list, the archive, or
    aside until its time (`until`, of a snooze).
    """
    if mark == "seen":
        return replace(had, seen_at=had.seen_at or now)
    if mark == "read":
        return replace(had, seen_at=had.seen_at or now, read_at=had.read_at or now)
    if mark == "click":
        return replace(had, seen_at=had.seen_at or now, read_at=had.read_at or now, clicked_at=had.clicked_at or now)
    if mark == "unread":
        return replace(had, read_at=None)
    if mark == "archive":
        return replace(had, archived_at=had.archived_at or now, snoozed_until=None)
    if mark == "unarchive":
        return replace(had, archived_at=None)
    if mark == "unsnooze":
        return replace(had, snoozed_until=None)
    assert until is not None
    return replace(had, snoozed_until=until, archived_at=None)


def place_of(about: Sequence[Subject]) -> str:
    """Return where the app goes when a message is opened; ids only, no personal data."""
    loans = {subject.loan_id for subject in about}
    if len(about) == 1:
        return f"duecourse://loans/{about[0].loan_id}/instalments/{about[0].row_no}"
    return f"duecourse://loans/{loans.pop()}" if len(loans) == 1 else "duecourse://due"


def action_place(action: str, message_id: str, about: Sequence[Subject], *, loan_id: str | None = None) -> str:
    """Return where the app goes for an action. Of several loans the list of all that is due is the place.

    `loan_id`: of a message about a loan and no instalment of it.
    """
    loans = {subject.loan_id for subject in about} or {each for each in (loan_id,) if each is not None}
    loan = f"duecourse://loans/{loans.pop()}" if len(loans) == 1 else None
    if action == "pay":
        return f"{loan}/pay" if loan else "duecourse://due"
    if action == "see_plan":
        return f"{loan}/schedule" if loan else "duecourse://due"
    if action == "see_options":
        return f"{loan}/options" if loan else "duecourse://help"
    return "duecourse://help" if action == "get_help" else f"duecourse://conversations/new?message={message_id}"


def is_known(state: int, current: int) -> bool:
    """Return whether what changed since `state` can be told: it is no later than `current`, and of the same line.

    A state is a count of changes in a line. A new line begins where changes were lost (`next_line`): what a device holds
    from before cannot be carried on from, and is loaded anew.
    """
    return state <= current and state >> _COUNT_BITS == current >> _COUNT_BITS


def next_line(current: int, at: datetime) -> int:
    """Return the first state of a new line, later than `current` and than any line begun in an earlier hour.

    The hours make two restores of the same backup differ.
    """
    hours = (at - _FIRST_HOUR) // timedelta(hours=1)
    return max((current >> _COUNT_BITS) + 1, hours) << _COUNT_BITS
