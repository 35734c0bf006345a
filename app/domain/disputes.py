"""Disputes, objections to credit reports and complaints: what may be said, what each ground stops, and where a case may go.

Source: 12 CFR 1006.38 and 15 USC 1681s-2 (US), Credit Reporting Regulation arts 25-26 (CN), FCA CONC 7.14 and DISP 1.6 (UK).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.domain.errors import ConflictError, ForbiddenError, ValidationError, refused_at
from app.domain.permissions import may
from app.domain.times import rfc3339

KINDS = ("dispute", "objection", "complaint")
"""dispute: of what is owed; objection: against a credit report; complaint: of how somebody was treated."""
STATES = ("received", "under_review", "upheld", "partly_upheld", "rejected", "withdrawn")
OPEN = ("received", "under_review")
TURNED_DOWN = ("rejected", "withdrawn")
"""Over without the borrower being right: the same again, soon after, stops no reminders by itself."""
OUTCOMES = ("upheld", "partly_upheld", "rejected")
MOVES: Mapping[str, frozenset[str]] = {
    "received": frozenset({"under_review", "upheld", "partly_upheld", "rejected", "withdrawn"}),
    "under_review": frozenset({"upheld", "partly_upheld", "rejected", "withdrawn"}),
    "upheld": frozenset(),
    "partly_upheld": frozenset({"under_review"}),
    "rejected": frozenset({"under_review"}),
    "withdrawn": frozenset(),
}
"""State -> where it may go. An answer that does not content the borrower is reviewed again, once: by escalation alone."""

ESCALATED_TO = ("supervisor", "ombudsman", "regulator")
"""Whom the borrower asked: the lender's own seniors, who look at it again, or a body outside, which we only note."""
"""Who answers what was escalated."""
MOST_OPEN = 10
"""Open cases of one borrower: more are one conversation, not more cases."""
MOST_ATTACHMENTS = 10


@dataclass(frozen=True, slots=True)
class Ground:
    """A reason a borrower gives. `law`: the law packs' word for it; `law_of_part` where only a part is meant."""

    law: str
    questions_debt: bool
    """Whether what is owed may be wrong if the borrower is right: then nobody is reminded of it before the answer."""
    law_of_part: str | None = None


GROUNDS: Mapping[str, Ground] = {
    "not_mine": Ground("identity", True),
    "amount_wrong": Ground("amount", True),
    "already_paid": Ground("nonexistent", True, law_of_part="amount"),
    "time_barred": Ground("nonexistent", True, law_of_part="amount"),
    "identity_theft": Ground("identity", True),
    "mis_sold": Ground("conduct", True),
    "credit_report_wrong": Ground("inaccurate", False),
    "other": Ground("conduct", False),
}
"""The closed list of grounds, by what the law packs make of each (vocabulary `dispute_ground`)."""

UNDER_INVESTIGATION, CONSUMER_DISAGREES, FORMERLY_DISPUTED = "XB", "XC", "XH"
"""Marks on a credit report. Source: Metro 2 compliance condition codes; in China the first is the objection's annotation."""


@dataclass(frozen=True, slots=True)
class DisputeValues:
    """What a borrower says. `amount_minor` None: all that is owed."""

    kind: str
    ground: str
    words: str
    amount_minor: int | None = None
    currency: str | None = None
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerTerm:
    """By when a case is answered: so many calendar days after the day it came. `rule`: of a law pack, if one says so."""

    days: int
    rule: str | None
    source: str
    evidence: str | None
    """How well the text was read; None: a house rule."""

    def due_on(self, received_on: date) -> date:
        """Return the last day in time."""
        return received_on + timedelta(days=self.days)


