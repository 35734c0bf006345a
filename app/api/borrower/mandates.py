"""The borrower's autopay mandate on a loan: seen, and taken back."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.domain.mandates import LIVING, OUTCOMES, MandateState
from app.persistence.queries.mandates import find_draws, find_mandate
from app.persistence.unit_of_work import Work
from app.services.accounts import get_account
from app.services.mandates import revoke_mandate as take_back
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, IdField, InstantField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class DrawSchema(Schema):
    """One drawing."""

    drawn_on = DateField(required=True)
    outcome = fields.String(required=True, metadata={"enum": list(OUTCOMES)})
    code = fields.String(required=True, allow_none=True)
    retry_on = DateField(required=True, allow_none=True)


class MandateSchema(Schema):
    """A mandate."""

    id = IdField(required=True)
    state = fields.String(required=True, metadata={"enum": [state.value for state in MandateState]})
    provider = fields.String(required=True, metadata={"description": "Who draws: core is the lender itself."})
    reference = fields.String(required=True)
    created_at = InstantField(required=True)
    changed_at = InstantField(required=True, metadata={"description": "When it came to this state."})
    last_drawn_on = DateField(required=True, allow_none=True)
    retry_on = DateField(required=True, allow_none=True, metadata={"description": "When it is drawn again, as told."})
    failures = fields.Integer(required=True, metadata={"description": "Drawings in a row that failed."})
    failure_code = fields.String(required=True, allow_none=True)
    can_revoke = fields.Boolean(required=True)
    draws = fields.List(fields.Nested(DrawSchema), required=True, metadata={"description": "Newest first."})


class AutopaySchema(Schema):
    """Whether instalments are drawn by themselves."""

    autopay = fields.Boolean(required=True, metadata={"description": "The next instalment is expected to be drawn."})
    mandate = fields.Nested(MandateSchema, required=True, allow_none=True)


_EXAMPLE: dict[str, Any] = {
    "autopay": False,
    "mandate": {
        "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
        "state": "failing",
        "provider": "core",
        "reference": "SEPA-77120",
        "created_at": "2026-05-20T08:00:00Z",
        "changed_at": "2026-11-20T06:10:00Z",
        "last_drawn_on": "2026-11-20",
        "retry_on": "2026-11-24",
        "failures": 1,
        "failure_code": "insufficient_funds",
        "can_revoke": True,
        "draws": [
            {"drawn_on": "2026-11-20", "outcome": "failed", "code": "insufficient_funds", "retry_on": "2026-11-24"},
        ],
    },
}


@door.get("/loans/<id:loan_id>/mandate")
@answers(200, AutopaySchema, example=_EXAMPLE)
def get_mandate(loan_id: str) -> dict[str, Any]:
    """Show whether your instalments are drawn by themselves, and what came of it so far."""
    return _view(borrower().borrower_id, loan_id)


@door.post("/loans/<id:loan_id>/mandate/revoke")
@answers(200, AutopaySchema, example=_EXAMPLE, problems=("conflict", "idempotency-mismatch", "idempotency-in-flight"))
def revoke_mandate(loan_id: str) -> Answer:
    """Take back that instalments are drawn. It holds at once, the lender's core is told, and reminders go again."""
    borrower_id, at = borrower().borrower_id, now()

    def act(work: Work) -> Answer:
        take_back(work, borrower_id, loan_id, by=borrower().name, now=at)
        work.session.flush()
        return Answer(AutopaySchema().dump(_view(borrower_id, loan_id, work)), 200, dumped=True)

    return answer_once(act)


def _view(borrower_id: str, loan_id: str, work: Work | None = None) -> dict[str, Any]:
    connection = reads() if work is None else work.session.connection()
    account = get_account(connection, borrower_id, loan_id, now=now())
    row = find_mandate(connection, borrower_id, loan_id)
    if row is None:
        return {"autopay": account.loan.autopay, "mandate": None}
    draws = find_draws(connection, borrower_id, row.id)
    return {
        "autopay": account.loan.autopay,
        "mandate": {**row._mapping, "can_revoke": row.state in LIVING, "draws": draws},
    }
