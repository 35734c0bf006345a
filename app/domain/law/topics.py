"""What a stop is about, found from the facts it rests on; it settles which of several blocks is named first.

The order is the README's: the law itself, attorney / moratorium / dispute, recipient, medium, content, cap, hours. No rule
says which it is, so it is derived: a test of hours is about hours, a count about a cap, a list of markers about content;
a row of a table is about the first group below that has a fact the row looks at (a row without a matcher of its own: any
fact of the rows before it, whose failing led there). What rests on none of them is about the law itself.
"""

from collections.abc import Iterable

from app.domain.law.results import Topic

_STANDING = frozenset({"holds", "disputes", "requests", "validation_period_ends_on", "plan", "ongoing_liability"})
_RECIPIENT = frozenset({"recipient", "recipient_place", "visibility", "identity_verified"})
_MEDIUM = frozenset(
    {"opt_outs", "contact_preferences", "consents", "endpoint", "channel", "dial_mode", "inbound_text", "replies_sent"}
)
_CONTENT = frozenset(
    {
        "content",
        "body",
        "language",
        "disclosure_language",
        "offered_numbers",
        "document",
        "itemisation",
        "cost_statement",
        "pay_by_on",
    }
)
_CAP = frozenset({"contact_attempts", "occurrence", "debit"})
_GROUPS = (
    (_STANDING, Topic.STANDING),
    (_RECIPIENT, Topic.RECIPIENT),
    (_MEDIUM, Topic.MEDIUM),
    (_CONTENT, Topic.CONTENT),
    (_CAP, Topic.CAP),
)


def topic_of(facts: Iterable[str]) -> Topic:
    """Return what a stop is about that rests on these facts."""
    names = frozenset(facts)
    return next((topic for group, topic in _GROUPS if names & group), Topic.LAW)
