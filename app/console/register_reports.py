"""Reports to registers: what waits and why not, what stands, what was taken off, and the files."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, begin, listed, one_of
from app.domain.errors import ConflictError, refused_at
from app.domain.registers import ReportState
from app.persistence.queries import register_events as events
from app.persistence.queries import restricted_register as queries
from app.persistence.queries.lenders import get_jurisdiction
from app.persistence.queries.loans import find_loan_owners
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import register_files, register_removals, register_views, restricted_register
from app.services.registers import get_register, registers_for, words_in
from app.services.restricted_register import LONGEST_REASON
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.answers import personal_file
from app.web.auth import desk, permits
from app.web.fields import NUMBER_PATTERN, PatternField, TextField
from app.web.languages import request_locale
from app.web.pagination import Key
from app.web.reads import end_reads, reads
from app.web.request_context import now

_PATH = "/register-reports"
_HOME = f"{PREFIX}{_PATH}"
_STATES = [state.value for state in ReportState]


class ReportFormSchema(Schema):
    """Which loan, to which register on which basis: "register/basis"."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    basis = fields.String(required=True, validate=validate.Length(max=90))


class ApproveReportSchema(Schema):
    """Yes."""


class DeclineReportSchema(Schema):
    """No, and why."""

    reason = TextField(LONGEST_REASON, required=True)


class TakeOffFormSchema(Schema):
    """Why it is taken off."""

    reason = fields.String(required=True, validate=validate.OneOf([each.value for each in register_removals.BY_STAFF]))


class FileFormSchema(Schema):
    """Of which register."""

    register = fields.String(required=True, validate=validate.Length(max=40))


@pages.get(_PATH)
@permits("register_reports.read")
def register_reports() -> BaseResponse:
    """List reports; of those that wait, what stands in the way now."""
    return _list(Form())


@pages.post(_PATH)
@permits("register_reports.ask")
def ask_report() -> BaseResponse:
    """Ask for a report; what stands in its way is said at the form."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        register, _, basis = values["basis"].partition("/")
        owner = find_loan_owners(work.session, staff.lender_id, [values["loan_no"]]).get(values["loan_no"])
        if owner is None:
            raise refused_at("/loan_no", f"There is no loan {values['loan_no']}.")
        outcome = restricted_register.report(
            work, [owner[0]], register=register, basis=basis, by=staff.by, now=at, lender_id=staff.lender_id
        )[owner[0]]
        if outcome.gate is not None:
            raise ConflictError(f"It cannot be reported now: {outcome.gate}.")
        return f"{_HOME}/{outcome.report_id}"

    return submit(ReportFormSchema, act, lambda form: _list(form, status=422))


@pages.get(f"{_PATH}/<id:report_id>")
@permits("register_reports.read")
def register_report(report_id: str) -> BaseResponse:
    """Show a report with what was handed over; the reading is written down."""
    return _one(report_id, Form())


@pages.post(f"{_PATH}/<id:report_id>/approve")
@permits("register_reports.approve")
def approve_report(report_id: str) -> BaseResponse:
    """Approve it; asks for a fresh code."""
    at, staff = now(), acting()
    require_fresh_proof(desk())

    def act(work: Work, _: dict[str, Any]) -> str:
        queries.get_shown(work.session, report_id, lender_id=staff.lender_id)
        found = restricted_register.decide_reports(work, [report_id], approve=True, staff=staff, now=at)
        if found[report_id].gate is not None:
            raise ConflictError(f"It cannot be reported now: {found[report_id].gate}.")
        return f"{_HOME}/{report_id}"

    return submit(ApproveReportSchema, act, lambda form: _one(report_id, form, status=422))


@pages.post(f"{_PATH}/<id:report_id>/decline")
@permits("register_reports.approve")
def decline_report(report_id: str) -> BaseResponse:
    """Do not report it."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        queries.get_shown(work.session, report_id, lender_id=staff.lender_id)
        restricted_register.decide_reports(work, [report_id], approve=False, staff=staff, now=at, reason=values["reason"])
        return f"{_HOME}/{report_id}"

    return submit(DeclineReportSchema, act, lambda form: _one(report_id, form, status=422))


