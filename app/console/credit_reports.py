"""What is reported to credit bureaus: frozen months with their counts and reasons, one loan's reports, what is put right."""

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, refused, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, after, begin, listed, one_of
from app.domain.credit_bureaus import ALL, FORMATS, LONGEST_LEAD_DAYS, NEGATIVE_ONLY, BureauValues
from app.domain.credit_gates import GATE_REASONS, MARKED, WITHHELD
from app.domain.credit_snapshots import (
    CORRECTED_SINCE,
    DELETED,
    DISPUTE_MARK_CHANGED,
    ENDED_UNCLEAR,
    INCOMPLETE,
    NOT_ENROLLED,
    NOT_REPORTED_HERE,
)
from app.domain.errors import ConflictError, ValidationError
from app.domain.money import Money
from app.domain.times import EPOCH
from app.persistence.db import vault
from app.persistence.queries import credit_bureaus as bureaus
from app.persistence.queries import credit_corrections as corrections
from app.persistence.queries import credit_report_views as queries
from app.persistence.queries.loans import get_own_loan_id
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import credit_bureaus, credit_corrections, credit_files, credit_snapshots
from app.services.attachments import DOWNLOAD_TYPE
from app.services.credit_statements import read_statement
from app.services.credit_words import decline_reason_of, detail_of
from app.services.staff_proofs import require_fresh_proof
from app.web.answers import repr_digest
from app.web.auth import desk, permits
from app.web.fields import DateField, PatternField, TextField
from app.web.pagination import Key
from app.web.reads import end_reads, reads
from app.web.request_context import now

REASONS = (
    *GATE_REASONS, NOT_ENROLLED, NOT_REPORTED_HERE, ENDED_UNCLEAR, INCOMPLETE, DELETED, DISPUTE_MARK_CHANGED,
    CORRECTED_SINCE,
)  # fmt: skip
_HOME = f"{PREFIX}/credit-reports"
_BUREAU = r"[A-Z][A-Z0-9_]{1,23}"


class FreezeSchema(Schema):
    """Which month is to be frozen."""

    bureau = PatternField(_BUREAU, required=True)
    as_of = DateField(required=True)


class DecisionSchema(Schema):
    """Whether something is approved, and why not."""

    decision = fields.String(required=True, validate=validate.OneOf(("approve", "decline")))
    reason = TextField(200, load_default=None)


class BureauFormSchema(Schema):
    """A bureau, and how it is reported to."""

    bureau = PatternField(_BUREAU, required=True)
    format = fields.String(required=True, validate=validate.OneOf(FORMATS))
    furnisher_code = PatternField(r"[A-Z0-9]{5,20}", required=True)
    furnisher_name = TextField(60, required=True)
    furnisher_address = TextField(96, required=True)
    reports = fields.String(load_default=ALL, validate=validate.OneOf((ALL, NEGATIVE_ONLY)))
    while_disputed = fields.String(load_default=WITHHELD, validate=validate.OneOf((WITHHELD, MARKED)))
    lead_days = fields.Integer(load_default=1, validate=validate.Range(1, LONGEST_LEAD_DAYS))


class BureauDecisionSchema(Schema):
    """What becomes of it."""

    decision = fields.String(required=True, validate=validate.OneOf(("approve", "decline", "end")))


@pages.get("/credit-reports")
@permits("credit.read")
def credit_reports() -> Response:
    """List the lender's frozen months, newest first."""
    return _list(Form())


@pages.post("/credit-reports")
@permits("credit.report")
def freeze_month() -> BaseResponse:
    """Have a month frozen; the engine goes on with it."""
    who, at = desk(), now()

    def act(work: Work, values: dict[str, Any]) -> str:
        snapshot_id = credit_snapshots.begin_snapshot(
            work, who.lender_id, values["bureau"], values["as_of"], by=who.name, now=at
        )
        return f"{_HOME}/{snapshot_id}"

    return submit(FreezeSchema, act, lambda form: _list(form, status=422))


@pages.get("/credit-reports/<id:snapshot_id>")
@permits("credit.read")
def credit_snapshot(snapshot_id: str) -> Response:
    """Show one: its counts by status and reason, its rows, what it waits for."""
    return _one(snapshot_id, Form())


@pages.post("/credit-reports/<id:snapshot_id>")
@permits("credit.approve")
def decide_credit_snapshot(snapshot_id: str) -> BaseResponse:
    """Approve it, which asks for a fresh code, or decline it with a reason."""
    who, at = desk(), now()
    if request.form.get("decision") == "approve":
        require_fresh_proof(who)

    def act(work: Work, values: dict[str, Any]) -> str:
        credit_files.decide_snapshot(
            work, who.lender_id, snapshot_id, approve=values["decision"] == "approve", by=who.name, now=at,
            reason=values["reason"],
        )  # fmt: skip
        return f"{_HOME}/{snapshot_id}"

    return submit(DecisionSchema, act, lambda form: _one(snapshot_id, form, status=422))


