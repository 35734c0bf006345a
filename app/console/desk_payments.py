"""Recording money that was handed over, and what became of what was recorded."""

from typing import Any

from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_acts import amount_field, choices_of, loan_named, loans_of, money_typed, reads_of, today_of
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import pages
from app.domain.desk_payments import METHODS
from app.persistence.unit_of_work import Work
from app.services import desk_payments
from app.services.desk_payments import LONGEST_NOTE, LONGEST_REASON, TakenPayment
from app.web.acting import acting
from app.web.auth import permits
from app.web.fields import NUMBER_PATTERN, DateField, PatternField, TextField
from app.web.reads import reads
from app.web.request_context import now

_PATH = "/borrowers/<number:borrower_no>/payments"


class PaymentFormSchema(Schema):
    """Money that was taken in, as it is typed."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    amount = amount_field(required=True)
    effective_on = DateField(required=True)
    method = fields.String(required=True, validate=validate.OneOf(tuple(METHODS)))
    receipt = TextField(64, required=True)
    note = TextField(LONGEST_NOTE, load_default=None)
    is_another = fields.Boolean(load_default=False)


class ReasonFormSchema(Schema):
    """Why."""

    reason = TextField(LONGEST_REASON, required=True)


@pages.get(_PATH, endpoint="desk_payments")
@pages.get(f"{_PATH}/new")
@permits("payments.read")
@opened
def new_desk_payment(borrower: Opened) -> BaseResponse:
    """Show the form, and what was recorded before."""
    return _shown(borrower, Form())


@pages.post(f"{_PATH}/new")
@permits("payments.record")
@opened
def record_desk_payment(borrower: Opened) -> BaseResponse:
    """Book it, or have it wait for a second person."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        loan = loan_named(reads_of(borrower.id, work.session), values["loan_no"])
        taken = TakenPayment(**{**values, "amount": money_typed(values["amount"], loan.currency, "amount")})
        desk_payments.take_payment(work, borrower.id, taken, staff=staff, now=at)
        return f"{borrower.path}/payments"

    return submit(PaymentFormSchema, act, lambda form: _shown(borrower, form, status=422))


@pages.post(f"{_PATH}/<id:payment_id>/reverse")
@permits("payments.reverse")
@opened
def reverse_desk_payment(borrower: Opened, payment_id: str) -> BaseResponse:
    """Take back a mistake."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        desk_payments.reverse_payment(work, payment_id, staff=staff, now=at, reason=values["reason"])
        return f"{borrower.path}/payments"

    return submit(ReasonFormSchema, act, lambda form: _shown(borrower, Form(), refused=form, status=422))


def _shown(borrower: Opened, form: Form, *, refused: Form | None = None, status: int = 200) -> BaseResponse:
    loans = loans_of(borrower)
    rows = desk_payments.list_payments(reads(), borrower.id, lender_id=acting().lender_id)
    return borrower_page(
        "payments_new.html", borrower, status=status, form=form, choices=choices_of(loans), today=today_of(loans), rows=rows,
        methods=tuple(METHODS), refused=refused, fresh=Form(),
    )  # fmt: skip
