"""Staff report borrowers to registers of authorities and associations: asked for, decided by somebody else, taken off."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.registers import FIELDS, Gate, ReportState
from app.persistence.db import vault
from app.persistence.queries import register_events as events
from app.persistence.queries import restricted_register as queries
from app.persistence.queries.loans import find_loan_owners
from app.persistence.unit_of_work import Work
from app.services import register_removals, register_views, restricted_register
from app.services.restricted_register import LONGEST_REASON, ReportOutcome
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, IdField, InstantField, PageQuerySchema, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads
from app.web.request_context import now

MOST_AT_ONCE = 500
_KEY = "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_STATES = [state.value for state in ReportState]


class RegisterReportQuerySchema(PageQuerySchema):
    """Which reports."""

    state = fields.String(
        load_default=None, validate=validate.OneOf(_STATES), metadata={"description": "Without it, what waits or stands."}
    )
    register = PatternField(_KEY, load_default=None)


class RegisterReportSchema(Schema):
    """A report. `gate`: of one that waits, what stands in its way now."""

    id = IdField(required=True)
    borrower_no = fields.String(required=True)
    loan_no = fields.String(required=True)
    register = fields.String(required=True)
    basis = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": _STATES})
    gate = fields.String(required=True, allow_none=True, metadata={"enum": [*(gate.value for gate in Gate), None]})
    fields_ = fields.List(fields.String(), required=True, data_key="fields", attribute="fields")
    notice_kind = fields.String(required=True)
    notice_delivered_at = InstantField(required=True)
    asked_by = fields.String(required=True)
    asked_at = InstantField(required=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = InstantField(required=True, allow_none=True)
    declined_reason = fields.String(required=True, allow_none=True)
    reported_at = InstantField(required=True, allow_none=True)
    keep_until = DateField(required=True, allow_none=True)
    mark = fields.String(required=True, allow_none=True)
    removal_reason = fields.String(required=True, allow_none=True)
    removal_due_on = DateField(required=True, allow_none=True)
    removed_at = InstantField(required=True, allow_none=True)


class RegisterReportsSchema(Schema):
    """A page, the oldest first."""

    items = fields.List(fields.Nested(RegisterReportSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RegisterEventSchema(Schema):
    """What happened to a report. `file_id` null: the register has not been told yet."""

    kind = fields.String(required=True, metadata={"enum": ["reported", "corrected", "removed"]})
    reason = fields.String(required=True, allow_none=True)
    at = InstantField(required=True)
    by = fields.String(required=True)
    file_id = IdField(required=True, allow_none=True)


class WholeRegisterReportSchema(RegisterReportSchema):
    """A report with what was handed over."""

    content = fields.Dict(required=True, allow_none=True)
    events = fields.List(fields.Nested(RegisterEventSchema), required=True)


class NewRegisterReportsSchema(Schema):
    """Which loans, to whom, on which basis. Without `fields` all is told that the register may be told."""

    loan_nos = fields.List(PatternField(NUMBER_PATTERN), required=True, validate=validate.Length(1, MOST_AT_ONCE))
    register = PatternField(_KEY, required=True)
    basis = PatternField(_KEY, required=True)
    fields_ = fields.List(
        fields.String(validate=validate.OneOf(FIELDS)), load_default=list, data_key="fields",
        validate=validate.Length(max=len(FIELDS)),
    )  # fmt: skip


class RegisterOutcomeSchema(Schema):
    """What became of one. `gate` null: it waits for somebody else, or stands."""

    subject = fields.String(required=True, metadata={"description": "The loan's number, or the report's id."})
    report_id = IdField(required=True, allow_none=True)
    gate = fields.String(required=True, allow_none=True)
    rule = fields.String(required=True, allow_none=True, metadata={"description": "Of the law, where it stands in the way."})


class RegisterOutcomesSchema(Schema):
    """What became of each."""

    items = fields.List(fields.Nested(RegisterOutcomeSchema), required=True)


class DecideRegisterReportsSchema(Schema):
    """Yes or no to reports that wait."""

    report_ids = fields.List(IdField(), required=True, validate=validate.Length(1, MOST_AT_ONCE))
    approve = fields.Boolean(required=True, truthy={True}, falsy={False})
    reason = TextField(LONGEST_REASON, load_default=None, allow_none=True)


class TakeOffSchema(Schema):
    """Why a report is taken off by hand."""

    reason = fields.String(required=True, validate=validate.OneOf([each.value for each in register_removals.BY_STAFF]))


_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
_REPORT = {
    "id": _ID, "borrower_no": "B-1001", "loan_no": "CN-1001", "register": "cn-nifa", "basis": "separate-consent",
    "state": "waiting", "gate": None, "fields": ["loan_no", "overdue"], "notice_kind": "register_notice",
    "notice_delivered_at": "2026-05-01T02:00:00Z", "asked_by": "staff:Ann", "asked_at": "2026-06-01T02:00:00Z",
    "decided_by": None, "decided_at": None, "declined_reason": None, "reported_at": None, "keep_until": None, "mark": None,
    "removal_reason": None, "removal_due_on": None, "removed_at": None,
}  # fmt: skip
_WHOLE = {**_REPORT, "content": None, "events": []}
_NEW = {"loan_nos": ["CN-1001"], "register": "cn-nifa", "basis": "separate-consent"}
_OUTCOMES = {"items": [{"subject": "CN-1001", "report_id": None, "gate": "NO_NOTICE_DELIVERED", "rule": None}]}
_OUTCOME, _ONE = RegisterOutcomesSchema(), WholeRegisterReportSchema()


@door.get("/register-reports")
@permits("register_reports.read")
@door.asks(RegisterReportQuerySchema)
@answers(200, RegisterReportsSchema, example={"items": [_REPORT], "next_cursor": None})
def list_register_reports(query: dict[str, Any]) -> Answer:
    """List reports; of those that wait, what stands in their way now."""
    key = requested_key(query)
    states = (query["state"],) if query["state"] else register_views.OPEN_STATES
    rows = queries.page_of_lender(
        reads(), desk().lender_id, states=states, register=query["register"],
        after="" if key is None else key.row_id, limit=query["limit"] + 1,
    )  # fmt: skip
    end_reads()
    gates = register_views.gates_of(rows, now=now())
    keys = [Key(row.asked_at, row.id) for row in rows]
    return page_answer([{**_told(row), "gate": gates.get(row.id)} for row in rows], keys, query)


@door.post("/register-reports")
@permits("register_reports.ask")
@door.takes(NewRegisterReportsSchema, example=_NEW)
@answers(201, RegisterOutcomesSchema, example=_OUTCOMES, problems=_ONCE)
def post_register_reports(body: dict[str, Any]) -> Answer:
    """Ask for reports of loans to a register. Each waits for somebody else; what stands in the way is said by code."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        owners = find_loan_owners(work.session, staff.lender_id, body["loan_nos"])
        numbers = {loan_id: loan_no for loan_no, (loan_id, _) in owners.items()}
        found = restricted_register.report(
            work, list(numbers), register=body["register"], basis=body["basis"], fields=body["fields_"], by=staff.by,
            now=at, lender_id=staff.lender_id,
        )  # fmt: skip
        by_number = {numbers[loan_id]: outcome for loan_id, outcome in found.items()}
        left_out = ReportOutcome(None, Gate.LEFT_OUT)
        told = {number: by_number.get(number, left_out) for number in dict.fromkeys(body["loan_nos"])}
        return Answer(_OUTCOME.dump(_outcomes(told)), 201, dumped=True)

    return answer_once(act)


