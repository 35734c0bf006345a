"""content/arrangements.yaml as values: how long requests and offers stand, how arrangements are watched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.arrangements import ArrangementRule, FallBack
from app.domain.plan_options import OptionKind
from app.domain.plan_requests import PLAN_KINDS

_FILE = Path(__file__).resolve().parents[1] / "content" / "arrangements.yaml"


@dataclass(frozen=True, slots=True)
class RequestRule:
    """How long things stand."""

    answer_within: timedelta
    offer_stands: timedelta
    hold_stands: timedelta
    hold_again_after: timedelta


@dataclass(frozen=True, slots=True)
class ArrangementRules:
    """All of the file."""

    requests: RequestRule
    kinds: Mapping[OptionKind, ArrangementRule]


@lru_cache(maxsize=1)
def arrangement_rules() -> ArrangementRules:
    """Return the rules. Raises ValueError for a file that cannot be."""
    return read_rules(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def read_rules(document: Mapping[str, Any]) -> ArrangementRules:
    """Return a document's rules. Raises ValueError, KeyError or TypeError where a kind or a key is missing or unknown."""
    days = {name: timedelta(days=int(number)) for name, number in document["requests"].items()}
    kinds = {OptionKind(name): _rule(each) for name, each in document["arrangements"].items()}
    if set(kinds) != set(PLAN_KINDS):
        raise ValueError(f"arrangements names {sorted(kinds)}; it has to name {sorted(PLAN_KINDS)}.")
    requests = RequestRule(
        days.pop("answer_days"), days.pop("offer_days"), days.pop("hold_days"), days.pop("hold_again_after_days")
    )
    if days:
        raise ValueError(f"requests has keys that nobody reads: {sorted(days)}.")
    return ArrangementRules(requests, kinds)


def rule_of(kind: str) -> ArrangementRule:
    """Return how an arrangement of that kind is watched."""
    return arrangement_rules().kinds[OptionKind(kind)]


def _rule(each: Mapping[str, Any]) -> ArrangementRule:
    return ArrangementRule(**{**each, "fall_back": FallBack(each["fall_back"])})
