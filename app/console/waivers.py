"""Giving up fees, penalties and interest, and what was given up before."""

from typing import Any

from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_acts import amount_field, choices_of, loan_named, loans_of, money_typed, reads_of
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import pages
from app.domain.splits import Split
from app.domain.waivers import REASONS
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import Work, reading
from app.services import waivers
from app.services.waivers import LONGEST_NOTE, Wished
from app.web.acting import acting
from app.web.auth import permits
from app.web.fields import NUMBER_PATTERN, PatternField, TextField
from app.web.reads import end_reads, reads
from app.web.request_context import now

_PATH = "/borrowers/<number:borrower_no>/waivers"
_PARTS = ("fees", "penalties", "interest")


class WaiverFormSchema(Schema):
    """What is to be given up, as it is typed."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    fees = amount_field(load_default="0")
    penalties = amount_field(load_default="0")
    interest = amount_field(load_default="0")
    reason = fields.String(required=True, validate=validate.OneOf(REASONS))
    note = TextField(LONGEST_NOTE, load_default=None)


@pages.get(_PATH, endpoint="waivers")
@pages.get(f"{_PATH}/new")
@permits("waivers.read")
@opened
def new_waiver(borrower: Opened) -> BaseResponse:
    """Show the form, what is due of each component, and what was given up before."""
    return _shown(borrower, Form())


@pages.post(f"{_PATH}/new")
@permits("waivers.grant")
@opened
def ask_waiver(borrower: Opened) -> BaseResponse:
    """Give it up, or have it wait for a second person."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        loan = loan_named(reads_of(borrower.id, work.session), values["loan_no"])
        parts = Split(**{name: money_typed(values[name], loan.currency, name).minor for name in _PARTS})
        wished = Wished(loan.loan_no, parts, loan.currency, values["reason"], values["note"])
        waivers.ask_waiver(work, borrower.id, wished, staff=staff, now=at)
        return f"{borrower.path}/waivers"

    return submit(WaiverFormSchema, act, lambda form: _shown(borrower, _at_fields(form), status=422))


def _at_fields(form: Form) -> Form:
    """Return the form with what is wrong with a part of the claim at the field it was typed into."""
    errors = {name.removeprefix("parts/"): detail for name, detail in form.errors.items()}
    detail = form.detail if form.detail or "parts" not in errors else errors["parts"]
    return Form(form.values, errors, detail, form.once)


def _shown(borrower: Opened, form: Form, *, status: int = 200) -> BaseResponse:
    loans = loans_of(borrower)
    rows = waivers.list_waivers(reads(), borrower.id, lender_id=acting().lender_id)
    end_reads()
    at = now()
    with reading() as session:
        due = [(loan, waivers.open_parts_of(session, get_loan(session, loan.id), now=at)) for loan in loans]
    return borrower_page(
        "waivers_new.html", borrower, status=status, form=form, choices=choices_of(loans), due=due, rows=rows,
        reasons=REASONS, parts_of=waivers.parts_of,
    )  # fmt: skip
