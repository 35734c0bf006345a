"""A loan's statement of account for a period, as JSON or, for who asks for it, as a PDF."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.borrower.money import SplitSchema, example_money, example_split, split_money
from app.domain.money import Money
from app.domain.running_balances import Balances
from app.domain.statements import LINE_KINDS, Line, Total
from app.domain.stops import SCOPES, Stop
from app.services import statements
from app.services.statements import LoanStatement
from app.web.answers import Answer, file_answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.etag import VARY_BY_MEDIA
from app.web.fields import DateField, IdField, InstantField, MoneyField
from app.web.languages import request_locale
from app.web.media import prefers
from app.web.reads import end_reads
from app.web.request_context import now
from app.wording.stop_words import why_stopped

PDF = "application/pdf"


class StatementQuerySchema(Schema):
    """Which days, both included, and whose knowledge."""

    first = DateField(data_key="from", metadata={"description": "First day; the first of the month of `to`."})
    last = DateField(data_key="to", metadata={"description": "Last day, at most today in the loan's zone; today."})
    known_at = InstantField(metadata={"description": "As it was known then; as now known."})


class BalancesSchema(Schema):
    """What stands at the end of a day, or how it changed."""

    principal = MoneyField(required=True)
    interest = MoneyField(required=True, metadata={"description": "Due by then and unpaid, as are fees and penalties."})
    fees = MoneyField(required=True)
    penalties = MoneyField(required=True)
    outstanding = MoneyField(required=True, metadata={"description": "The four together."})
    ahead = MoneyField(required=True, metadata={"description": "Interest, fees and penalties paid that are not yet due."})
    unapplied = MoneyField(required=True, metadata={"description": "Paid beyond all rows of the plan."})


class StatementStopSchema(Schema):
    """Days on which the loan bears no interest by law, and why, in your language."""

    first = DateField(data_key="from", required=True, metadata={"description": "First day that bears none."})
    until = DateField(required=True, allow_none=True, metadata={"description": "First day that bears interest again."})
    scope = fields.String(required=True, metadata={"enum": list(SCOPES)})
    why = fields.String(required=True)


class StatementLineSchema(Schema):
    """One thing that happened, in the order in which it counts."""

    on = DateField(required=True, metadata={"description": "The due date, or the value date of an entry."})
    kind = fields.String(required=True, metadata={"enum": list(LINE_KINDS)})
    amount = MoneyField(required=True, metadata={"description": "As posted; of an instalment all that fell due with it."})
    split = fields.Nested(
        SplitSchema, required=True, metadata={"description": "What it paid (negative: owed again), or what fell due."}
    )
    unapplied = MoneyField(required=True, metadata={"description": "What of it was paid over, or given back of that."})
    moved = fields.Nested(BalancesSchema, required=True, metadata={"description": "What it changed."})
    balance = fields.Nested(BalancesSchema, required=True, metadata={"description": "What then stood."})
    row_no = fields.Integer(required=True, allow_none=True)
    plan_version = fields.Integer(required=True, allow_none=True)
    entry_id = IdField(required=True, allow_none=True)
    reference = fields.String(required=True, allow_none=True)
    recorded_at = InstantField(required=True, allow_none=True)
    reverses_id = IdField(required=True, allow_none=True)
    reversed_on = DateField(required=True, allow_none=True)
    stop = fields.Nested(
        StatementStopSchema, required=True, allow_none=True, metadata={"description": "Of `interest_stopped`: which days."}
    )
    stopped = MoneyField(
        required=True,
        metadata={"description": "Of an instalment: interest that is not owed because of a stop; not within `amount`."},
    )


class StatementTotalSchema(Schema):
    """All lines of one kind."""

    kind = fields.String(required=True, metadata={"enum": list(LINE_KINDS)})
    count = fields.Integer(required=True)
    amount = MoneyField(required=True)
    moved = fields.Nested(BalancesSchema, required=True)


class LenderBlockSchema(Schema):
    """Who lends, under which licence."""

    name = fields.String(required=True)
    licence_kind = fields.String(required=True)
    licence_no = fields.String(required=True, allow_none=True)
    regulator = fields.String(required=True, allow_none=True)
    complaints_contact = fields.String(required=True, allow_none=True)


class StatementSchema(Schema):
    """`opening` and all that `lines` moved make `closing`; both are the loan's positions at the end of those days."""

    loan_id = IdField(required=True)
    loan_no = fields.String(required=True)
    lender = fields.Nested(LenderBlockSchema, required=True)
    currency = fields.String(required=True)
    timezone = fields.String(required=True)
    first = DateField(data_key="from", required=True)
    last = DateField(data_key="to", required=True)
    issued_on = DateField(required=True)
    known_at = InstantField(required=True, allow_none=True)
    opening = fields.Nested(BalancesSchema, required=True, metadata={"description": "End of the day before `from`."})
    lines = fields.List(fields.Nested(StatementLineSchema), required=True)
    totals = fields.List(fields.Nested(StatementTotalSchema), required=True)
    closing = fields.Nested(BalancesSchema, required=True, metadata={"description": "End of `to`."})


