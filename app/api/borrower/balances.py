"""A loan's balance, for any day and as known at any instant: the most asked question, so the answer is made by hand.

Two statements (session; loan with snapshot), one connection, no schema on the way out; the schema here documents it and a
test holds the two together. bench/balance_endpoint.py measures it.
"""

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.borrower.money import SplitSchema, example_money, example_split, source_field, source_of
from app.domain.splits import Split
from app.domain.tapes import CoreFigures
from app.domain.times import business_date, rfc3339
from app.services import accounts
from app.services.mismatches import Shown
from app.web.answers import cacheable, dump_json
from app.web.auth import borrower
from app.web.doors import answers
from app.web.etag import is_unchanged, strong_etag
from app.web.fields import DateField, IdField, InstantField, MoneyField
from app.web.languages import request_locale
from app.web.reads import reads
from app.web.request_context import now


class BalanceQuerySchema(Schema):
    """Which day, and whose knowledge."""

    as_of = DateField(metadata={"description": "End of this day; today in the loan's zone."})
    known_at = InstantField(metadata={"description": "As it was known then; as known now."})


class CoreFiguresSchema(Schema):
    """What the lender's core system last said, at the end of its own `as_of`; null where it said nothing."""

    as_of = DateField(required=True)
    principal_balance = MoneyField(required=True, allow_none=True)
    outstanding = MoneyField(required=True, allow_none=True)
    overdue = MoneyField(required=True, allow_none=True)
    days_past_due = fields.Integer(required=True, allow_none=True)
    days_past_due_to = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Where the core gives a band: its other end, if it has one."},
    )


class OwnFiguresSchema(Schema):
    """What our own book says of `as_of`, where the core's figures are shown."""

    outstanding = MoneyField(required=True)
    principal_outstanding = MoneyField(required=True)
    overdue = MoneyField(required=True)
    days_past_due = fields.Integer(required=True)
    bucket = fields.String(required=True)


class BalanceSchema(Schema):
    """What is owed at the end of `as_of`.

    Where the lender's core differs from our book, its figures are the ones above `source`, brought forward to `as_of`.
    """

    loan_id = IdField(required=True)
    as_of = DateField(required=True)
    known_at = InstantField(required=True, allow_none=True)
    timezone = fields.String(required=True)
    outstanding = MoneyField(
        required=True,
        metadata={"description": "Principal balance, and interest, fees and penalties due by that day and unpaid."},
    )
    principal_outstanding = MoneyField(required=True)
    due = fields.Nested(SplitSchema, required=True, metadata={"description": "Unpaid of rows due on or before that day."})
    overdue = fields.Nested(SplitSchema, required=True, metadata={"description": "Unpaid of rows due before that day."})
    disputed = MoneyField(
        required=True,
        allow_none=True,
        metadata={"description": "Of what is outstanding, what you dispute now in cases that are open; null: nothing."},
    )
    days_past_due = fields.Integer(required=True)
    days_in_arrears = fields.Integer(
        required=True, metadata={"description": "Days past due after the loan's tolerance; pauses are not counted."}
    )
    bucket = fields.String(required=True)
    next_due_on = DateField(required=True, allow_none=True)
    next_due = MoneyField(required=True, allow_none=True)
    unapplied = MoneyField(required=True, metadata={"description": "Paid beyond all rows of the plan."})
    source = source_field()
    core = fields.Nested(CoreFiguresSchema, required=True, allow_none=True)
    ours = fields.Nested(OwnFiguresSchema, required=True, allow_none=True)


