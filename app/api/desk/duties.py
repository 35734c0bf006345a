"""Staff see the duties of the law: what is due, and what was missed."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.explanations import RuleSchema
from app.api.desk.staff import door
from app.domain.law.rules import Rule
from app.services.duty_lists import WHEN, by_rule, page_of
from app.services.law_packs import find_rule
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, IdField, InstantField, PageQuerySchema, PatternField, TextField
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class DutyQuerySchema(PageQuerySchema):
    """Which duties."""

    overdue = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "Only those that were missed."}
    )
    when = fields.String(
        validate=validate.OneOf(WHEN),
        metadata={"description": "due_soon: not missed, and within the days of the alarm; missed: as `overdue`."},
    )
    rule = TextField(80, metadata={"description": "Only of this rule."})
    borrower_no = PatternField(NUMBER_PATTERN, metadata={"description": "Only of this borrower."})


class DutySchema(Schema):
    """One open duty. It is closed by itself when the law asks for it no longer, or by staff as any task is."""

    id = IdField(required=True, metadata={"description": "Of the task; `POST /v1/desk/tasks/{id}/close` closes it."})
    borrower_no = fields.String(required=True)
    loan_no = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, metadata={"description": "duty, or a task kind of the law packs."})
    law = fields.Nested(RuleSchema, required=True, allow_none=True)
    also = fields.List(fields.String(), required=True, metadata={"description": "Other rules that ask for the same."})
    missing = fields.List(fields.String(), required=True, metadata={"description": "What is to be sent or done."})
    due_on = DateField(required=True, allow_none=True, metadata={"description": "Last day in time, where the borrower is."})
    due_at = InstantField(required=True, allow_none=True)
    breach = fields.Boolean(required=True, metadata={"description": "The day has passed and it was not done."})
    created_at = InstantField(required=True)


class DutiesSchema(Schema):
    """A page: those in breach first, then the oldest."""

    items = fields.List(fields.Nested(DutySchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "borrower_no": "B-1001",
    "loan_no": "UK-1001",
    "kind": "duty",
    "law": {
        "id": "UK-NOSIA",
        "jurisdiction": "UK",
        "title": "Notice of sums in arrears",
        "paragraph": "CCA 1974 s86B",
        "evidence": "primary",
        "is_recalled": False,
    },
    "also": ["UK-NOSIA-END"],
    "missing": ["notice_of_sums_in_arrears"],
    "due_on": "2026-03-11",
    "due_at": None,
    "breach": False,
    "created_at": "2026-02-26T00:00:00Z",
}


class DutyRuleSchema(Schema):
    """What one rule asks for over this lender's book."""

    rule = fields.String(required=True)
    law = fields.Nested(RuleSchema, required=True, allow_none=True)
    open = fields.Integer(required=True)
    missed = fields.Integer(required=True, metadata={"description": "Of the open ones."})
    first_due_on = DateField(required=True, allow_none=True)
    days_ahead = fields.Integer(required=True, metadata={"description": "How many days before the last day it alarms."})


class DutyRulesSchema(Schema):
    """By rule."""

    items = fields.List(fields.Nested(DutyRuleSchema), required=True)


_RULE_EXAMPLE = {
    "rule": "UK-NOSIA",
    "law": _EXAMPLE["law"],
    "open": 3,
    "missed": 1,
    "first_due_on": "2026-03-11",
    "days_ahead": 5,
}


@door.get("/duties")
@permits("duties.read")
@door.asks(DutyQuerySchema)
@answers(200, DutiesSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_duties(query: dict[str, Any]) -> Answer:
    """List open duties of the law, missed ones first."""
    begin = requested_key(query)
    rows = page_of(
        reads(),
        lender_id=desk().lender_id,
        now=now(),
        when="missed" if query["overdue"] else query.get("when"),
        rule=query.get("rule"),
        borrower_no=query.get("borrower_no"),
        after=(begin.at, begin.row_id) if begin else None,
        limit=query["limit"] + 1,
    )
    shown = [_shown(row) for row in rows]
    return page_answer(shown, [Key(row.created_at, row.id) for row in rows], query)


@door.get("/duties/rules")
@permits("duties.read")
@answers(200, DutyRulesSchema, example={"items": [_RULE_EXAMPLE]})
def list_duty_rules() -> dict[str, Any]:
    """Count open duties by the rule that asks for them, those with most missed first; 100 rules at most."""
    return {
        "items": [
            {
                "rule": each.rule_id,
                "law": _law(each.rule),
                "open": each.open,
                "missed": each.missed,
                "first_due_on": each.first_due_on,
                "days_ahead": each.days_ahead,
            }
            for each in by_rule(reads(), desk().lender_id)
        ]
    }


def _law(rule: Rule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    return {
        "id": rule.id,
        "jurisdiction": rule.jurisdiction,
        "title": rule.title,
        "paragraph": rule.source,
        "evidence": rule.evidence,
        "is_recalled": rule.is_recalled,
    }


def _shown(row: Any) -> dict[str, Any]:
    law = _law(find_rule(row.rule) if row.rule else None)
    names = ("id", "borrower_no", "loan_no", "kind", "due_on", "due_at", "breach", "created_at")
    listed = {name: row.facts.get(name, []) for name in ("also", "missing")}
    return {name: getattr(row, name) for name in names} | listed | {"law": law}
