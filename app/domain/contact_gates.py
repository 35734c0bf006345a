"""A contact that a person is about to make, and everything that stands in its way: the law, the person, the policy.

What stands by law, or is the person's own (a hold, a flag, a wish, a refused consent), nobody overrides. A cap or an hour of
the policy alone may be overridden by who has the permission, with a reason that is written down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from app.domain.cases import LoanFacts, Subject
from app.domain.holds import ALWAYS_STOP
from app.domain.notices import NOTHING_TOLD, ONLY_ANSWERED
from app.domain.reasons import Reason
from app.domain.reply_windows import ReplyWindow

LAW, PERSON, POLICY = "law", "person", "policy"
CHANNELS = ("push", "in_app", "sms", "email", "wechat", "voice", "letter", "visit")
CLASSES = ("reminder", "collection", "servicing", "support", "statutory")
DEMANDS = frozenset({"reminder", "collection"})
"""Classes that ask for money."""
PLACES = ("home", "workplace", "hospital", "school", "elsewhere")
WAITS_TO_BE_OPENED = frozenset({"in_app"})
"""Reaches out to nobody: no cap counts it, and the policy's hours and the borrower's do not speak of it."""
NOT_READ_AT_ONCE = WAITS_TO_BE_OPENED | {"letter"}
"""Channels for which only the law's own hours count."""
STOPS_NEWS = NOTHING_TOLD | ONLY_ANSWERED | {"insolvent", "staff_excluded"}
"""Kinds of holds under which we do not begin to speak, also where it asks for nothing."""


@dataclass(frozen=True, slots=True)
class ContactAsked:
    """What is about to happen. `loan_ids` empty: about all loans of the lender."""

    channel: str
    """sms, email, push, in_app, wechat, voice (dialled by a person), letter, visit."""
    message_class: str = "collection"
    """reminder, collection, servicing, support, statutory."""
    loan_ids: tuple[str, ...] = ()
    is_reply: bool = False
    """In a thread that the borrower keeps open: free of caps on how often, never of the law."""
    text: str | None = None
    """What it will say, where that is free text."""
    title: str = ""
    """Of free text that has one: the subject of an e-mail."""
    template: str | None = None
    """Of the catalogue, where it says what a template says."""
    locale: str | None = None
    """In which words; None: the borrower's own."""
    replies_sent: int = 0
    """Of a reply: answers that were given already to the borrower's last word on that channel."""
    window: ReplyWindow | None = None
    """Of a reply: what the channel's platform leaves for answers; None: it sets no window."""
    place: str | None = None
    """Of a visit: home, workplace, hospital, school, elsewhere."""


@dataclass(frozen=True, slots=True)
class Block:
    """One thing in the way. `until`: when it ends, where that is known."""

    layer: str
    reason: str
    """A code of docs/reasons.md."""
    rule: str | None
    sentence: str
    """In the asked locale."""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What is left under one cap. `left` None: the cap counts nothing here."""

    cap: str
    layer: str
    left: int | None
    most: int
    resets_at: datetime | None
    sentence: str


@dataclass(frozen=True, slots=True)
class ContactAnswer:
    """What stands in the way now, and when it may be: hours are those of law and policy in every known zone."""

    blocks: tuple[Block, ...]
    room: tuple[Room, ...] = ()
    zones: tuple[str, ...] = ()
    opens_at: datetime | None = None
    """When hours allow it next; None: now, or never."""
    closes_at: datetime | None = None
    """Until when hours allow it, if they do now."""
    message_class: str = "collection"
    """The class it is, by where the debt stands: what is past due is collected, what is not is reminded of."""
    takes_place: bool = False
    """Whether it takes a place under the daily cap of the policy."""

    @property
    def may_happen(self) -> bool:
        """Nothing stands in its way."""
        return not self.blocks

    @property
    def may_be_overridden(self) -> bool:
        """Only the policy stands in its way."""
        return bool(self.blocks) and all(block.layer == POLICY for block in self.blocks)


@dataclass(frozen=True, slots=True)
class LoanNow:
    """A loan as a contact may be about it. `rows`: what is open of it, by due date; empty: nothing."""

    loan_id: str
    loan_no: str
    lender_id: str
    lender_zone: str
    currency: str
    facts: LoanFacts
    rows: tuple[Subject, ...] = ()
    ended: Reason | None = None
    """Why it is reminded of no more although money may be open: written off, closed, cancelled."""

    def stage(self, today: date) -> str:
        """Return where the debt stands, by the law packs' word."""
        if not self.rows:
            return "settled"
        if self.ended is Reason.WRITTEN_OFF:
            return "written_off"
        first = self.rows[0].due_on
        return "overdue" if first < today else "due" if first == today else "upcoming"

    def subject(self, today: date) -> Subject:
        """Return what a word about the loan is about: its oldest open row, with all that is past due; or the bare loan."""
        if not self.rows:
            return Subject(
                f"{self.loan_id}/0", self.loan_id, self.loan_no, self.lender_zone, 0, 0, today, 0, self.currency,
                _LONG_AGO, loan=self.facts,
            )  # fmt: skip
        late = sum(row.open_minor for row in self.rows if row.due_on < today)
        return replace(self.rows[0], open_minor=late) if late else self.rows[0]


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def class_of(asked: ContactAsked, stage: str, *, speaks_of_debt: bool = False) -> str:
    """Return the class that a contact is of, whatever it is called: as the engine's, by where the debt stands.

    What begins from here and speaks of the debt asks for it. Support answers what the borrower asked; without that it is
    servicing.
    """
    given = asked.message_class
    if given == "statutory" or (asked.is_reply and given not in DEMANDS):
        return given
    if given in DEMANDS or (speaks_of_debt and not asked.is_reply):
        return "reminder" if stage in ("upcoming", "due") else "collection"
    return "servicing"


def takes_place(asked: ContactAsked, message_class: str) -> bool:
    """Return whether a contact takes a place under the policy's daily cap: what people send does, as calls do.

    Not what waits in the app to be opened, what a law demands, and what answers the borrower.
    """
    return not (asked.is_reply or message_class == "statutory" or asked.channel in WAITS_TO_BE_OPENED)


def about(loans: Sequence[LoanNow], asked: ContactAsked) -> list[LoanNow]:
    """Return the loans that a contact is about: those it names; else all that something is open of, else all."""
    if asked.loan_ids:
        return [loan for loan in loans if loan.loan_id in asked.loan_ids]
    return [loan for loan in loans if loan.rows and loan.ended is None] or [loan for loan in loans if loan.rows] or [*loans]


def holds_that_stop(asked: ContactAsked, message_class: str) -> frozenset[str]:
    """Return the kinds of holds that stop a contact which asks for nothing, beside what the law says of it."""
    if asked.is_reply and message_class not in DEMANDS:
        return NOTHING_TOLD
    return STOPS_NEWS if message_class not in DEMANDS else ALWAYS_STOP