def check_new(values: DisputeValues, *, currency: str, outstanding_minor: int) -> None:
    """Refuse what cannot be disputed. Raises ValidationError that points at the field."""
    if values.kind not in KINDS:
        raise refused_at("/kind", f"kind is not one of {', '.join(KINDS)}.")
    if values.ground not in GROUNDS:
        raise refused_at("/ground", f"ground is not one of {', '.join(GROUNDS)}.")
    if values.kind == "dispute" and values.ground == "credit_report_wrong":
        raise refused_at("/kind", "A credit report is objected to: send kind objection.")
    if values.amount_minor is None:
        return
    if values.currency != currency:
        raise refused_at("/amount", f"The loan is in {currency}.")
    if not 0 < values.amount_minor <= max(outstanding_minor, 0):
        raise refused_at("/amount", "The amount must be above nothing and at most what is owed; leave it out for all of it.")


def check_move(state: str, to: str) -> None:
    """Refuse a step that a case cannot take. Raises ConflictError that says what can be done instead."""
    if to in MOVES[state]:
        return
    if state in OPEN:
        raise ConflictError("The case is being looked at already; answer it.")
    if state in ("rejected", "partly_upheld"):
        raise ConflictError(f"The case was answered ({state}); who is not content escalates it, once.")
    raise ConflictError(f"The case is over ({state}); open a new one.")


def check_may_answer(role: str, *, is_escalated: bool) -> None:
    """Refuse an answer by who is not senior to a case that was escalated. Raises ForbiddenError."""
    if is_escalated and not may(role, "disputes.answer_escalated"):
        raise ForbiddenError("The case was escalated: a supervisor, compliance or admin answers it.")


def check_answer(outcome: str, *, upheld_minor: int | None, amount_minor: int | None) -> None:
    """Refuse an answer that says less than it must, or more than was asked. Raises ValidationError."""
    if outcome not in OUTCOMES:
        raise refused_at("/outcome", f"outcome is not one of {', '.join(OUTCOMES)}.")
    if upheld_minor is None:
        return
    if outcome != "partly_upheld":
        raise refused_at("/upheld", "Only a case that is partly upheld says how much of it is.")
    if upheld_minor <= 0 or (amount_minor is not None and upheld_minor >= amount_minor):
        raise ValidationError("upheld is not a part of the disputed amount.")


def stops_reminders(kind: str, ground: str) -> bool:
    """Return whether reminders about the loan stop while the case is open.

    What is owed without dispute cannot be told apart from the rest by a message that speaks of the loan's instalments, so
    the whole loan is silent also where only a part is disputed.
    """
    return kind == "dispute" or GROUNDS[ground].questions_debt


def law_facts(
    ground: str, *, amount_minor: int | None, received_at: Any, resolved_at: Any = None, state: str = "received"
) -> dict[str, Any]:
    """Return the case as an element of the fact `disputes`, as JSON writes it. What comes through the app is written."""
    known = GROUNDS[ground]
    word = known.law if amount_minor is None else known.law_of_part or known.law
    facts: dict[str, Any] = {
        "ground": word,
        "received_at": rfc3339(received_at),
        "written": True,
        "disputed_minor": amount_minor,
    }
    if resolved_at is not None:
        facts["resolved_at"] = rfc3339(resolved_at)
        if state in OUTCOMES:
            facts["outcome"] = "verified" if state == "rejected" else "corrected"
    return facts


def request_facts(kind: str, *, received_at: Any, answered_at: Any = None, closed_at: Any = None) -> dict[str, Any]:
    """Return the case as an element of the fact `requests`. `kind`: the law packs' word."""
    facts = {"kind": kind, "received_at": rfc3339(received_at)}
    if answered_at is not None:
        facts["answered_at"] = rfc3339(answered_at)
    if closed_at is not None:
        facts["closed_at"] = rfc3339(closed_at)
    return facts


def mark_of(kind: str, state: str) -> str | None:
    """Return the mark a case puts on the loan's credit report; None: a complaint of conduct puts none."""
    if kind == "complaint":
        return None
    if state in OPEN:
        return UNDER_INVESTIGATION
    return CONSUMER_DISAGREES if state in ("rejected", "partly_upheld") else FORMERLY_DISPUTED