@pages.post(f"{_PATH}/<id:report_id>/remove")
@permits("register_reports.ask")
def take_report_off(report_id: str) -> BaseResponse:
    """Take it off; the next file tells the register."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        register_removals.take_off(work, report_id, values["reason"], staff=staff, now=at)
        return f"{_HOME}/{report_id}"

    return submit(TakeOffFormSchema, act, lambda form: _one(report_id, form, status=422))


@pages.get(f"{_PATH}/files")
@permits("register_reports.read")
def register_files_made() -> BaseResponse:
    """List the files that were made, with the form that makes the next."""
    return _files(Form())


@pages.post(f"{_PATH}/files")
@permits("register_reports.export")
def make_register_file() -> BaseResponse:
    """Make the next file of a register; asks for a fresh code."""
    at, staff = now(), acting()
    require_fresh_proof(desk())

    def act(work: Work, values: dict[str, Any]) -> str:
        register_files.make_file(work, values["register"], staff=staff, now=at)
        return f"{_HOME}/files"

    return submit(FileFormSchema, act, lambda form: _files(form, status=422))


@pages.get(f"{_PATH}/files/<id:file_id>")
@permits("register_reports.export")
def register_file(file_id: str) -> Response:
    """Download a file; asks for a fresh code."""
    require_fresh_proof(desk())
    end_reads()
    with unit_of_work() as work:
        file = register_files.read_file(work, file_id, staff=acting(), now=now())
    return personal_file(file.content, "text/csv", name=file.name)


def _list(form: Form, *, status: int = 200) -> BaseResponse:
    state = one_of("state", _STATES)
    key = begin(state=state)
    states = (state,) if state else register_views.OPEN_STATES
    lender_id, locale = desk().lender_id, request_locale()
    rows = queries.page_of_lender(reads(), lender_id, states=states, after="" if key is None else key.row_id, limit=SIZE + 1)
    choices = [
        (f"{each.key}/{basis.key}", f"{words_in(each.name, locale)} · {basis.source}")
        for each in registers_for(get_jurisdiction(reads(), lender_id))
        for basis in each.bases.values()
    ]
    found = listed(rows, [Key(row.asked_at, row.id) for row in rows], state=state)
    end_reads()
    gates = register_views.gates_of(rows, now=now())
    return page(
        "registers/list.html", status=status, found=found, gates=gates, form=form, state=state, states=_STATES,
        choices=choices,
    )  # fmt: skip


def _one(report_id: str, form: Form, *, status: int = 200) -> BaseResponse:
    end_reads()
    shown = register_views.read_report(acting(), report_id, now=now())
    register, locale = get_register(shown.row.register), request_locale()
    basis = register.bases[shown.row.basis]
    return page(
        "registers/report.html", status=status, shown=shown, row=shown.row, form=form, basis=basis,
        basis_words=words_in(basis.words, locale), register_name=words_in(register.name, locale), register=register,
        reasons=[each.value for each in register_removals.BY_STAFF],
    )  # fmt: skip


def _files(form: Form, *, status: int = 200) -> BaseResponse:
    key = begin()
    lender_id, locale = desk().lender_id, request_locale()
    rows = events.page_files(reads(), lender_id, before="" if key is None else key.row_id, limit=SIZE + 1)
    waiting = events.count_unfiled(reads(), lender_id)
    choices = [
        (each.key, words_in(each.name, locale), waiting.get(each.key, 0))
        for each in registers_for(get_jurisdiction(reads(), lender_id))
    ]
    found = listed(rows, [Key(row.made_at, row.id) for row in rows])
    return page("registers/files.html", status=status, found=found, form=form, choices=choices)
