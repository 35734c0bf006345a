"""Taking a promise to pay, as it is given on the phone, and taking one back."""

from typing import Any

from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_acts import amount_field, choices_of, loan_named, loans_of, money_typed, reads_of, today_of
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import pages
from app.domain.promises import CHANNELS
from app.persistence.unit_of_work import Work
from app.services import promise_views, promises
from app.services.promises import Giver
from app.web.auth import desk, permits
from app.web.fields import NUMBER_PATTERN, DateField, IdField, PatternField
from app.web.reads import reads
from app.web.request_context import now

_PATH = "/borrowers/<number:borrower_no>/promises"


class PromiseFormSchema(Schema):
    """One promise, or two made together: half now, half later."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    amount = amount_field(required=True)
    promised_on = DateField(required=True)
    amount_2 = amount_field(load_default=None)
    promised_on_2 = DateField(load_default=None)
    channel = fields.String(load_default="voice", validate=validate.OneOf(CHANNELS))


class CancelPromiseSchema(Schema):
    """Which is taken back."""

    promise_id = IdField(required=True)


@pages.get(_PATH, endpoint="promises")
@pages.get(f"{_PATH}/new")
@permits("promises.read")
@opened
def new_promise(borrower: Opened) -> BaseResponse:
    """Show the form, and the promises there were."""
    return _shown(borrower, Form())


@pages.post(f"{_PATH}/new")
@permits("promises.take")
@opened
def take_promise(borrower: Opened) -> BaseResponse:
    """Take it; the borrower finds it in the app."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        loan = loan_named(reads_of(borrower.id, work.session), values["loan_no"])
        parts = [(money_typed(values["amount"], loan.currency, "amount"), values["promised_on"])]
        if values["amount_2"] is not None and values["promised_on_2"] is not None:
            parts.append((money_typed(values["amount_2"], loan.currency, "amount_2"), values["promised_on_2"]))
        giver = Giver(who.name, values["channel"], who.lender_id)
        promises.make_promises(work, borrower.id, loan.id, parts, giver=giver, now=at, replaces=[])
        return f"{borrower.path}/promises"

    return submit(PromiseFormSchema, act, lambda form: _shown(borrower, _at_fields(form), status=422))


@pages.post(f"{_PATH}/cancel")
@permits("promises.cancel")
@opened
def cancel_promise(borrower: Opened) -> BaseResponse:
    """Take one back at the borrower's wish."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        giver = Giver(who.name, "voice", who.lender_id)
        promises.cancel_promise(work, borrower.id, values["promise_id"], giver=giver, now=at)
        return f"{borrower.path}/promises"

    return submit(CancelPromiseSchema, act, lambda form: _shown(borrower, form, status=422))


def _at_fields(form: Form) -> Form:
    """Return the form with what is wrong with a part at its fields: /parts/1/amount is the second amount."""
    errors = dict(form.errors)
    for pointer, detail in form.errors.items():
        if pointer.startswith("parts/"):
            _, number, name = (pointer + "/").split("/")[:3]
            errors[f"{name or 'amount'}{'_2' if number == '1' else ''}"] = detail
    return Form(form.values, errors, form.detail, form.once)


def _shown(borrower: Opened, form: Form, *, status: int = 200) -> BaseResponse:
    loans = loans_of(borrower)
    rows = promise_views.list_promises(reads(), borrower.id, lender_id=desk().lender_id)
    return borrower_page(
        "promises_new.html", borrower, status=status, form=form, choices=choices_of(loans), rows=rows, channels=CHANNELS,
        today=today_of(loans), fresh=Form(),
    )  # fmt: skip
