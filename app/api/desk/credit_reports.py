"""A lender's credit reports: months frozen, who approved them, what was handed in, what the bureau answered."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from app.api.credit_report_forms import (
    ROW_EXAMPLE,
    SNAPSHOT_EXAMPLE,
    CreditLoanSchema,
    CreditRowsSchema,
    CreditSnapshotSchema,
    CreditSnapshotsSchema,
    row_view,
    snapshot_view,
)
from app.api.desk.staff import door
from app.domain.errors import NotFoundError
from app.domain.times import EPOCH
from app.persistence.queries import credit_report_views as queries
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.loans import get_own_loan_id
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import credit_files, credit_snapshots
from app.services.attachments import DOWNLOAD_TYPE
from app.services.credit_files import RejectedLine
from app.services.credit_statements import read_statement
from app.services.staff_proofs import require_fresh_proof
from app.web.answers import Answer, file_answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, InstantField, PageQuerySchema, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads
from app.web.request_context import now


class NewCreditSnapshotSchema(Schema):
    """Which month is to be frozen, for which bureau."""

    bureau = PatternField(r"[A-Z][A-Z0-9_]{1,23}", required=True)
    as_of = DateField(required=True, metadata={"description": "A month's last day, over by now."})


class CreditRowQuerySchema(PageQuerySchema):
    """Which rows."""

    reason = PatternField(r"[A-Z_]{2,40}", metadata={"description": "Only those withheld or left out for this."})
    furnished = fields.Boolean(metadata={"description": "Only what the file tells, or only what it does not."})


class DeclineSnapshotSchema(Schema):
    """Why it is declined."""

    reason = TextField(200, required=True)


class SubmittedSnapshotSchema(Schema):
    """That the file was handed in."""

    reference = TextField(120, load_default=None, allow_none=True, metadata={"description": "The bureau's own number."})


class RejectedLineSchema(Schema):
    """A line that the bureau did not take."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    code = PatternField(r"[A-Za-z0-9._-]{1,40}", required=True)
    detail = TextField(400, load_default=None, allow_none=True)


class DeskCreditStatementSchema(Schema):
    """A borrower's own words beside what is reported of a loan."""

    words = fields.String(required=True)
    made_at = InstantField(required=True)


class BureauAnswerSchema(Schema):
    """What the bureau answered."""

    taken = fields.Boolean(required=True, metadata={"description": "False: it rejected the whole file."})
    rejected = fields.List(fields.Nested(RejectedLineSchema), load_default=list, validate=validate.Length(max=1000))


_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = CreditSnapshotSchema()


@door.get("/credit-reports")
@permits("credit.read")
@door.asks(PageQuerySchema)
@answers(200, CreditSnapshotsSchema, example={"items": [SNAPSHOT_EXAMPLE], "next_cursor": None})
def list_credit_snapshots(query: dict[str, Any]) -> Answer:
    """List the lender's frozen months, newest first, with their counts by status and reason."""
    begin = requested_key(query)
    after = None if begin is None else (begin.at, begin.row_id)
    rows = queries.page_snapshots(reads(), desk().lender_id, after=after, limit=query["limit"] + 1)
    omitted = queries.count_omitted(reads(), [row.id for row in rows])
    shown = [snapshot_view(row, omitted.get(row.id, {})) for row in rows]
    return page_answer(shown, [Key(row.made_at, row.id) for row in rows], query)


@door.post("/credit-reports")
@permits("credit.report")
@door.takes(NewCreditSnapshotSchema, example={"bureau": "PBOC", "as_of": "2026-02-28"})
@answers(201, CreditSnapshotSchema, example={**SNAPSHOT_EXAMPLE, "state": "making"}, problems=_ONCE)
def post_credit_snapshot(body: dict[str, Any]) -> Answer:
    """Have a month frozen; the engine does it page by page. The same month again is the one that is there."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        snapshot_id = credit_snapshots.begin_snapshot(
            work, who.lender_id, body["bureau"], body["as_of"], by=who.name, now=at
        )
        return _answer(work, snapshot_id, 201)

    return answer_once(act)


@door.get("/credit-reports/<id:snapshot_id>")
@permits("credit.read")
@answers(200, CreditSnapshotSchema, example=SNAPSHOT_EXAMPLE)
def get_credit_snapshot(snapshot_id: str) -> dict[str, Any]:
    """Read one."""
    row = queries.get_snapshot(reads(), desk().lender_id, snapshot_id)
    return snapshot_view(row, queries.count_omitted(reads(), [snapshot_id]).get(snapshot_id, {}))


@door.get("/credit-reports/<id:snapshot_id>/rows")
@permits("credit.read")
@door.asks(CreditRowQuerySchema)
@answers(200, CreditRowsSchema, example={"items": [ROW_EXAMPLE], "next_cursor": None})
def list_credit_rows(query: dict[str, Any], snapshot_id: str) -> Answer:
    """List the loans of a snapshot: what is furnished, or the reason why nothing is."""
    queries.get_snapshot(reads(), desk().lender_id, snapshot_id)
    begin = requested_key(query)
    rows = queries.page_rows(
        reads(), snapshot_id, reason=query.get("reason"), furnished=query.get("furnished"),
        after=None if begin is None else begin.row_id, limit=query["limit"] + 1,
    )  # fmt: skip
    return page_answer([row_view(row) for row in rows], [Key(EPOCH, row.loan_id) for row in rows], query)


@door.post("/credit-reports/<id:snapshot_id>/approve")
@permits("credit.approve")
@answers(200, CreditSnapshotSchema, example={**SNAPSHOT_EXAMPLE, "state": "approved"}, problems=(*_ONCE, "step-up-required"))
def approve_credit_snapshot(snapshot_id: str) -> Answer:
    """Approve it: then its file may be made. Not for who had it made (409). Needs a fresh second factor."""
    at, who = now(), desk()
    require_fresh_proof(who)

    def act(work: Work) -> Answer:
        credit_files.decide_snapshot(work, who.lender_id, snapshot_id, approve=True, by=who.name, now=at)
        return _answer(work, snapshot_id, 200)

    return answer_once(act)


@door.post("/credit-reports/<id:snapshot_id>/decline")
@permits("credit.report")
@door.takes(DeclineSnapshotSchema, example={"reason": "A day's payments are missing."})
@answers(200, CreditSnapshotSchema, example={**SNAPSHOT_EXAMPLE, "state": "declined"}, problems=_ONCE)
def decline_credit_snapshot(body: dict[str, Any], snapshot_id: str) -> Answer:
    """Decline it, so that another of the same month may be made."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        credit_files.decide_snapshot(
            work, who.lender_id, snapshot_id, approve=False, by=who.name, now=at, reason=body["reason"]
        )
        return _answer(work, snapshot_id, 200)

    return answer_once(act)