@door.post("/register-reports/decisions")
@permits("register_reports.approve")
@door.takes(DecideRegisterReportsSchema, example={"report_ids": [_ID], "approve": True})
@answers(200, RegisterOutcomesSchema, example=_OUTCOMES, problems=(*_ONCE, "step-up-required"))
def decide_register_reports(body: dict[str, Any]) -> Answer:
    """Decide reports that somebody else asked for. One that a gate stops now keeps waiting. Needs a fresh second factor."""
    at, staff = now(), acting()
    require_fresh_proof(desk())

    def act(work: Work) -> Answer:
        found = restricted_register.decide_reports(
            work, body["report_ids"], approve=body["approve"], staff=staff, now=at, reason=body["reason"]
        )
        return Answer(_OUTCOME.dump(_outcomes(found)), 200, dumped=True)

    return answer_once(act)


@door.get("/register-reports/<id:report_id>")
@permits("register_reports.read")
@answers(200, WholeRegisterReportSchema, example=_WHOLE)
def get_register_report(report_id: str) -> dict[str, Any]:
    """Show a report with what was handed over; the reading is written down."""
    return _whole(report_id)


@door.post("/register-reports/<id:report_id>/remove")
@permits("register_reports.ask")
@door.takes(TakeOffSchema, example={"reason": "our_error"})
@answers(200, WholeRegisterReportSchema, example={**_WHOLE, "state": "removed"}, problems=_ONCE)
def remove_register_report(body: dict[str, Any], report_id: str) -> Answer:
    """Take a report off by hand; the next file tells the register."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        register_removals.take_off(work, report_id, body["reason"], staff=staff, now=at)
        return _answer(work, report_id)

    return answer_once(act)


@door.post("/register-reports/<id:report_id>/correct")
@permits("register_reports.ask")
@answers(200, WholeRegisterReportSchema, example={**_WHOLE, "state": "standing"}, problems=_ONCE)
def correct_register_report(report_id: str) -> Answer:
    """Hand over anew what a report says, by the book of now."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        register_removals.correct(work, report_id, staff=staff, now=at)
        return _answer(work, report_id)

    return answer_once(act)


def _outcomes(found: Any) -> dict[str, Any]:
    items = [
        {"subject": key, "report_id": each.report_id, "gate": each.gate, "rule": each.rule} for key, each in found.items()
    ]
    return {"items": items}


def _told(row: Any) -> dict[str, Any]:
    return {**row._mapping, "declined_reason": register_views.declined_reason(vault(), row)}


def _whole(report_id: str) -> dict[str, Any]:
    end_reads()
    shown = register_views.read_report(acting(), report_id, now=now())
    told = {**shown.row._mapping, "declined_reason": shown.declined_reason}
    return {**told, "gate": shown.gate, "content": shown.content, "events": shown.events}


def _answer(work: Work, report_id: str) -> Answer:
    row = queries.get_shown(work.session, report_id, lender_id=desk().lender_id)
    happened = events.find_events(work.session, report_id)
    return Answer(_ONE.dump({**_told(row), "gate": None, "content": None, "events": happened}), 200, dumped=True)
