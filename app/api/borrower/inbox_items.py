"""An inbox message and the counts as the app gets them: their forms, and how they are written.

Written by hand rather than through the schemas, which would cost more than all else in an answer (bench/inbox.py).
"""

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, fields

from app.domain.inbox import ACTIONS, CATEGORIES
from app.services.inbox import InboxCounts, InboxItem
from app.web.fields import IdField, InstantField, StateField
from app.wording.inbox_words import action_words

STATE = {"description": "It grows with every change of the inbox. Keep the newest; drop answers that are older."}


class SubjectSchema(Schema):
    """An instalment."""

    loan_id = IdField(required=True)
    row_no = fields.Integer(required=True)


class ActionSchema(Schema):
    """Something to do about a message."""

    key = fields.String(required=True, metadata={"enum": list(ACTIONS)})
    label = fields.String(required=True, metadata={"description": "In the language of Content-Language."})
    deep_link = fields.String(required=True, metadata={"description": "Where the app goes."})


class InboxItemSchema(Schema):
    """One message."""

    id = IdField(required=True)
    state = StateField(required=True, metadata={"description": "The inbox's state when the message last changed."})
    category = fields.String(
        required=True, metadata={"enum": list(CATEGORIES), "description": "What kind of message, stable for icons."}
    )
    title = fields.String(required=True)
    body = fields.String(required=True)
    locale = fields.String(required=True, metadata={"description": "The language it was written in."})
    created_at = InstantField(required=True)
    seen_at = InstantField(required=True, allow_none=True, metadata={"description": "It was on a screen."})
    read_at = InstantField(required=True, allow_none=True, metadata={"description": "It was opened."})
    archived_at = InstantField(required=True, allow_none=True)
    snoozed_until = InstantField(required=True, allow_none=True, metadata={"description": "Set aside until then."})
    clicked_at = InstantField(required=True, allow_none=True, metadata={"description": "An action or link was used."})
    replied_at = InstantField(required=True, allow_none=True)
    settled = fields.Boolean(required=True, metadata={"description": "What it reminded of is paid, or due another day."})
    settled_at = InstantField(required=True, allow_none=True)
    about = fields.List(
        fields.Nested(SubjectSchema), required=True, metadata={"description": "Instalments; of a notice, none."}
    )
    loan_id = IdField(
        required=True, allow_none=True, metadata={"description": "The loan that a notice is about, null for all others."}
    )
    deep_link = fields.String(required=True, metadata={"description": "Where the app goes when it is opened."})
    actions = fields.List(fields.Nested(ActionSchema), required=True)


class CategoryCountsSchema(Schema):
    """Of one category."""

    category = fields.String(required=True, metadata={"enum": list(CATEGORIES)})
    total = fields.Integer(required=True)
    unread = fields.Integer(required=True)


class InboxCountsSchema(Schema):
    """Of the list: what is neither archived nor set aside."""

    total = fields.Integer(required=True)
    unread = fields.Integer(required=True)
    unseen = fields.Integer(required=True, metadata={"description": "For the badge."})
    open = fields.Integer(required=True, metadata={"description": "Not settled yet."})
    action_required = fields.Integer(
        required=True, metadata={"description": "Not settled yet, and asking for something to be done."}
    )
    categories = fields.List(fields.Nested(CategoryCountsSchema), required=True)


def item_form(item: InboxItem, locale: str) -> dict[str, Any]:
    """Return a message as JSON."""
    return {
        "id": item.id,
        "state": item.state,
        "category": item.category,
        "title": item.title,
        "body": item.body,
        "locale": item.locale,
        "created_at": item.created_at,
        "seen_at": item.seen_at,
        "read_at": item.read_at,
        "archived_at": item.archived_at,
        "snoozed_until": item.snoozed_until,
        "clicked_at": item.clicked_at,
        "replied_at": item.replied_at,
        "settled": item.settled,
        "settled_at": item.settled_at,
        "about": [{"loan_id": subject.loan_id, "row_no": subject.row_no} for subject in item.about],
        "loan_id": item.loan_id,
        "deep_link": item.deep_link,
        "actions": [{"key": key, "label": action_words(key, locale), "deep_link": place} for key, place in item.actions],
    }


def item_forms(items: Sequence[InboxItem], locale: str) -> list[dict[str, Any]]:
    """Return messages as JSON."""
    return [item_form(item, locale) for item in items]


def counts_form(counts: InboxCounts) -> dict[str, Any]:
    """Return the counts as JSON."""
    return {
        "total": counts.total,
        "unread": counts.unread,
        "unseen": counts.unseen,
        "open": counts.open,
        "action_required": counts.action_required,
        "categories": [
            {"category": count.category, "total": count.total, "unread": count.unread} for count in counts.categories
        ],
    }


EXAMPLE_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
ITEM_EXAMPLE = {
    "id": EXAMPLE_ID,
    "state": 41,
    "category": "due_soon",
    "title": "Due in 3 days",
    "body": "1,045.00 CNY is due on 20 December.",
    "locale": "en",
    "created_at": "2026-12-17T02:00:00Z",
    "seen_at": "2026-12-17T08:10:00Z",
    "read_at": None,
    "archived_at": None,
    "snoozed_until": None,
    "clicked_at": None,
    "replied_at": None,
    "settled": False,
    "settled_at": None,
    "about": [{"loan_id": EXAMPLE_ID, "row_no": 7}],
    "loan_id": None,
    "deep_link": f"duecourse://loans/{EXAMPLE_ID}/instalments/7",
    "actions": [
        {"key": "pay", "label": "Pay", "deep_link": f"duecourse://loans/{EXAMPLE_ID}/pay"},
        {"key": "see_plan", "label": "See my plan", "deep_link": f"duecourse://loans/{EXAMPLE_ID}/schedule"},
    ],
}
COUNTS_EXAMPLE = {
    "total": 4,
    "unread": 1,
    "unseen": 0,
    "open": 1,
    "action_required": 0,
    "categories": [{"category": "due_soon", "total": 4, "unread": 1}],
}
