"""The registers that a lender may report to, the files handed to them, and the figures that may be public."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from app.api.desk.staff import door
from app.domain.registers import Gate, Register
from app.persistence.queries import register_events as events
from app.persistence.queries.lenders import get_jurisdiction
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import register_files, register_publication
from app.services.registers import registers_for, words_in
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.answers import Answer, personal_file
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import IdField, InstantField, PageQuerySchema, PatternField
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads, reads
from app.web.request_context import now

CSV = "text/csv"
_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
_KEY = "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


class RegisterBasisAtDeskSchema(Schema):
    """A legal basis. `grade`: primary (read in the law), secondary, or recalled: have counsel check it first."""

    key = fields.String(required=True)
    source = fields.String(required=True)
    grade = fields.String(required=True)
    words = fields.String(required=True)


class RegisterSchema(Schema):
    """A register that your lender may report to."""

    key = fields.String(required=True)
    name = fields.String(required=True)
    kept_by = fields.String(required=True)
    kind = fields.String(required=True)
    bases = fields.List(fields.Nested(RegisterBasisAtDeskSchema), required=True)
    fields_ = fields.List(fields.String(), required=True, data_key="fields")
    notice_kinds = fields.List(fields.String(), required=True)
    wait_days = fields.Integer(required=True)
    least_days_past_due = fields.Integer(required=True)
    removal_days = fields.Integer(required=True)
    keep_years = fields.Integer(required=True)
    waiting_lines = fields.Integer(required=True, metadata={"description": "What the next file would tell."})


class RegistersSchema(Schema):
    """All of them."""

    items = fields.List(fields.Nested(RegisterSchema), required=True)


class NewRegisterFileSchema(Schema):
    """Of which register."""

    register = PatternField(_KEY, required=True)


class HeldBackSchema(Schema):
    """A report that is approved and waits for a later file, with what stood in its way when this one was made."""

    report_id = IdField(required=True)
    gate = fields.String(required=True, metadata={"enum": [gate.value for gate in Gate]})


class RegisterFileSchema(Schema):
    """A file that was made for a register."""

    id = IdField(required=True)
    register = fields.String(required=True)
    number = fields.Integer(required=True)
    lines = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    made_by = fields.String(required=True)
    made_at = InstantField(required=True)
    held_back = fields.List(
        fields.Nested(HeldBackSchema), required=True, metadata={"description": "Reports that a gate kept out of this file."}
    )


class RegisterFilesSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(RegisterFileSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class RegisterFigureSchema(Schema):
    """How many people stand on a register; null: so few that it is withheld."""

    register = fields.String(required=True)
    people = fields.Integer(required=True, allow_none=True)


class RegisterFiguresSchema(Schema):
    """All that may ever be public of registers."""

    items = fields.List(fields.Nested(RegisterFigureSchema), required=True)


_REGISTER = {
    "key": "cn-nifa", "name": "Credit information sharing", "kept_by": "the association", "kind": "association",
    "bases": [{"key": "separate-consent", "source": "PIPL art. 23", "grade": "primary", "words": "You agreed."}],
    "fields": ["loan_no", "overdue"], "notice_kinds": ["register_notice"], "wait_days": 15, "least_days_past_due": 60,
    "removal_days": 5, "keep_years": 5, "waiting_lines": 0,
}  # fmt: skip
_FILE = {"id": _ID, "register": "cn-nifa", "number": 1, "lines": 12, "sha256": "0" * 64, "made_by": "staff:Ben",
         "made_at": "2026-06-02T02:00:00Z", "held_back": [{"report_id": _ID, "gate": "OPEN_DISPUTE"}]}  # fmt: skip
_MADE = RegisterFileSchema()


@door.get("/registers")
@permits("register_reports.read")
@answers(200, RegistersSchema, example={"items": [_REGISTER]})
def list_registers() -> dict[str, Any]:
    """List the registers that your lender may report to, on which bases, and what each may be told."""
    lender_id, locale = desk().lender_id, request_locale()
    waiting = events.count_unfiled(reads(), lender_id)
    return {
        "items": [
            _register_view(each, locale, waiting.get(each.key, 0))
            for each in registers_for(get_jurisdiction(reads(), lender_id))
        ]
    }


@door.get("/register-files")
@permits("register_reports.read")
@door.asks(PageQuerySchema)
@answers(200, RegisterFilesSchema, example={"items": [_FILE], "next_cursor": None})
def list_register_files(query: dict[str, Any]) -> Answer:
    """List the files that were made for registers, newest first."""
    key = requested_key(query)
    rows = events.page_files(reads(), desk().lender_id, before="" if key is None else key.row_id, limit=query["limit"] + 1)
    return page_answer([_file_view(row) for row in rows], [Key(row.made_at, row.id) for row in rows], query)


@door.post("/register-files")
@permits("register_reports.export")
@door.takes(NewRegisterFileSchema, example={"register": "cn-nifa"})
@answers(201, RegisterFileSchema, example=_FILE, problems=(*_ONCE, "step-up-required"))
def post_register_file(body: dict[str, Any]) -> Answer:
    """Make the next file of a register. What must not stand any more is taken off first. Needs a fresh second factor."""
    at, staff = now(), acting()
    require_fresh_proof(desk())

    def act(work: Work) -> Answer:
        file = register_files.make_file(work, body["register"], staff=staff, now=at)
        return Answer(_MADE.dump(_file_view(file)), 201, dumped=True)

    return answer_once(act)


@door.get("/register-files/<id:file_id>/file")
@permits("register_reports.export")
@answers(200, files=(CSV,), problems=("conflict", "step-up-required"))
def get_register_file(file_id: str) -> Response:
    """Download a file, the same bytes each time; the reading is written down. Needs a fresh second factor."""
    require_fresh_proof(desk())
    end_reads()
    with unit_of_work() as work:
        file = register_files.read_file(work, file_id, staff=acting(), now=now())
    return personal_file(file.content, CSV, name=file.name)


@door.get("/register-figures")
@permits("register_reports.read")
@answers(200, RegisterFiguresSchema, example={"items": [{"register": "cn-nifa", "people": None}]}, problems=("law-refused",))
def list_register_figures() -> dict[str, Any]:
    """Show all that may ever be public of registers: how many people stand on each, and not even that of a few."""
    lender_id, at = desk().lender_id, now()
    end_reads()
    with reading() as session:
        found = register_publication.public_figures(session, lender_id, now=at)
    return {"items": [{"register": key, "people": people} for key, people in sorted(found.items())]}


def _file_view(row: Any) -> dict[str, Any]:
    names = ("id", "register", "number", "lines", "sha256", "made_by", "made_at")
    held_back = [{"report_id": report_id, "gate": gate} for report_id, gate in row.held_back or ()]
    return {**{name: getattr(row, name) for name in names}, "held_back": held_back}


def _register_view(each: Register, locale: str, waiting: int) -> dict[str, Any]:
    return {
        "key": each.key, "name": words_in(each.name, locale), "kept_by": each.kept_by, "kind": each.kind,
        "bases": [{"key": basis.key, "source": basis.source, "grade": basis.grade, "words": words_in(basis.words, locale)}
                  for basis in each.bases.values()],
        "fields_": each.fields, "notice_kinds": each.notice_kinds, "wait_days": each.wait_days,
        "least_days_past_due": each.least_days_past_due, "removal_days": each.removal_days, "keep_years": each.keep_years,
        "waiting_lines": waiting,
    }  # fmt: skip