@pages.post("/credit-reports/<id:snapshot_id>/file")
@permits("credit.file")
def take_credit_file(snapshot_id: str) -> BaseResponse:
    """Make its file and take it out; asks for a fresh code, and is written down."""
    who = desk()
    require_fresh_proof(who)
    end_reads()
    try:
        content, _ = credit_files.make_file_to_keep(who.lender_id, snapshot_id, by=who.name, clock=now)
    except (ConflictError, ValidationError) as error:
        return _one(snapshot_id, refused(error), status=422)
    response = Response(content, 200, content_type=DOWNLOAD_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="credit-{snapshot_id}.txt"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["Repr-Digest"] = repr_digest(content)
    return response


@pages.get("/credit-reports/corrections")
@permits("credit.read")
def credit_corrections_page() -> Response:
    """List corrections and deletions, newest first."""
    return _corrections(Form())


@pages.post("/credit-reports/corrections/<id:correction_id>")
@permits("credit.approve")
def decide_credit_correction(correction_id: str) -> BaseResponse:
    """Approve or decline one."""
    who, at = desk(), now()

    def act(work: Work, values: dict[str, Any]) -> str:
        credit_corrections.decide_correction(
            work, who.lender_id, correction_id, approve=values["decision"] == "approve", by=who.name, now=at
        )
        return f"{_HOME}/corrections"

    return submit(DecisionSchema, act, lambda form: _corrections(form, status=422))


@pages.get("/credit-reports/bureaus")
@permits("credit.read")
def credit_bureaus_page() -> Response:
    """List at which bureaus the lender reports, and what waits for a second person."""
    return _bureaus(Form())


@pages.post("/credit-reports/bureaus")
@permits("credit.ask_bureau")
def ask_credit_bureau() -> BaseResponse:
    """Ask that the lender reports to a bureau."""
    who, at = desk(), now()

    def act(work: Work, values: dict[str, Any]) -> str:
        credit_bureaus.ask_bureau(work, who.lender_id, BureauValues(**values), by=who.name, now=at)
        return f"{_HOME}/bureaus"

    return submit(BureauFormSchema, act, lambda form: _bureaus(form, status=422))


@pages.post("/credit-reports/bureaus/<id:bureau_id>")
@permits("credit.approve")
def decide_credit_bureau(bureau_id: str) -> BaseResponse:
    """Approve, decline or end one."""
    who, at = desk(), now()

    def act(work: Work, values: dict[str, Any]) -> str:
        decision = values["decision"]
        if decision == "end":
            credit_bureaus.end_bureau(work, who.lender_id, bureau_id, by=who.name, now=at)
        else:
            credit_bureaus.decide_bureau(work, who.lender_id, bureau_id, approve=decision == "approve", by=who.name, now=at)
        return f"{_HOME}/bureaus"

    return submit(BureauDecisionSchema, act, lambda form: _bureaus(form, status=422))


@pages.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>/credit-reports")
@permits("credit.read")
@opened
def borrower_credit_reports(borrower: Opened, loan_no: str) -> BaseResponse:
    """Show what was frozen of one loan in every month, and what was put right."""
    lender_id = desk().lender_id
    loan_id = get_own_loan_id(reads(), lender_id, borrower.id, loan_no)
    rows = queries.find_loan_rows(reads(), lender_id, borrower.id, loan_id)
    put_right = corrections.find_corrections(reads(), lender_id=lender_id, loan_id=loan_id)
    who = desk()
    end_reads()
    with unit_of_work() as work:
        said = read_statement(work, borrower.id, loan_id, by=who.name, now=now())
    return borrower_page(
        "credit_reports.html", borrower, loan_no=loan_no, rows=[(row, *_sums(row)) for row in rows], corrections=put_right,
        statement=said,
    )  # fmt: skip


def _list(form: Form, *, status: int = 200) -> Response:
    rows = queries.page_snapshots(reads(), desk().lender_id, after=after(), limit=SIZE + 1)
    enabled = queries.find_enabled_bureaus(reads(), desk().lender_id)
    found = listed(rows, [Key(row.made_at, row.id) for row in rows])
    return page("credit_reports/list.html", status=status, form=form, found=found, bureaus=enabled)


def _one(snapshot_id: str, form: Form, *, status: int = 200) -> Response:
    snapshot = queries.get_snapshot(reads(), desk().lender_id, snapshot_id)
    reason = one_of("reason", REASONS)
    key = begin(reason=reason)
    rows = queries.page_rows(
        reads(), snapshot_id, reason=reason, furnished=None, after=None if key is None else key.row_id, limit=SIZE + 1
    )
    shown = [(row, *_sums(row)) for row in rows]
    found = listed(shown, [Key(EPOCH, row.loan_id) for row in rows], reason=reason)
    omitted = queries.count_omitted(reads(), [snapshot_id]).get(snapshot_id, {})
    ring = vault()
    rejections = [(line.loan_no, line.code, detail_of(ring, line)) for line in queries.find_rejections(reads(), snapshot_id)]
    return page(
        "credit_reports/one.html", status=status, snapshot=snapshot, found=found, reason=reason, omitted=omitted, form=form,
        rejections=rejections, declined_for=decline_reason_of(ring, snapshot),
    )  # fmt: skip


def _corrections(form: Form, *, status: int = 200) -> Response:
    rows = corrections.find_corrections(reads(), lender_id=desk().lender_id)
    return page("credit_reports/corrections.html", status=status, rows=rows, form=form)


def _bureaus(form: Form, *, status: int = 200) -> Response:
    rows = bureaus.find_bureaus(reads(), desk().lender_id)
    return page(
        "credit_reports/bureaus.html", status=status, rows=rows, form=form, formats=FORMATS, kinds=(ALL, NEGATIVE_ONLY),
        disputed=(WITHHELD, MARKED), longest=LONGEST_LEAD_DAYS,
    )  # fmt: skip


def _sums(row: Any) -> tuple[Money | None, Money | None]:
    account = row.account or {}
    overdue, balance = account.get("overdue_minor"), account.get("balance_minor")
    return (
        None if overdue is None else Money(overdue, row.currency),
        None if balance is None else Money(balance, row.currency),
    )
