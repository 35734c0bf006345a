"""What was reported of the borrower to credit bureaus: what, to whom, when, why, on which notice, and how to object."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.credit_report_forms import row_view
from app.persistence.db import vault
from app.persistence.queries import credit_corrections, credit_report_views
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import credit_statements
from app.services.credit_statements import LONGEST
from app.services.dispute_terms import answer_term
from app.services.law_packs import pack_for
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, MoneyField, PageQuerySchema, TextField
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now
from app.wording import credit_report_words


class OwnCreditReportSchema(Schema):
    """What was told of one loan in one month."""

    loan_id = IdField(required=True)
    loan_no = fields.String(required=True)
    lender = fields.String(required=True)
    bureau = fields.String(required=True)
    as_of = DateField(required=True)
    reported_at = InstantField(required=True)
    kind = fields.String(required=True, metadata={"enum": ["positive", "negative", "default"]})
    why = fields.String(required=True, metadata={"description": "In the borrower's language."})
    status = fields.String(required=True)
    overdue = MoneyField(required=True, allow_none=True)
    balance = MoneyField(required=True, allow_none=True)
    disputed = fields.Boolean(required=True, metadata={"description": "It says that it is disputed."})
    notice_message_id = fields.String(
        required=True, allow_none=True, metadata={"description": "The notice that was given before; also in the inbox."}
    )
    objection = fields.String(required=True, metadata={"description": "How to object, in the borrower's language."})
    objection_path = fields.String(required=True, metadata={"description": "POST it there with kind `objection`."})


class OwnCreditReportsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(OwnCreditReportSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class OwnCreditCorrectionSchema(Schema):
    """What of it was put right, or is about to be."""

    loan_no = fields.String(required=True)
    bureau = fields.String(required=True)
    as_of = DateField(required=True)
    kind = fields.String(required=True, metadata={"enum": ["correction", "deletion"]})
    reason = fields.String(required=True)
    state = fields.String(required=True)
    proposed_at = InstantField(required=True)
    filed_at = InstantField(required=True, allow_none=True, metadata={"description": "When the bureau was told."})


class OwnCreditCorrectionsSchema(Schema):
    """Newest first."""

    items = fields.List(fields.Nested(OwnCreditCorrectionSchema), required=True)


class NewCreditStatementSchema(Schema):
    """The borrower's own words."""

    words = TextField(LONGEST, required=True)


class CreditStatementSchema(Schema):
    """A statement that stands."""

    id = IdField(required=True)
    loan_id = IdField(required=True)
    loan_no = fields.String(required=True)
    words = fields.String(required=True)
    made_at = InstantField(required=True)


class CreditStatementsSchema(Schema):
    """One for a loan at most."""

    items = fields.List(fields.Nested(CreditStatementSchema), required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_REPORT = {
    "loan_id": _ID, "loan_no": "CN-1001", "lender": "Acme", "bureau": "PBOC", "as_of": "2026-02-28",
    "reported_at": "2026-03-02T09:00:00Z", "kind": "negative", "why": "An instalment was overdue on 28 February 2026.",
    "status": "2", "overdue": {"amount_minor": 10000, "currency": "CNY"},
    "balance": {"amount_minor": 20000, "currency": "CNY"}, "disputed": False, "notice_message_id": _ID,
    "objection": "If this is wrong, object here; it is answered within 20 days.",
    "objection_path": f"/v1/me/loans/{_ID}/disputes",
}  # fmt: skip
_CORRECTION = {
    "loan_no": "CN-1001", "bureau": "PBOC", "as_of": "2026-02-28", "kind": "deletion", "reason": "identity_theft",
    "state": "filed", "proposed_at": "2026-03-02T09:00:00Z", "filed_at": "2026-03-03T09:00:00Z",
}  # fmt: skip
_STATEMENT = {
    "id": _ID, "loan_id": _ID, "loan_no": "CN-1001", "words": "I was in hospital.", "made_at": "2026-03-02T09:00:00Z",
}  # fmt: skip
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = CreditStatementSchema()


@door.get("/credit-reports")
@door.asks(PageQuerySchema)
@answers(200, OwnCreditReportsSchema, example={"items": [_REPORT], "next_cursor": None})
def list_own_credit_reports(query: dict[str, Any]) -> Answer:
    """List what was reported of you to credit bureaus, newest first: what, to whom, when, why, and on which notice."""
    begin = requested_key(query)
    after = None if begin is None else (begin.at, begin.row_id)
    rows = credit_report_views.page_told_of(reads(), borrower().borrower_id, after=after, limit=query["limit"] + 1)
    shown = [_report(row) for row in rows]
    return page_answer(shown, [Key(row.submitted_at, row.loan_id) for row in rows], query)


@door.get("/credit-corrections")
@answers(200, OwnCreditCorrectionsSchema, example={"items": [_CORRECTION]})
def list_own_credit_corrections() -> dict[str, Any]:
    """List what of it was put right or taken out, and what is about to be."""
    return {"items": credit_corrections.find_corrections(reads(), borrower_id=borrower().borrower_id)}


@door.get("/credit-statements")
@answers(200, CreditStatementsSchema, example={"items": [_STATEMENT]})
def list_own_credit_statements() -> dict[str, Any]:
    """List what you added to your own record."""
    rows = credit_report_views.find_statements(reads(), borrower().borrower_id)
    return {"items": [_statement(row) for row in rows]}


@door.put("/loans/<id:loan_id>/credit-statement")
@door.takes(NewCreditStatementSchema, example={"words": "I was in hospital."})
@answers(200, CreditStatementSchema, example=_STATEMENT, problems=_ONCE)
def put_own_credit_statement(body: dict[str, Any], loan_id: str) -> Answer:
    """Add your own words to what is reported of a loan, in place of those before. Card numbers are taken out."""
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        credit_statements.put_statement(work, borrower_id, loan_id, body["words"], now=at)
        rows = credit_report_views.find_statements(work.session, borrower_id)
        (own,) = [row for row in rows if row.loan_id == loan_id]
        return Answer(_DUMP.dump(_statement(own)), 200, dumped=True)

    return answer_once(act)


@door.delete("/loans/<id:loan_id>/credit-statement")
@answers(204)
def delete_own_credit_statement(loan_id: str) -> Answer:
    """Take your words to a loan back; twice changes nothing."""
    with unit_of_work() as work:
        credit_statements.withdraw_statement(work, borrower().borrower_id, loan_id, now=now())
    return Answer(None)


def _report(row: Any) -> dict[str, Any]:
    told, locale = row_view(row), request_locale()
    days = answer_term(pack_for(row.country or row.jurisdiction).pack.jurisdiction, "objection").days
    return {
        **told,
        "lender": row.lender_name,
        "reported_at": row.submitted_at,
        "why": credit_report_words.why(row.kind, row.as_of, locale),
        "disputed": row.mark == "XB",
        "objection": credit_report_words.objection(days, locale),
        "objection_path": f"/v1/me/loans/{row.loan_id}/disputes",
    }


def _statement(row: Any) -> dict[str, Any]:
    words = vault().open(row.words_sealed, place=credit_statements.place_of(row.id))
    return {**row._mapping, "words": words}
