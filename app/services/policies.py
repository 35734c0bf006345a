"""Reminder policies: documents checked against their schema, turned into rules."""

import hashlib
import json
import re
from datetime import datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, FieldError, ValidationError
from app.domain.policies import Cap, Policy, Rules, Rung, Step
from app.domain.quiet_hours import QuietHours
from app.persistence.ids import new_id
from app.persistence.models.reminders import PolicyRow
from app.persistence.queries.policies import (
    add_policy,
    exists_policy,
    find_active_rules,
    get_document,
    lock_rules,
    raise_rules_epoch,
)
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services.rule_parts import parts_of_rules

if TYPE_CHECKING:
    from jsonschema import ValidationError as SchemaError

_CONTENT = Path(__file__).resolve().parents[1] / "content" / "policies"
DEFAULT_POLICY = _CONTENT / "default.yaml"


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((_CONTENT / "schema.json").read_text(encoding="utf-8"))
    return schema


def check_document(document: Any) -> None:
    """Refuse a policy document that is not one. Raises ValidationError with a pointer per problem, and suggestions."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - most processes never see a new policy

    problems: list[FieldError] = []
    for error in sorted(Draft202012Validator(_schema()).iter_errors(document), key=lambda e: list(e.absolute_path)):
        pointer = "/" + "/".join(str(part) for part in error.absolute_path)
        problems.append(FieldError(pointer, str(error.validator), _with_suggestion(error)))
    if not problems:
        stages = document["stages"]
        for index, step in enumerate(document["steps"]):
            if not any(stage["from"] <= step["offset_days"] <= stage["to"] for stage in stages):
                problems.append(FieldError(f"/steps/{index}/offset_days", "stage", "No stage covers this offset."))
        keys = [step["key"] for step in document["steps"]]
        problems += [
            FieldError("/steps", "unique", f"Step key {key!r} is used twice.") for key in keys if keys.count(key) > 1
        ]
    if problems:
        raise ValidationError(
            f"The policy has {len(problems)} problem(s): {problems[0].pointer} {problems[0].detail}", errors=problems
        )


def _with_suggestion(error: "SchemaError") -> str:
    if error.validator != "additionalProperties" or not isinstance(error.instance, dict):
        return error.message
    known = list(error.schema.get("properties", {})) if isinstance(error.schema, dict) else []
    unknown = [key for key in error.instance if key not in known]
    hints = [
        f"{key!r} is not known" + "".join(f"; did you mean {near!r}?" for near in get_close_matches(key, known, 1))
        for key in unknown
    ]
    return ". ".join(hints)


def parse_policy(document: dict[str, Any], policy_id: str) -> Policy:
    """Return a checked document as values."""
    defaults = {"at": "10:00", "expires_after": "PT10H", "ladder": [{"channel": "in_app"}], **document.get("defaults", {})}
    steps = []
    for given in document["steps"]:
        step = {**defaults, **given}
        stage = next(s["key"] for s in document["stages"] if s["from"] <= step["offset_days"] <= s["to"])
        steps.append(
            Step(
                key=step["key"],
                offset_days=step["offset_days"],
                at=time.fromisoformat(step["at"]),
                expires_after=_duration(step["expires_after"]),
                stage=stage,
                template=step["template"],
                ladder=tuple(Rung(rung["channel"]) for rung in step["ladder"]),
            )
        )
    quiet = document["quiet_hours"]
    return Policy(
        policy_id=policy_id,
        key=document["policy"],
        version_no=document["version"],
        steps=tuple(sorted(steps, key=lambda step: (step.offset_days, step.at))),
        quiet_hours=QuietHours(time.fromisoformat(quiet["start"]), time.fromisoformat(quiet["end"])),
        caps=(Cap(1, document["caps"][0]["max"]),),
        not_after_margin=_duration(document.get("not_after_margin", "PT5M")),
    )


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?", text)
    if match is None:
        raise ValidationError(f"{text!r} is not a duration like PT10H.")
    return timedelta(hours=int(match[1] or 0), minutes=int(match[2] or 0))


def load_rules(session: Session) -> Rules | None:
    """Return the rules in force, or None while no policy is active."""
    active = find_active_rules(session)
    if active is None:
        return None
    policy = _parsed.get(active.id)
    if policy is None:
        policy = _parsed[active.id] = parse_policy(get_document(session, active.id), active.id)
    rules = _rules.get((active.id, active.rules_epoch))
    if rules is None:
        _rules.clear()
        rules = _rules[active.id, active.rules_epoch] = Rules(policy, active.rules_epoch, **parts_of_rules(session))
    return rules


_rules: dict[tuple[str, int], Rules] = {}

_parsed: dict[str, Policy] = {}
"""Policies by id: an approved document never changes, so it is read once per process."""


def ensure_default_policy(*, now: datetime) -> None:
    """Activate the policy that ships with the product when none has ever been."""
    with reading() as session:
        if find_active_rules(session) is not None:
            return
    with unit_of_work() as work:
        lock_rules(work.session)  # of engines that start together one does it
        if find_active_rules(work.session) is None:
            activate_document(work, yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8")), author="duecourse", now=now)


def activate_document(work: Work, document: dict[str, Any], *, author: str, now: datetime) -> PolicyRow:
    """Check a document, make it the active version and raise the epoch, so that everyone is looked at again.

    Raises ValidationError, ConflictError (there is such a version).
    """
    check_document(document)
    lock_rules(work.session)
    if exists_policy(work.session, document["policy"], document["version"]):
        raise ConflictError(f"Policy {document['policy']} has a version {document['version']}; give the new one a higher.")
    canonical = json.dumps(document, sort_keys=True)
    row = PolicyRow(
        id=new_id(),
        key=document["policy"],
        version_no=document["version"],
        status="active",
        document=document,
        content_hash=hashlib.sha256(canonical.encode()).hexdigest(),
        author=author,
        created_at=now,
        activated_at=now,
    )
    add_policy(work.session, row)
    raise_rules_epoch(work.session)
    return row
