"""What a hold may say when it is put: which kinds are open, which must end, who may put and who may release them."""

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from app.domain.book import check_text
from app.domain.errors import ConflictError, ForbiddenError, refused_at
from app.domain.holds import BREATHING_SPACE_DAYS, HOLD_REASONS
from app.domain.permissions import may
from app.domain.times import business_date, local_instant, rfc3339

KINDS = tuple(sorted(HOLD_REASONS))
FORMS = ("written", "electronic", "oral")

OPEN_KINDS = frozenset({"deceased", "insolvent", "represented", "cease_contact"})
"""Kinds that no day ends: they stand until somebody releases them."""

ENDING_KINDS = frozenset({"promise_to_pay", "payment_in_flight"})
"""Kinds that must say until when: forgotten, they would silence a borrower for ever."""

BORROWER_KINDS = frozenset({"dispute", "hardship", "plan_pending", "cease_contact", "represented"})
"""Kinds that borrowers put by what they tell us; the others need somebody who has seen the proof.

To be left alone needs no proof and counts from receipt (12 CFR 1006.6(c)(1)); that somebody represents them counts until
staff have asked (12 CFR 1006.6(b)(2)): to write past a lawyer cannot be taken back.
"""

SENIOR_KINDS = frozenset(
    {
        "deceased", "insolvent", "represented", "cease_contact", "identity_theft", "breathing_space", "mental_health_crisis",
        "litigation", "staff_excluded",
    }
)  # fmt: skip
"""Kinds that protect by law: an agent may put one, and only senior roles shorten or release it."""


FARTHEST_AHEAD = timedelta(days=366)
FARTHEST_BACK = timedelta(days=3660)
LONGEST = timedelta(days=3660)
"""Bounds that only a slip of the pen passes: a year mistyped would stop or let through reminders for ever."""

_LONGEST_EVIDENCE = 400


@dataclass(frozen=True, slots=True)
class HoldValues:
    """A hold as it is told. `from_at` None: from now. `until_at`: exclusive; None: what the kind says, mostly open."""

    kind: str
    from_at: datetime | None = None
    until_at: datetime | None = None
    loan_no: str | None = None
    """None: all loans of the borrower."""
    form: str | None = None
    evidence: str | None = None
    reference: str | None = None
    """The teller's own number: telling twice makes one hold."""


def completed(values: HoldValues, *, now: datetime, zone: str) -> HoldValues:
    """Return the hold with from and until as they will be kept. `zone`: where its days are counted.

    Raises ValidationError, which names the field and says what to do.
    """
    _check_form(values)
    from_at = values.from_at or now
    if from_at > now + FARTHEST_AHEAD or from_at < now - FARTHEST_BACK:
        raise refused_at("/from", "from is more than a year ahead or ten years back; check the year.")
    return replace(values, from_at=from_at, until_at=until(values.kind, from_at, values.until_at, zone=zone))


def until(kind: str, from_at: datetime, until_at: datetime | None, *, zone: str) -> datetime | None:
    """Return until when a hold of that kind stands, exclusive; None: until it is released. Raises ValidationError.

    A breathing space ends with its 60th day where it is counted, unless told otherwise. Source: SI 2020/1311, reg. 26(2).
    """
    if until_at is None:
        if kind in ENDING_KINDS:
            raise refused_at("/until", f"A hold of kind {kind} needs until: say when it ends.")
        if kind == "breathing_space":
            last_day = business_date(from_at, zone) + timedelta(days=BREATHING_SPACE_DAYS)
            return local_instant(last_day, time(0), zone)
        return None
    if kind in OPEN_KINDS:
        raise refused_at(
            "/until", f"A hold of kind {kind} ends with no day: leave until out, and release it when it is over."
        )
    if until_at <= from_at:
        raise refused_at("/until", "A hold ends after it begins; to end one that stands, release it.")
    if until_at > from_at + LONGEST:
        raise refused_at("/until", "until is more than ten years after from; leave it out for a hold that is open.")
    return until_at


def check_told_again(values: HoldValues, *, kind: str, from_at: datetime, loan_no: str | None) -> None:
    """Refuse another hold under the reference of one that is recorded. Raises ConflictError."""
    for name, told, recorded in (("kind", values.kind, kind), ("loan", values.loan_no or "all", loan_no or "all")):
        if told != recorded:
            raise ConflictError(
                f"This reference is recorded with the {name} {recorded}; release that hold, or use another reference."
            )
    if values.from_at is not None and values.from_at != from_at:
        raise ConflictError(
            f"This reference is recorded from {rfc3339(from_at)}; release that hold, or use another reference."
        )


def check_may_put(kind: str, *, by_borrower: bool) -> None:
    """Refuse a kind that a borrower's word alone does not make. Raises ForbiddenError."""
    if by_borrower and kind not in BORROWER_KINDS:
        raise ForbiddenError(
            f"A borrower puts {', '.join(sorted(BORROWER_KINDS))}; write to the lender about anything else."
        )


def check_may_lift(kind: str, role: str | None) -> None:
    """Refuse to shorten or release what protects by law for who is not senior; `role` None: no person but the core."""
    if role is not None and kind in SENIOR_KINDS and not may(role, "holds.release_protecting"):
        raise ForbiddenError(
            f"A hold of kind {kind} protects by law: a supervisor, compliance or admin shortens or releases it."
        )


def _check_form(values: HoldValues) -> None:
    if values.kind not in HOLD_REASONS:
        raise refused_at("/kind", f"kind is not one of {', '.join(KINDS)}.")
    if values.form is not None and values.form not in FORMS:
        raise refused_at("/form", f"form is not one of {', '.join(FORMS)}.")
    for name, text, most in (("evidence", values.evidence, _LONGEST_EVIDENCE), ("reference", values.reference, 64)):
        if text is not None:
            if not text.strip():
                raise refused_at(f"/{name}", f"{name} is empty; leave it out instead.")
            check_text(name, text, most)
