"""Facts by the law packs' words, made of what the book knows: of a person, and of a loan at a moment."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol

from app.domain.cases import Attempt, ConsentFact, OptOut, Wish
from app.domain.holds import LAW_KINDS, Hold
from app.domain.splits import Split

_DEFAULT_SUM = "default_sum"
_MONTH_DAYS = 28
"""Payments that far apart are monthly: the vocabulary has no interval of days for those."""

_LICENCE_WORDS = {"microloan": "micro_loan", "unstated": None}
"""Licence kinds whose name in the law packs is another."""


def licence_word(licence_kind: str | None) -> str | None:
    """Return the law packs' word for a lender's licence; None: not known."""
    return None if licence_kind is None else _LICENCE_WORDS.get(licence_kind, licence_kind)


class Person(Protocol):
    """What is known of a borrower; a `Case` has it."""

    @property
    def holds(self) -> Sequence[Hold]: ...  # noqa: D102
    @property
    def consents(self) -> Sequence[ConsentFact]: ...  # noqa: D102
    @property
    def opt_outs(self) -> Sequence[OptOut]: ...  # noqa: D102
    @property
    def wishes(self) -> Sequence[Wish]: ...  # noqa: D102


def person_facts(person: Person, attempts: Iterable[Attempt], loan_id: str | None, now: datetime) -> dict[str, Any]:
    """Return contacts, holds, disputes, consents, opt-outs and wishes, of one loan and of all; known at `now`."""
    holds = [hold for hold in person.holds if hold.recorded_at <= now and hold.loan_id in (None, loan_id)]
    return {
        "contact_attempts": [_attempt(attempt) for attempt in attempts],
        "holds": [_hold(hold) for hold in holds if hold.kind in LAW_KINDS],
        "disputes": [_dispute(hold) for hold in holds if hold.kind == "dispute"],
        "consents": [
            {"purpose": consent.purpose, "channel": consent.channel, "form": consent.form, "number": None,
             "given_at": consent.given_at, "withdrawn_at": consent.withdrawn_at}
            for consent in person.consents
        ],
        "opt_outs": [
            {"channel": each.channel, "scope": "all", "received_at": each.received_at, "form": each.form}
            for each in person.opt_outs
        ],
        "contact_preferences": [
            {"kind": wish.kind, "from": wish.from_time, "to": wish.until_time, "channel": wish.channel,
             "place": wish.place, "by": "borrower", "recorded_at": wish.recorded_at, "evidence": wish.evidence}
            for wish in person.wishes
        ],
    }  # fmt: skip


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {"at": attempt.at, "channel": attempt.channel, "direction": attempt.direction, "outcome": attempt.outcome,
            "debt": attempt.debt, "number": None, "occurrence": None}  # fmt: skip


def _hold(hold: Hold) -> dict[str, Any]:
    ends = [at for at in (hold.until_at, hold.released_at) if at is not None]
    return {"kind": hold.kind, "from": hold.from_at, "until": min(ends, default=None), "form": hold.form, "by": None}


def _dispute(hold: Hold) -> dict[str, Any]:
    ends = [at for at in (hold.until_at, hold.released_at) if at is not None]
    return {"ground": "amount", "received_at": hold.from_at, "written": hold.form in ("written", "electronic"),
            "disputed_minor": None, "resolved_at": min(ends, default=None), "outcome": None}  # fmt: skip


class RowState(Protocol):
    """A row of the plan that holds, at the end of a day."""

    @property
    def row_no(self) -> int: ...  # noqa: D102
    @property
    def due_on(self) -> date: ...  # noqa: D102
    @property
    def due(self) -> Split: ...  # noqa: D102
    @property
    def open(self) -> Split: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Levied:
    """A charge in the ledger."""

    charged_on: date
    amount_minor: int
    row_no: int | None


@dataclass(frozen=True, slots=True)
class SentNotice:
    """A notice of law that was sent."""

    kind: str
    channel: str
    sent_at: datetime
    loan_id: str | None


@dataclass(frozen=True, slots=True)
class LoanState:
    """A loan at the end of `today`, by its own zone."""

    loan_id: str
    status: str
    currency: str
    lender_role: str | None
    licence_kind: str | None
    product_kind: str | None
    signed_on: date | None
    principal_minor: int | None
    outstanding_minor: int
    rows: Sequence[RowState]
    """Of the plan that holds, by due date."""
    charges: Sequence[Levied]
    last_payment_on: date | None
    settled_on: date | None
    first_contact_on: date | None
    today: date


def loan_facts(loan: LoanState) -> dict[str, Any]:
    """Return what a loan says of itself. What nobody knows is left out, so that it means what the vocabulary says."""
    due = [row for row in loan.rows if row.due_on <= loan.today]
    unpaid = [row for row in due if _without_penalties(row.open) > 0]
    late = [row for row in unpaid if row.due_on < loan.today]
    overdue_minor = sum(_without_penalties(row.open) for row in late)
    events = []
    if loan.settled_on is not None:
        events.append(_event("paid_in_full", loan.settled_on))
    if loan.first_contact_on is not None:
        events.append(_event("initial_communication", loan.first_contact_on))
    known: dict[str, Any] = {
        "lender_role": loan.lender_role,
        "licence_kind": loan.licence_kind,
        "product_kind": loan.product_kind,
    }
    return {name: value for name, value in known.items() if value is not None} | {
        "debt": loan.loan_id,
        "currency": loan.currency,
        "stage": _stage(loan, is_late=bool(late), is_due=bool(unpaid)),
        "position": {
            "outstanding_minor": loan.outstanding_minor,
            "overdue_minor": overdue_minor,
            "default_sums_minor": sum(row.open.penalties for row in due),
            "missed_payments": len(late),
            "oldest_unpaid_due_on": unpaid[0].due_on if unpaid else None,
            "last_payment_on": loan.last_payment_on,
            "settled_on": loan.settled_on,
        },
        "contract": _contract(loan),
        "instalments": [
            {"due_on": row.due_on, "due_minor": _without_penalties(row.due), "paid_minor": _paid(row)} for row in due
        ],
        "fees": [
            {"kind": _DEFAULT_SUM, "amount_minor": each.amount_minor, "charged_on": each.charged_on,
             "instalment_no": each.row_no}
            for each in loan.charges
        ],
        "events": events,
    }  # fmt: skip


def _contract(loan: LoanState) -> dict[str, Any]:
    ends_on = loan.rows[-1].due_on if loan.rows else None
    return {
        "signed_on": loan.signed_on,
        "ends_on": ends_on,
        "months_left": None if ends_on is None else _months(loan.today, ends_on),
        "disbursed_minor": loan.principal_minor,
        "payment_interval_days": _interval([row.due_on for row in loan.rows]),
    }


def _interval(dates: Sequence[date]) -> int | None:
    """Return the usual days between payments; None where they are a month or more apart."""
    gaps = Counter((later - earlier) // timedelta(days=1) for earlier, later in pairwise(dates))
    usual = max(gaps, key=lambda gap: (gaps[gap], -gap), default=None)
    return usual if usual is not None and 0 < usual < _MONTH_DAYS else None


def _months(start: date, end: date) -> int:
    """Return the whole months between two days; 0 when the end is past."""
    whole = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    return max(whole, 0)


def _stage(loan: LoanState, *, is_late: bool, is_due: bool) -> str:
    if loan.settled_on is not None:
        return "settled"
    if loan.status == "written_off":
        return "written_off"
    return "overdue" if is_late else "due" if is_due else "upcoming"


def _without_penalties(split: Split) -> int:
    return split.principal + split.interest + split.fees


def _paid(row: RowState) -> int:
    return max(_without_penalties(row.due) - _without_penalties(row.open), 0)


def _event(kind: str, on: date) -> dict[str, Any]:
    return {"kind": kind, "on": on}
