"""Stops of interest: put where a law asks for them, ended when it does not any more, told to the borrower.

A stop is a fact with dates, known from an instant; the replay takes it as it takes an entry. What the law asks is worked out
with a look at the borrower's duties. Whoever calls holds the borrower's agenda row.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.domain.duties import Duty
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.law.rules import Rule
from app.domain.missed_duties import WantedStop, freezing_rules, frozen_by, given_on, missed_notices
from app.domain.stops import SCOPES, Stop, packed
from app.domain.times import business_date
from app.logs import logger
from app.metrics import INTEREST_STOPS
from app.persistence.ids import new_id
from app.persistence.models.interest_stops import InterestStopRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import find_borrower_nos
from app.persistence.queries.interest_stops import find_holds_of_kinds, find_stop_rows, find_stops
from app.persistence.queries.loans import set_loans
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.law_facts import LoanLaw
from app.services.notices import tell_borrower
from app.services.positions import rebuild_positions
from app.services.webhook_events import announce
from app.wording.variables import Value

_BY = "engine:duties"
_DAY = timedelta(days=1)
HOLD, NOTICE, HAND = "hold", "notice", "hand"
"""First word of an occasion: a hold, a notice that was not given, a person."""


def bring(work: Work, loans: Sequence[LoanLaw], duties: Mapping[str, Sequence[Duty]], *, now: datetime) -> int:
    """Bring the stops of these loans to what the law asks now; return on how many loans something changed.

    `duties`: by loan id, what stands. A notice that was due before the loan was known here stops nothing: whether it was
    given is not known; a person may put such a stop.
    """
    packs = {each.pack.version: each.pack for each in loans}
    freezing = {version: freezing_rules(pack) for version, pack in packs.items()}
    holds = _freezing_holds(work.session, loans, freezing)
    standing: dict[str, list[InterestStopRow]] = defaultdict(list)
    for row in find_stop_rows(work.session, [each.loan.id for each in loans]):
        standing[row.loan_id].append(row)
    changed: list[LoanLaw] = []
    for each in loans:
        today = business_date(now, each.zone)
        known_on = business_date(each.loan.imported_at, each.zone)
        wanted = [
            stop
            for stop in missed_notices(duties.get(each.loan.id, ()), each.facts, today=today, zone=each.zone)
            if stop.from_on > known_on
        ] + frozen_by(holds.get(each.loan.id, ()), freezing[each.pack.version], each.zone)
        if _bring_one(work, each, standing[each.loan.id], wanted, today, now):
            changed.append(each)
    _take_in(work, [each.loan for each in changed], now)
    return len(changed)


def _bring_one(
    work: Work, law: LoanLaw, rows: Iterable[InterestStopRow], wanted: Iterable[WantedStop], today: date, now: datetime
) -> bool:
    asked = {(stop.rule, stop.occasion): stop for stop in wanted}
    changed = False
    for row in rows:
        stop = asked.pop((row.rule, row.occasion), None)
        if stop is None:
            stop = _no_longer_asked(row, law, today)
        if stop is not None and (stop.from_on, stop.until_on, stop.scope) != (row.from_on, row.until_on, row.scope):
            _replace(work, row, stop, by=_BY, now=now)
            changed = True
    for stop in asked.values():
        _add(work, law.loan, stop, by=_BY, now=now)
        changed = True
    return changed


def _no_longer_asked(row: InterestStopRow, law: LoanLaw, today: date) -> WantedStop | None:
    """Return how a stop goes on that no answer of the law names any more: what was not owed stays not owed."""
    kind = row.occasion.partition("/")[0]
    if kind == HAND or row.until_on is not None:
        return None
    given = given_on(law.facts, row.from_on, law.zone) if kind == NOTICE else None
    ends = max(today if given is None else given + _DAY, row.from_on)
    return WantedStop(row.rule, row.occasion, row.from_on, ends, row.scope, row.reason)


def _freezing_holds(
    session: Session, loans: Sequence[LoanLaw], freezing: Mapping[str, Mapping[str, Rule]]
) -> dict[str, list[Any]]:
    """Return loan id -> the holds that may stop its interest; no statement where no pack knows of such."""
    concerned = {each.loan.id: each for each in loans if freezing[each.pack.version]}
    kinds = {kind for each in concerned.values() for kind in freezing[each.pack.version]}
    if not kinds:
        return {}
    found: dict[str, list[Any]] = defaultdict(list)
    for hold in find_holds_of_kinds(session, {each.borrower_id for each in concerned.values()}, kinds):
        for loan_id, each in concerned.items():
            if hold.borrower_id == each.borrower_id and hold.loan_id in (None, loan_id):
                found[loan_id].append(hold)
    return found


# --- by hand -----------------------------------------------------------------------------------------------------------


def check_stop(*, from_on: date, until_on: date | None, scope: str, rule: str, reason: str) -> None:
    """Refuse what cannot be a stop. Raises ValidationError."""
    if scope not in SCOPES:
        raise refused_at("/scope", f"scope is not one of {', '.join(SCOPES)}.")
    if until_on is not None and until_on <= from_on:
        raise refused_at("/until_on", "until_on is the first day that bears interest again: a day after from_on.")
    for name, text, most in (("rule", rule, 40), ("reason", reason, 400)):
        if not text.strip() or len(text) > most:
            raise refused_at(f"/{name}", f"{name} must have 1 to {most} characters.")


def check_standing(work: Work, loan: LoanRow, stop_id: str, *, until_on: date | None, now: datetime) -> None:
    """Refuse to end or take back what does not stand. Raises NotFoundError, ValidationError for a day before it began."""
    row = _standing(work, loan, stop_id, now)
    if until_on is not None:
        _check_end(row, until_on)


def put_stop(
    work: Work,
    loan: LoanRow,
    *,
    from_on: date,
    until_on: date | None,
    scope: str,
    rule: str,
    reason: str,
    by: str,
    now: datetime,
) -> str:
    """Stop interest on a loan by hand, with the rule that asks for it; return the stop's id. Raises ValidationError."""
    check_stop(from_on=from_on, until_on=until_on, scope=scope, rule=rule, reason=reason)
    agenda.touch(work, [loan.borrower_id], now=now)
    stop = WantedStop(rule, f"{HAND}/{from_on}", from_on, until_on, scope, reason)
    known = {(row.rule, row.occasion): row for row in find_stop_rows(work.session, [loan.id])}.get((rule, stop.occasion))
    if known is not None:
        raise ConflictError("A stop by this rule from this day stands already; change or withdraw that one.")
    row = _add(work, loan, stop, by=by, now=now)
    _take_in(work, [loan], now)
    return row.stop_id


