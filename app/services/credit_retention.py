"""How long something against a person may be told of, by the law of the loan: asked of its pack, else by the table."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy.orm import Session

from app.domain.credit_corrections import Retention
from app.domain.credit_histories import LoanLedger
from app.domain.credit_lateness import end_of_lateness
from app.domain.times import business_date
from app.persistence.queries.credit_corrections import find_over
from app.persistence.queries.credit_gates import find_gated_loans
from app.persistence.queries.positions import load_ledgers
from app.services.law_gates import ask_pack
from app.services.law_packs import DEFAULT, get_rule, pack_for
from app.services.terms import kernel_terms

_TABLE = Path(__file__).resolve().parents[1] / "content" / "credit" / "retention.yaml"
_ACT = "review_account"


def retention_of(
    jurisdiction: str, *, ended_on: date | None, first_delinquency_on: date | None, now: datetime
) -> Retention | None:
    """Return until when it may be told; None: its clock has not started (the arrears go on)."""
    pack = pack_for(jurisdiction).pack
    table = _table()
    terms = table.get(pack.jurisdiction, table[DEFAULT])
    if "rule" in terms:
        if ended_on is None:
            return None
        rule = get_rule(terms["rule"])
        answer = ask_pack(pack, _ACT, {"position": {"settled_on": ended_on}}, now, only=lambda each: each.id == rule.id)
        due_on = next((result.due_on for _, result in answer.judgement.findings if result.due_on), None)
        return None if due_on is None else Retention(due_on, ended_on, rule.source, rule.evidence, rule.id)
    counted_from = first_delinquency_on if terms["counts_from"] == "first_delinquency" else ended_on
    if counted_from is None:
        return None
    return Retention(_years_later(counted_from, terms["years"]), counted_from, terms["source"], terms["evidence"])


def ends_of_arrears(session: Session, loan_ids: Collection[str], *, now: datetime) -> dict[str, date]:
    """Return loan -> the day on which the arrears that it was reported for were over; absent: they go on, or it is reported.

    Where reporting was stopped by hand nobody noted that day, and the ledger says it.
    """
    over = find_over(session, loan_ids)
    loans = {loan.id: loan for loan in find_gated_loans(session, list(over))}
    found = {loan_id: business_date(at, loans[loan_id].zone) for loan_id, at in over.items() if at is not None}
    unnoted = [loan_id for loan_id, at in over.items() if at is None]
    ledgers = load_ledgers(session, unnoted)
    for loan_id in unnoted:
        loan = loans[loan_id]
        ledger = LoanLedger(loan.principal_minor, *ledgers[loan_id], kernel_terms(loan).terms, unit_minor=1)
        day = end_of_lateness(ledger, business_date(now, loan.zone))
        if day is not None:
            found[loan_id] = day
    return found


def ended_on(account: Mapping[str, Any], over_on: date | None) -> date | None:
    """Return the day on which what these facts told against the person was over: paid off, or cured; None: it goes on."""
    closed_on = account.get("closed_on")
    return over_on if closed_on is None else date.fromisoformat(closed_on)


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return date(day.year + years, 3, 1)


@lru_cache(maxsize=1)
def _table() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    return found