@door.post("/credit-reports/<id:snapshot_id>/file")
@permits("credit.file")
@answers(200, files=(DOWNLOAD_TYPE,), problems=("conflict", "step-up-required"))
def make_credit_file(snapshot_id: str) -> Response:
    """Make its file and take it out, every gate asked again. It asks for a fresh second factor, and who took it is noted.

    Its SHA-256, kept as `file_sha256`, is in Repr-Digest. Made again, it counts in place of the one before.
    """
    require_fresh_proof(desk())
    who = desk()
    end_reads()
    content, _ = credit_files.make_file_to_keep(who.lender_id, snapshot_id, by=who.name, clock=now)
    response = file_answer(content, DOWNLOAD_TYPE, name=f"credit-{snapshot_id}.txt")
    response.headers["Cache-Control"] = "no-store"
    return response


@door.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>/credit-statement")
@permits("credit.read")
@answers(200, DeskCreditStatementSchema, example={"words": "I was in hospital.", "made_at": "2026-03-01T09:00:00Z"})
def read_credit_statement(borrower_no: str, loan_no: str) -> dict[str, Any]:
    """Read what the borrower adds to what is reported of the loan (404: nothing). That it was read is noted."""
    who, at = desk(), now()
    borrower_id = get_borrower_of_lender(reads(), who.lender_id, borrower_no)
    loan_id = get_own_loan_id(reads(), who.lender_id, borrower_id, loan_no)
    end_reads()
    with unit_of_work() as work:
        said = read_statement(work, borrower_id, loan_id, by=who.name, now=at)
    if said is None:
        raise NotFoundError("The borrower adds nothing to it.")
    return {"words": said.words, "made_at": said.made_at}


@door.post("/credit-reports/<id:snapshot_id>/submit")
@permits("credit.report")
@door.takes(SubmittedSnapshotSchema, example={"reference": "S-2026-02"})
@answers(200, CreditSnapshotSchema, example={**SNAPSHOT_EXAMPLE, "state": "submitted"}, problems=_ONCE)
def submit_credit_snapshot(body: dict[str, Any], snapshot_id: str) -> Answer:
    """Say that its file was handed in: from then on the bureau has it, and what the law counts from that begins."""
    at, who = now(), desk()
    end_reads()
    credit_files.submit_snapshot(who.lender_id, snapshot_id, reference=body["reference"], by=who.name, now=at)
    return answer_once(lambda work: _answer(work, snapshot_id, 200))


@door.post("/credit-reports/<id:snapshot_id>/answer")
@permits("credit.report")
@door.takes(BureauAnswerSchema, example={"taken": True, "rejected": [{"loan_no": "CN-1001", "code": "E42"}]})
@answers(200, CreditSnapshotSchema, example={**SNAPSHOT_EXAMPLE, "state": "acknowledged"}, problems=_ONCE)
def answer_credit_snapshot(body: dict[str, Any], snapshot_id: str) -> Answer:
    """Say what the bureau answered: taken, with the lines it refused, or rejected as a whole."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        lines = [RejectedLine(**line) for line in body["rejected"]]
        credit_files.answer_snapshot(
            work, who.lender_id, snapshot_id, taken=body["taken"], rejected=lines, by=who.name, now=at
        )
        return _answer(work, snapshot_id, 200)

    return answer_once(act)


@door.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>/credit-reports")
@permits("credit.read")
@answers(200, CreditLoanSchema, example={"items": [ROW_EXAMPLE]})
def list_credit_reports_of_loan(borrower_no: str, loan_no: str) -> dict[str, Any]:
    """List what was frozen of one loan in every month, newest first."""
    lender_id = desk().lender_id
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    loan_id = get_own_loan_id(reads(), lender_id, borrower_id, loan_no)
    return {"items": [row_view(row) for row in queries.find_loan_rows(reads(), lender_id, borrower_id, loan_id)]}


def _answer(work: Work, snapshot_id: str, status: int) -> Answer:
    row = queries.get_snapshot(work.session, desk().lender_id, snapshot_id)
    omitted = queries.count_omitted(work.session, [snapshot_id]).get(snapshot_id, {})
    return Answer(_DUMP.dump(snapshot_view(row, omitted)), status, dumped=True)
