"""Duties of the law over a lender's book: how many by rule, with its paragraph and evidence, and each of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.law.rules import Rule
from app.domain.times import business_date
from app.persistence.queries import duties as queries
from app.persistence.queries.lenders import get_zone
from app.persistence.queries.tasks import find_zones_due, page_duties
from app.services.duties import QUEUE
from app.services.duty_alarms import alarm_rules
from app.services.law_packs import find_rule

WHEN = ("due_soon", "missed")
MOST_LOANS = 50
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What a rule asks for over the book. `rule` None: the packs in use know it no more."""

    rule_id: str
    rule: Rule | None
    open: int
    missed: int
    first_due_on: date | None
    days_ahead: int
    """How many days before the last day it alarms."""


def by_rule(reads: Connection | Session, lender_id: str | None) -> list[RuleCount]:
    """Return the rules by which something is open, those with most missed first."""
    alarms = alarm_rules()
    return [
        RuleCount(
            row.rule or "",
            find_rule(row.rule or ""),
            row.open,
            row.missed,
            row.first_due_on,
            alarms.days_for(row.rule or ""),
        )
        for row in queries.count_by_rule(reads, queue=QUEUE, lender_id=lender_id)
    ]


def page_of(
    reads: Connection | Session,
    *,
    lender_id: str | None,
    now: datetime,
    when: str | None = None,
    rule: str | None = None,
    borrower_no: str | None = None,
    after: tuple[Any, str] | None = None,
    limit: int,
) -> Sequence[Any]:
    """Return open duties, missed ones first. `when`: due_soon (within the days of the default alarm), missed, or all.

    Days count where the loan is; of a duty that is about no single loan, where the lender is.
    """
    zone = "UTC" if lender_id is None else get_zone(reads, lender_id)
    soon: date | None = None
    also: dict[date, list[str]] = {}
    if when == "due_soon":
        days = timedelta(days=alarm_rules().days_for(rule or ""))
        usual = business_date(now, "UTC") + days
        soon = usual - _DAY  # wherever it is, today is at most a day before or after
        zones = find_zones_due(reads, queue=QUEUE, lender_id=lender_id, zone=zone, first=usual, last=usual + _DAY)
        also = {on + days: some for on, some in by_day(zones, now).items()}
    return page_duties(
        reads, queue=QUEUE, lender_id=lender_id, overdue=when == "missed", due_by=soon, also_by=also, zone=zone, rule=rule,
        borrower_no=borrower_no, after=after, limit=limit,
    )  # fmt: skip


def by_day(zones: Iterable[str], now: datetime) -> dict[date, list[str]]:
    """Return day -> the zones in which it is that day now."""
    found: dict[date, list[str]] = defaultdict(list)
    for zone in zones:
        found[business_date(now, zone)].append(zone)
    return found


def page_stopped(
    reads: Connection | Session, lender_id: str, *, now: datetime, after: str | None = None, limit: int
) -> Sequence[Any]:
    """Return the stops of interest that are not over where their loans are, by their id, following `after`."""
    today = business_date(now, "UTC")
    zones = queries.find_zones_of_stops(reads, lender_id, first=today, last=today + _DAY)
    return queries.page_stopped(reads, lender_id, today=by_day(zones, now), latest=today + _DAY, after=after, limit=limit)


@dataclass(frozen=True, slots=True)
class LawfulLoans:
    """Loans of which a law takes something off, or may: at most `MOST_LOANS` of each."""

    stopped: Sequence[Any]
    over_cap: Sequence[Any]
    cap_unknown: Sequence[Any]


def lawful_loans(reads: Connection | Session, lender_id: str, *, now: datetime) -> LawfulLoans:
    """Return the loans whose interest is stopped where they are, that are over their cap, and whose cap is not known."""
    return LawfulLoans(
        page_stopped(reads, lender_id, now=now, limit=MOST_LOANS),
        queries.page_capped(reads, lender_id, unknown=False, limit=MOST_LOANS),
        queries.page_capped(reads, lender_id, unknown=True, limit=MOST_LOANS),
    )