def end_stop(work: Work, loan: LoanRow, stop_id: str, *, until_on: date, by: str, now: datetime) -> None:
    """End a stop, or change its end: `until_on` is the first day that bears interest again. Raises NotFoundError."""
    row = _standing(work, loan, stop_id, now)
    _check_end(row, until_on)
    _replace(work, row, _as_wanted(row)._replace(until_on=until_on), by=by, now=now)
    _take_in(work, [loan], now)


def _check_end(row: InterestStopRow, until_on: date) -> None:
    if until_on < row.from_on:
        raise refused_at("/until_on", "until_on is before the first day of the stop.")


def withdraw_stop(work: Work, loan: LoanRow, stop_id: str, *, by: str, now: datetime) -> None:
    """Take a stop back as if it had never been, which owes the interest again. Raises NotFoundError."""
    row = _standing(work, loan, stop_id, now)
    row.replaced_at, row.replaced_by = now, by
    _note(work, row, "interest_stop.withdrawn", by, now)
    _take_in(work, [loan], now)


def _standing(work: Work, loan: LoanRow, stop_id: str, now: datetime) -> InterestStopRow:
    agenda.touch(work, [loan.borrower_id], now=now)
    row = next((row for row in find_stop_rows(work.session, [loan.id]) if row.stop_id == stop_id), None)
    if row is None:
        raise NotFoundError("There is no such stop that stands.")
    return row


# --- writing -----------------------------------------------------------------------------------------------------------