def _example_balances(principal: int, interest: int) -> dict[str, Any]:
    amounts = Balances(principal, interest)
    return {**{n: example_money(m) for n, m in amounts._asdict().items()}, "outstanding": example_money(amounts.outstanding)}


_EXAMPLE_LINE = {
    "on": "2026-11-20",
    "kind": "instalment_due",
    "amount": example_money(104500),
    "split": example_split(100000, 4500),
    "unapplied": example_money(0),
    "moved": _example_balances(0, 4500),
    "balance": _example_balances(700000, 4500),
    "row_no": 6,
    "plan_version": None,
    "entry_id": None,
    "reference": None,
    "recorded_at": None,
    "reverses_id": None,
    "reversed_on": None,
    "stop": None,
    "stopped": example_money(0),
}
_EXAMPLE = {
    "loan_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "loan_no": "CN-1001",
    "lender": {
        "name": "Harbour Credit",
        "licence_kind": "consumer_finance",
        "licence_no": "CF-2231",
        "regulator": None,
        "complaints_contact": None,
    },
    "currency": "CNY",
    "timezone": "Asia/Shanghai",
    "from": "2026-11-01",
    "to": "2026-11-23",
    "issued_on": "2026-11-23",
    "known_at": None,
    "opening": _example_balances(700000, 0),
    "lines": [_EXAMPLE_LINE],
    "totals": [{"kind": "instalment_due", "count": 1, "amount": example_money(104500), "moved": _example_balances(0, 4500)}],
    "closing": _example_balances(700000, 4500),
}


@door.get("/loans/<id:loan_id>/statement")
@door.asks(StatementQuerySchema)
@answers(200, StatementSchema, example=_EXAMPLE, files=(PDF,))
def get_statement(query: dict[str, Any], loan_id: str) -> Answer | Response:
    """Show the statement of a period of at most five years, as JSON or as PDF.

    `known_at` asks for it as it was known at an instant. Documents are limited exactly, per borrower and hour.
    """
    borrower_id = borrower().borrower_id
    end_reads()
    made = statements.get_own_statement(
        borrower_id, loan_id, query.get("first"), query.get("last"), now=now(), known_at=query.get("known_at")
    )
    if not prefers(PDF):
        return Answer(_view(made), headers={"Vary": VARY_BY_MEDIA})
    statements.count_document(borrower_id, now=now())
    period = made.statement.period
    name = f"statement-{period.first}-{period.last}.pdf"
    return file_answer(statements.document_of(made, request_locale()), PDF, name=name)


def _view(made: LoanStatement) -> dict[str, Any]:
    loan, statement = made.loan, made.statement
    return {
        "loan_id": loan.id,
        "loan_no": loan.loan_no,
        "lender": made.lender,
        "currency": loan.currency,
        "timezone": loan.zone,
        "first": statement.period.first,
        "last": statement.period.last,
        "issued_on": made.issued_on,
        "known_at": statement.known_at,
        "opening": _balances(statement.opening, loan.currency),
        "lines": [_line(line, made) for line in statement.lines],
        "totals": [_total(total, loan.currency) for total in statement.totals],
        "closing": _balances(statement.closing, loan.currency),
    }


def _line(line: Line, made: LoanStatement) -> dict[str, Any]:
    currency, entry = made.loan.currency, line.entry
    return {
        "on": line.on,
        "kind": line.kind,
        "amount": Money(line.amount_minor, currency),
        "split": split_money(line.split, currency),
        "unapplied": Money(line.unapplied_minor, currency),
        "moved": _balances(line.moved, currency),
        "balance": _balances(line.balances, currency),
        "row_no": line.row_no,
        "plan_version": line.plan_version,
        "entry_id": entry and entry.entry_id,
        "reference": entry and made.references.get(entry.entry_id),
        "recorded_at": entry and entry.recorded_at,
        "reverses_id": entry and entry.reverses,
        "reversed_on": line.undone_on,
        "stop": _stop(line.stop),
        "stopped": Money(line.stopped_minor, currency),
    }


def _stop(stop: Stop | None) -> dict[str, Any] | None:
    if stop is None:
        return None
    why = why_stopped(stop.rule, request_locale())
    return {"first": stop.from_on, "until": stop.until_on, "scope": stop.scope, "why": why}


def _total(total: Total, currency: str) -> dict[str, Any]:
    return {
        "kind": total.kind,
        "count": total.count,
        "amount": Money(total.amount_minor, currency),
        "moved": _balances(total.moved, currency),
    }


def _balances(balances: Balances, currency: str) -> dict[str, Money]:
    amounts = {name: Money(minor, currency) for name, minor in balances._asdict().items()}
    return {**amounts, "outstanding": Money(balances.outstanding, currency)}
