"""Duties of the law over a lender's book: how many by rule, with its paragraph and evidence, and each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.law.rules import Rule
from app.persistence.queries import duties as queries
from app.persistence.queries.tasks import page_duties
from app.services.duties import QUEUE
from app.services.duty_alarms import alarm_rules
from app.services.law_packs import find_rule

WHEN = ("due_soon", "missed")
MOST_LOANS = 50


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
    today: date,
    when: str | None = None,
    rule: str | None = None,
    borrower_no: str | None = None,
    after: tuple[Any, str] | None = None,
    limit: int,
) -> Sequence[Any]:
    """Return open duties, missed ones first. `when`: due_soon (within the days of the default alarm), missed, or all."""
    soon = today + timedelta(days=alarm_rules().days_for(rule or "")) if when == "due_soon" else None
    return page_duties(
        reads, queue=QUEUE, lender_id=lender_id, overdue=when == "missed", due_by=soon, rule=rule, borrower_no=borrower_no,
        after=after, limit=limit,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LawfulLoans:
    """Loans of which a law takes something off, or may: at most `MOST_LOANS` of each."""

    stopped: Sequence[Any]
    over_cap: Sequence[Any]
    cap_unknown: Sequence[Any]


def lawful_loans(reads: Connection | Session, lender_id: str, *, today: date) -> LawfulLoans:
    """Return the loans whose interest is stopped, that are over their cap, and whose cap is not known."""
    return LawfulLoans(
        queries.page_stopped(reads, lender_id, today=today, limit=MOST_LOANS),
        queries.page_capped(reads, lender_id, unknown=False, limit=MOST_LOANS),
        queries.page_capped(reads, lender_id, unknown=True, limit=MOST_LOANS),
    )