_EXAMPLE = {
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "as_of": "2026-11-23",
    "known_at": None,
    "timezone": "Asia/Shanghai",
    "outstanding": example_money(712345),
    "principal_outstanding": example_money(707845),
    "due": example_split(100000, 4500),
    "overdue": example_split(100000, 4500),
    "disputed": None,
    "days_past_due": 3,
    "days_in_arrears": 3,
    "bucket": "1-29",
    "next_due_on": "2026-12-20",
    "next_due": example_money(104500),
    "unapplied": example_money(0),
    "source": "core",
    "core": {
        "as_of": "2026-11-23",
        "principal_balance": example_money(707845),
        "outstanding": None,
        "overdue": example_money(104500),
        "days_past_due": 3,
        "days_past_due_to": 3,
    },
    "ours": {
        "outstanding": example_money(712345),
        "principal_outstanding": example_money(707845),
        "overdue": example_money(104500),
        "days_past_due": 4,
        "bucket": "1-29",
    },
}


@door.get("/loans/<id:loan_id>/balance")
@door.asks(BalanceQuerySchema)
@answers(200, BalanceSchema, example=_EXAMPLE)
def get_balance(query: dict[str, Any], loan_id: str) -> Response:
    """Show what you owe on a loan.

    `as_of` asks for the end of another day, `known_at` for what the lender knew at an instant.
    """
    connection = reads()
    loan = accounts.get_position_account(connection, borrower().borrower_id, loan_id)
    as_of = query.get("as_of") or business_date(now(), loan.zone)
    known_at = query.get("known_at")
    etag = strong_etag(request_locale(), loan_id, loan.version, loan.snapshot_version, loan.disputed_minor, as_of, known_at)
    if is_unchanged(etag):
        return cacheable(b"", etag)
    shown = accounts.shown_on(connection, loan, as_of, known_at)
    known = None if known_at is None else rfc3339(known_at)
    return cacheable(dump_json(_view(loan, known, shown)), etag)


def _view(loan: Any, known_at: str | None, shown: Shown) -> dict[str, Any]:
    position, ours, currency = shown.position, shown.ours, loan.currency
    disputed = accounts.disputed_minor(loan, position.outstanding_minor)

    def money(minor: int) -> dict[str, Any]:
        return {"amount_minor": minor, "currency": currency}

    def split(parts: Split) -> dict[str, Any]:
        principal, interest, fees, penalties = parts
        return {
            "principal": money(principal),
            "interest": money(interest),
            "fees": money(fees),
            "penalties": money(penalties),
            "total": money(principal + interest + fees + penalties),
        }

    return {
        "loan_id": loan.id,
        "as_of": position.as_of,
        "known_at": known_at,
        "timezone": loan.zone,
        "outstanding": money(position.outstanding_minor),
        "principal_outstanding": money(position.principal_outstanding_minor),
        "due": split(position.due_to_date),
        "overdue": split(position.overdue),
        "disputed": None if disputed is None else money(disputed),
        "days_past_due": position.days_past_due,
        "days_in_arrears": position.days_in_arrears,
        "bucket": position.bucket,
        "next_due_on": position.next_due_on,
        "next_due": money(position.next_due_minor) if position.next_due_on else None,
        "unapplied": money(position.unapplied_minor),
        "source": source_of(ours is not None),
        "core": None if shown.core is None else _core(shown.core, currency),
        "ours": None
        if ours is None
        else {
            "outstanding": money(ours.outstanding_minor),
            "principal_outstanding": money(ours.principal_outstanding_minor),
            "overdue": money(ours.overdue_minor),
            "days_past_due": ours.days_past_due,
            "bucket": ours.bucket,
        },
    }


def _core(core: CoreFigures, currency: str) -> dict[str, Any]:
    def money(minor: int | None) -> dict[str, Any] | None:
        return None if minor is None else {"amount_minor": minor, "currency": currency}

    return {
        "as_of": core.as_of,
        "principal_balance": money(core.principal_balance_minor),
        "outstanding": money(core.outstanding_minor),
        "overdue": money(core.overdue_minor),
        "days_past_due": core.days_past_due.least if core.days_past_due else None,
        "days_past_due_to": core.days_past_due.most if core.days_past_due else None,
    }
