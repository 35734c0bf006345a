"""Cases for decisions: valid by default, in one zone, with one instalment and a reachable phone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import yaml

from app.domain.cases import Case, DecisionKey, PastContact, PastDecision, Subject
from app.domain.decisions import Decided
from app.domain.policies import Policy, Rules
from app.domain.times import local_instant
from app.services.policies import DEFAULT_POLICY, parse_policy

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DUE = date(2026, 3, 10)


def default_document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8"))
    return document


def default_policy() -> Policy:
    return parse_policy(default_document(), "policy-1")


RULES = Rules(default_policy(), rules_epoch=1)


def subject(loan: str = "L1", row_no: int = 1, **changes: Any) -> Subject:
    given: dict[str, Any] = {
        "subject_id": f"{loan}/{row_no}", "loan_id": loan, "loan_no": loan, "lender_zone": "UTC", "row_no": row_no,
        "anchor_no": 1, "due_on": DUE, "open_minor": 10_000, "currency": "USD", "watched_from": LONG_AGO,
    }  # fmt: skip
    return Subject(**{**given, **changes})


def case(*subjects: Subject, **changes: Any) -> Case:
    given: dict[str, Any] = {
        "borrower_id": "B1", "subjects": subjects, "blocks": {},
        "decided_until": local(DUE - timedelta(days=30), 0),
    }  # fmt: skip
    built = Case(**{**given, **changes})
    return replace(built, decided_zone=built.zone) if "decided_zone" not in changes else built


def local(on: date, hour: int, minute: int = 0, zone: str = "UTC") -> datetime:
    """The instant of a wall time."""
    return local_instant(on, time(hour, minute), zone)


def key(one: Subject, step: str) -> DecisionKey:
    return DecisionKey("instalment", one.subject_id, one.anchor_no, step)


def by_step(decided: Decided) -> Mapping[str, tuple[str, str]]:
    """Outcome and reason per step key; for cases with one subject."""
    return {verdict.key.step_key: (verdict.outcome.value, verdict.reason.value) for verdict in decided.verdicts}


def past(one: Subject, step: str, outcome: Any, reason: Any, **changes: Any) -> PastDecision:
    return PastDecision("D1", key(one, step), one.loan_id, one.row_no, LONG_AGO, outcome, reason, **changes)


def contact(*keys: DecisionKey, **changes: Any) -> PastContact:
    """A contact made at ten on the due date, which holds a place under the cap."""
    given: dict[str, Any] = {"local_date": DUE, "created_at": local(DUE, 10), "slot_no": 1, "subject_keys": keys}
    return PastContact("C1", **{**given, **changes})
