"""Saying loudly that a duty of law is near or was missed: a metric, a line in the log, an event to the lender's systems."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path

import yaml

from app.domain.duty_alarms import AlarmRules
from app.domain.errors import ValidationError
from app.domain.times import rfc3339
from app.logs import logger
from app.metrics import DUTY_ALARMS, DUTY_BREACHES
from app.persistence.models.tasks import TaskRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import find_borrower_nos
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import Work
from app.services.law_packs import find_rule
from app.services.tasks import NewTask
from app.services.webhook_events import announce

_FILE = Path(__file__).resolve().parents[1] / "content" / "duties" / "alarms.yaml"
_BY = "engine:duties"
NEAR, MISSED = "near", "missed"
EVENTS = {NEAR: "duty.due_soon.v1", MISSED: "duty.missed.v1"}


@lru_cache(maxsize=1)
def alarm_rules() -> AlarmRules:
    """Return how many days ahead duties alarm, from content/duties/alarms.yaml. Raises ValidationError."""
    said = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    if not isinstance(said, dict) or set(said) - {"default", "rules"}:
        raise ValidationError("alarms.yaml of duties says `default` and `rules`, and nothing else.")
    return AlarmRules(said.get("default", 0), said.get("rules") or {})


def alarm(work: Work, task: TaskRow | NewTask, what: str, *, now: datetime) -> None:
    """Tell of a duty that is near, or was missed."""
    rule = None if task.rule is None else find_rule(task.rule)
    due = task.due_on.isoformat() if task.due_on else rfc3339(task.due_at) if task.due_at else None
    jurisdiction = "" if rule is None else rule.jurisdiction
    facts = {"rule": task.rule, "loan_id": task.loan_id, "due_on": due}
    if what == MISSED:
        DUTY_BREACHES.labels(jurisdiction).inc()
        logger().error("duty of law missed", **facts)
        add_audit(work.session, at=now, actor=_BY, action="duty.missed", borrower_id=task.borrower_id, facts=facts)
    else:
        DUTY_ALARMS.labels(jurisdiction).inc()
        logger().warning("duty of law is near", **facts)
    if task.loan_id is None:
        return
    loan = get_loan(work.session, task.loan_id)
    data = {
        "loan_no": loan.loan_no,
        "borrower_no": find_borrower_nos(work.session, [task.borrower_id])[task.borrower_id],
        "kind": task.kind,
        "rule": task.rule,
        "paragraph": None if rule is None else rule.source,
        "evidence": None if rule is None else rule.evidence,
        "missing": list(task.facts.get("missing", ())),
        "due_on": due,
    }
    announce(work, loan.lender_id, EVENTS[what], data, now=now, borrower_id=task.borrower_id)
