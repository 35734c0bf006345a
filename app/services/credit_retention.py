"""How long something against a person may be told of, by the law of the loan: asked of its pack, else by the table."""

from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.credit_corrections import Retention
from app.services.law_gates import ask_pack
from app.services.law_packs import DEFAULT, get_rule, pack_for

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


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return date(day.year + years, 3, 1)


@lru_cache(maxsize=1)
def _table() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
    return found