def _add(work: Work, loan: LoanRow, stop: WantedStop, *, by: str, now: datetime) -> InterestStopRow:
    row_id = new_id()
    row = _row(row_id, row_id, loan.borrower_id, loan.id, stop, by, now)
    work.session.add(row)
    work.session.flush()
    _note(work, row, "interest_stop.began", by, now)
    INTEREST_STOPS.labels(stop.rule).inc()
    logger().warning("interest stopped by law", rule=stop.rule, loan_id=loan.id, from_on=stop.from_on.isoformat())
    key = f"charges:{row.stop_id}:stopped"
    told: dict[str, Value] = {"loan": loan.loan_no, "due_on": stop.from_on}
    _announce(work, loan, row, "charges.stopped.v1", now)
    tell_borrower(work, loan.borrower_id, "charges_stopped", told, now=now, loan_id=loan.id, key=key)
    return row


def _replace(work: Work, row: InterestStopRow, stop: WantedStop, *, by: str, now: datetime) -> None:
    row.replaced_at, row.replaced_by = now, by
    work.session.flush()
    new = _row(new_id(), row.stop_id, row.borrower_id, row.loan_id, stop, by, now)
    work.session.add(new)
    work.session.flush()
    _note(work, new, "interest_stop.changed", by, now)
    loan = work.session.get_one(LoanRow, row.loan_id)
    _announce(work, loan, new, "charges.stopped.v1" if new.until_on is None else "charges.resumed.v1", now)


def _announce(work: Work, loan: LoanRow, row: InterestStopRow, event_type: str, now: datetime) -> None:
    data = {
        "loan_no": loan.loan_no,
        "borrower_no": find_borrower_nos(work.session, [loan.borrower_id])[loan.borrower_id],
        "rule": row.rule,
        "from_on": row.from_on.isoformat(),
        "until_on": None if row.until_on is None else row.until_on.isoformat(),
        "scope": row.scope,
    }
    announce(work, loan.lender_id, event_type, data, now=now, borrower_id=loan.borrower_id)


def _row(
    row_id: str, stop_id: str, borrower_id: str, loan_id: str, stop: WantedStop, by: str, now: datetime
) -> InterestStopRow:
    return InterestStopRow(
        id=row_id,
        stop_id=stop_id,
        borrower_id=borrower_id,
        loan_id=loan_id,
        from_on=stop.from_on,
        until_on=stop.until_on,
        scope=stop.scope,
        rule=stop.rule,
        occasion=stop.occasion,
        reason=stop.reason,
        recorded_at=now,
        recorded_by=by,
    )


def _as_wanted(row: InterestStopRow) -> WantedStop:
    return WantedStop(row.rule, row.occasion, row.from_on, row.until_on, row.scope, row.reason)


def _note(work: Work, row: InterestStopRow, action: str, by: str, now: datetime) -> None:
    until = None if row.until_on is None else row.until_on.isoformat()
    facts = {"loan_id": row.loan_id, "stop_id": row.stop_id, "rule": row.rule, "from_on": row.from_on.isoformat()}
    add_audit(work.session, at=now, actor=by, action=action, borrower_id=row.borrower_id, facts=facts | {"until_on": until})


def _take_in(work: Work, loans: Sequence[LoanRow], now: datetime) -> None:
    """Bring the loans' copies of their stops, what is owed, and the reminders of it to what is known now."""
    if not loans:
        return
    work.session.flush()
    known = find_stops(work.session, [loan.id for loan in loans])
    copies: list[dict[str, Any]] = []
    for loan in loans:
        copies.append({"id": loan.id, "stops": copy_of(known.get(loan.id, ())), "version": loan.version + 1})
    set_loans(work.session, copies)
    work.session.expire_all()
    rebuild_positions(work, [str(each["id"]) for each in copies])
    reminders.review(work, sorted({loan.borrower_id for loan in loans}), now=now)


def copy_of(rows: Iterable[Any]) -> list[list[str | None]] | None:
    """Return the loan's copy of its stops; None where there never was one."""
    return (
        packed(Stop(row.from_on, row.until_on, row.scope, row.rule, row.recorded_at, row.replaced_at) for row in rows)
        or None
    )


def differing_copies(session: Session, loans: Collection[Any]) -> list[str]:
    """Return the loans whose copy is not what the table says; there must be none."""
    known = find_stops(session, [loan.id for loan in loans])
    return [loan.id for loan in loans if copy_of(known.get(loan.id, ())) != loan.stops]
