"""What was reported of a borrower to a register of an authority or association, on which basis, and how to object."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.persistence.db import vault
from app.persistence.queries.wind_downs import find_for_borrower
from app.services import register_views
from app.services.wind_downs import since_of, terms_of
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField, PageQuerySchema
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads


class RegisterBasisSchema(Schema):
    """The legal basis. `verified` false: its text was not read in the law itself; ask the lender for it."""

    source = fields.String(required=True)
    words = fields.String(required=True)
    verified = fields.Boolean(required=True)


class RegisterReportOfMineSchema(Schema):
    """One report."""

    id = IdField(required=True)
    loan_id = IdField(required=True)
    loan_no = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["standing", "removed"]})
    register = fields.String(required=True)
    kept_by = fields.String(required=True)
    basis = fields.Nested(RegisterBasisSchema, required=True)
    content = fields.Dict(
        required=True,
        metadata={"description": "What was handed over, or is to be; nothing else. `amounts_on`: the amounts' day."},
    )
    notice_kind = fields.String(required=True, metadata={"description": "Of the notice that came first."})
    notice_delivered_at = InstantField(required=True)
    reported_at = InstantField(required=True, metadata={"description": "When it was decided to report it."})
    handed_over_at = InstantField(
        required=True,
        allow_none=True,
        metadata={"description": "When the file was made that told the register; null: not yet."},
    )
    keep_until = DateField(required=True, allow_none=True)
    disputed = fields.Boolean(required=True, metadata={"description": "It is marked as objected to."})
    how_to_object = fields.String(required=True)
    removed_at = InstantField(required=True, allow_none=True)
    removal_reason = fields.String(required=True, allow_none=True)
    removal_due_on = DateField(required=True, allow_none=True)


class RegisterReportsOfMineSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(RegisterReportOfMineSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class LenderNoticeSchema(Schema):
    """What an app shows above everything else: a lender makes no new loans and winds down."""

    kind = fields.String(required=True, metadata={"enum": ["winding_down"]})
    lender_id = IdField(required=True)
    since = InstantField(required=True)
    contact = fields.String(required=True, allow_none=True)
    longer_plans = fields.Boolean(required=True, metadata={"description": "Plans that lengthen a loan are still offered."})


class LenderNoticesSchema(Schema):
    """Banners; none as a rule."""

    items = fields.List(fields.Nested(LenderNoticeSchema), required=True)


_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
_EXAMPLE = {
    "id": _ID, "loan_id": _ID, "loan_no": "CN-1001", "state": "standing",
    "register": "Credit information sharing of the association", "kept_by": "the association",
    "basis": {"source": "PIPL art. 23", "words": "You agreed separately.", "verified": True},
    "content": {"loan_no": "CN-1001", "overdue": "1200.00", "currency": "CNY", "amounts_on": "2026-06-02"},
    "notice_kind": "register_notice",
    "notice_delivered_at": "2026-05-01T02:00:00Z", "reported_at": "2026-06-01T02:00:00Z",
    "handed_over_at": "2026-06-02T02:00:00Z", "keep_until": "2031-05-31",
    "disputed": False, "how_to_object": "Answer in the app that the report is wrong.", "removed_at": None,
    "removal_reason": None, "removal_due_on": None,
}  # fmt: skip
_BANNER = {"kind": "winding_down", "lender_id": _ID, "since": "2026-06-01T02:00:00Z", "contact": "400-000-0000",
           "longer_plans": True}  # fmt: skip


@door.get("/register-reports")
@door.asks(PageQuerySchema)
@answers(200, RegisterReportsOfMineSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_my_register_reports(query: dict[str, Any]) -> Answer:
    """List what was reported of you: what, to whom, on which legal basis, how to object, and whether it still stands."""
    found = register_views.page_own(
        reads(), vault(), borrower().borrower_id, before=requested_key(query), limit=query["limit"] + 1,
        locale=request_locale(),
    )  # fmt: skip
    return page_answer(found, [Key(each["reported_at"], each["id"]) for each in found], query)


@door.get("/register-reports/<id:report_id>")
@answers(200, RegisterReportOfMineSchema, example=_EXAMPLE)
def get_my_register_report(report_id: str) -> dict[str, Any]:
    """Show one of the reports about you."""
    return register_views.own_report(reads(), vault(), borrower().borrower_id, report_id, locale=request_locale())


@door.get("/banners")
@answers(200, LenderNoticesSchema, example={"items": [_BANNER]})
def list_banners() -> dict[str, Any]:
    """Show what an app says above everything else: a lender of yours makes no new loans. Your contract stays as it is."""
    rows = find_for_borrower(reads(), borrower().borrower_id)
    return {
        "items": [
            {"kind": "winding_down", "lender_id": row.lender_id, "since": since_of(row), "contact": terms_of(row).contact,
             "longer_plans": terms_of(row).longer_plans}
            for row in rows
        ]
    }  # fmt: skip
