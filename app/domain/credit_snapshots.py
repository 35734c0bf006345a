"""A month of reports to one bureau, frozen: its states, what a report says against a person, and the chain over its rows."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from app.domain.credit_accounts import CreditAccount
from app.domain.credit_bureaus import METRO2
from app.domain.credit_gates import DEFAULT, NEGATIVE, POSITIVE
from app.domain.errors import ConflictError, refused_at
from app.domain.metro2_codes import status_of

MAKING, MADE, APPROVED, DECLINED = "making", "made", "approved", "declined"
FILED, SUBMITTED, ACKNOWLEDGED, REJECTED = "filed", "submitted", "acknowledged", "rejected"
MOVES: Mapping[str, frozenset[str]] = {
    MAKING: frozenset({MADE}),
    MADE: frozenset({APPROVED, DECLINED}),
    APPROVED: frozenset({FILED, DECLINED}),
    FILED: frozenset({FILED, SUBMITTED, DECLINED}),
    SUBMITTED: frozenset({ACKNOWLEDGED, REJECTED}),
    ACKNOWLEDGED: frozenset(),
    REJECTED: frozenset(),
    DECLINED: frozenset(),
}
"""State -> where it may go. A file that has not left may be made again: gates that shut meanwhile leave more out."""
STATES = tuple(MOVES)
FURNISHED = (SUBMITTED, ACKNOWLEDGED)
"""States in which the bureau has it."""
UNSENT = (MAKING, MADE, APPROVED, FILED)

NOT_ENROLLED, NOT_REPORTED_HERE, ENDED_UNCLEAR, INCOMPLETE, DELETED = (
    "NOT_ENROLLED", "NOT_REPORTED_HERE", "ENDED_UNCLEAR", "INCOMPLETE", "DELETED",
)  # fmt: skip
"""Reasons beside those of the gates: nobody enrolled it (as what it is now); the lender reports only what is late; the core
closed it and does not say how; the format wants what is not known; it was taken out and is never told again."""
DISPUTE_MARK_CHANGED = "DISPUTE_MARK_CHANGED"
"""Of an omission: disputed, or answered, since it was frozen; the next month carries the mark."""
CORRECTED_SINCE = "CORRECTED_SINCE"
"""Of an omission: what it tells of earlier months was put right since the freezing began; the next month tells it right."""

_ADVERSE = {True: frozenset("123456GHJKL"), False: frozenset("1234567BDGZ")}
_UNTOLD = {True: "D", False: "#"}
_NEVER = {True: frozenset("BD"), False: frozenset("#*")}


def check_move(state: str, to: str) -> None:
    """Refuse a step that a snapshot cannot take. Raises ConflictError."""
    if to not in MOVES[state]:
        raise ConflictError(f"The snapshot is {state}; it cannot become {to}.")


def check_as_of(as_of: date, today: date, *, month_end: date) -> None:
    """Refuse a day that is not over, or is not a month's last. Raises ValidationError."""
    if as_of != month_end:
        raise refused_at("/as_of", f"A snapshot is of a month's last day: {month_end.isoformat()}, say.")
    if as_of >= today:
        raise refused_at("/as_of", "The day is not over yet.")


def kind_of(account: CreditAccount, form: str, enrolled_as: str | None) -> str:
    """Return what the account says of the person in this format: positive, negative, or the default it is enrolled as.

    Metro 2 knows lateness from 30 days on; a PBOC report shows it from the first day.
    """
    is_against = account.is_derogatory or (form != METRO2 and account.is_overdue)
    if not is_against:
        return POSITIVE
    return DEFAULT if enrolled_as == DEFAULT else NEGATIVE


def status_told(account: CreditAccount, form: str) -> str:
    """Return the status by which the format tells the account: Metro 2's account status, or the month's code."""
    return status_of(account)[0] if form == METRO2 else account.month_codes[:1]


def history_told(account: CreditAccount, form: str) -> str:
    """Return the months that the format shows, newest first."""
    return account.history if form == METRO2 else account.month_codes


def without_untold(account: CreditAccount, *, is_negative: bool) -> CreditAccount:
    """Return an account that is reported for the first time without what nobody was told of before.

    Its history is worked out from the ledger; the notice was of the run of arrears that goes on, so months against the
    person before that run are said to be not known.
    """
    history = _masked(account.history, is_metro2=True, keep_run=is_negative)
    codes = account.month_codes[:1] + _masked(account.month_codes[1:], is_metro2=False, keep_run=is_negative)
    if (history, codes) == (account.history, account.month_codes):
        return account
    return replace(account, history=history, month_codes=codes)


def _masked(months: str, *, is_metro2: bool, keep_run: bool) -> str:
    adverse = _ADVERSE[is_metro2]
    told = months.rstrip("B") if is_metro2 else months
    run = 0
    while keep_run and run < len(told) and told[run] in adverse:
        run += 1
    rest = "".join(_UNTOLD[is_metro2] if code in adverse else code for code in told[run:])
    return (told[:run] + rest).ljust(len(months), "B")


def mended(told: str, anew: str, *, is_metro2: bool) -> str:
    """Return a history put right: months that were told get what the ledger says now, those never told stay so."""
    never = _NEVER[is_metro2]
    whole = anew.ljust(len(told), _UNTOLD[is_metro2])
    return "".join(code if code in never else now for code, now in zip(told, whole, strict=False))


def is_worse(before: CreditAccount, after: CreditAccount) -> bool:
    """Return whether anything that `after` tells is worse for the person than `before` was: now, or in any month told."""
    first, was = after.first_delinquent_on, before.first_delinquent_on
    if first is not None and (was is None or first < was):
        return True
    amounts = ("days_past_due", "overdue_minor", "past_due_minor", "charge_off_minor", "written_off_minor")
    if any(getattr(after, name) > getattr(before, name) for name in amounts):
        return True
    told = [(_ADVERSE[True], *months) for months in zip(before.history, after.history, strict=False)]
    told += [(_ADVERSE[False], *months) for months in zip(before.month_codes, after.month_codes, strict=False)]
    return any(now in adverse and (was not in adverse or now > was) for adverse, was, now in told)


def chained(before: str, told: bytes) -> str:
    """Return the hash of a row chained to the one before it (the empty text for the first).

    `told` is what of the row never changes: compact JSON with sorted keys in UTF-8, days in ISO form.
    """
    return hashlib.sha256(b"%b\n%b" % (before.encode(), told)).hexdigest()


def added(counts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return counts with more rows: furnished, withheld, and both by what decided."""
    found: dict[str, Any] = {
        "furnished": counts.get("furnished", 0), "withheld": counts.get("withheld", 0),
        **{name: dict(counts.get(name, {})) for name in ("by_kind", "by_status", "by_reason", "by_mark")},
    }  # fmt: skip
    for row in rows:
        is_furnished = row["reason"] is None
        found["furnished" if is_furnished else "withheld"] += 1
        told = (
            {"by_kind": row["kind"], "by_status": row["status"], "by_mark": row["mark"]}
            if is_furnished
            else {"by_reason": row["reason"]}
        )
        for name, value in told.items():
            if value:
                found[name][value] = found[name].get(value, 0) + 1
    return found
