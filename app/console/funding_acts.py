"""Writing down funders and shares of loans in a browser, as the API and the standard file `funding` do."""

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_acts import amount_field, money_typed
from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.domain.errors import DomainError, refused_at
from app.domain.funding import (
    FUNDER_KINDS,
    LONGEST_EMAIL,
    LONGEST_NAME,
    LONGEST_REFERENCE,
    FunderValues,
    ShareValues,
)
from app.domain.times import business_date
from app.persistence.db import vault
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loan_owners, find_loans
from app.persistence.unit_of_work import Work, reading
from app.services import funding_desk
from app.services.funders import open_funder, put_funders
from app.services.funding_shares import put_shares
from app.web.acting import acting
from app.web.auth import desk, permits
from app.web.fields import NUMBER_PATTERN, DateField, PatternField, TextField
from app.web.reads import end_reads
from app.web.request_context import now

_FUNDERS, _SHARES = "/funding/funders", "/funding/shares/new"
_FRACTION = "(0|1|0\\.[0-9]{1,6})"
_PARTS = ("interest", "fees", "penalties")


class FunderChangeFormSchema(Schema):
    """A funder as it is to be from now on; what is left empty is emptied."""

    kind = fields.String(required=True, validate=validate.OneOf(FUNDER_KINDS))
    name = TextField(LONGEST_NAME, required=True)
    email = TextField(LONGEST_EMAIL, load_default=None)
    account = PatternField("[A-Za-z0-9][A-Za-z0-9 .-]{0,63}", load_default=None)
    locale = fields.String(load_default="en", validate=validate.OneOf(("en", "zh-CN")))


class FunderFormSchema(FunderChangeFormSchema):
    """A new one, by the number that you give it."""

    funder_no = PatternField(NUMBER_PATTERN, required=True)


class ShareFormSchema(Schema):
    """A share that goes from one to another; nobody named is the lender."""

    reference = PatternField(NUMBER_PATTERN, required=True, metadata={"maxLength": LONGEST_REFERENCE})
    loan_no = PatternField(NUMBER_PATTERN, required=True)
    amount = amount_field(required=True)
    effective_on = DateField(required=True)
    to_funder_no = PatternField(NUMBER_PATTERN, load_default=None)
    from_funder_no = PatternField(NUMBER_PATTERN, load_default=None)
    interest = PatternField(_FRACTION, load_default=None)
    fees = PatternField(_FRACTION, load_default=None)
    penalties = PatternField(_FRACTION, load_default=None)


@pages.get(f"{_FUNDERS}/new")
@permits("funding.write")
def new_funder() -> Response:
    """Show the form."""
    return _funder_form(Form(), None)


@pages.post(f"{_FUNDERS}/new")
@permits("funding.write")
def add_funder() -> BaseResponse:
    """Write down a funder; one of that number is brought up to what is said."""
    staff, at = acting(), now()

    def act(work: Work, values: dict[str, Any]) -> str:
        funder = FunderValues(**values)
        _all_right(put_funders(work, get_lender(work.session, staff.lender_id), [funder], by=staff.by, now=at))
        return f"{PREFIX}{_FUNDERS}/{funder.funder_no}"

    return submit(FunderFormSchema, act, lambda form: _funder_form(form, None, status=422))


@pages.get(f"{_FUNDERS}/<number:funder_no>/change")
@permits("funding.write")
def change_funder_form(funder_no: str) -> Response:
    """Show what is known of a funder, to change it; the reading is written down. Accounts stay masked: type them anew."""
    end_reads()
    row = funding_desk.read_funder(acting(), funder_no, now=now())
    known = open_funder(vault(), row)
    values = {"kind": row.kind, "name": known.name, "email": known.email or "", "locale": row.locale}
    return _funder_form(Form(values), funder_no)


@pages.post(f"{_FUNDERS}/<number:funder_no>/change")
@permits("funding.write")
def change_funder(funder_no: str) -> BaseResponse:
    """Bring a funder up to what is said. An account left empty stays as it is."""
    staff, at = acting(), now()

    def act(work: Work, values: dict[str, Any]) -> str:
        funding_desk.change_funder(work, FunderValues(funder_no, **values), staff=staff, now=at)
        return f"{PREFIX}{_FUNDERS}/{funder_no}"

    return submit(FunderChangeFormSchema, act, lambda form: _funder_form(form, funder_no, status=422))


@pages.get(_SHARES)
@permits("funding.write")
def new_share() -> Response:
    """Show the form, for a loan that may be named in the address."""
    return _share_form(Form({"loan_no": request.args.get("loan_no", "")[:64]}))


@pages.post(_SHARES)
@permits("funding.write")
def add_share() -> BaseResponse:
    """Record a share, once by its reference; what came in since its day is passed on anew."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        lender, loan_no = get_lender(work.session, staff.lender_id), values["loan_no"]
        owner = find_loan_owners(work.session, lender.id, [loan_no]).get(loan_no)
        if owner is None:
            raise refused_at("/loan_no", f"There is no loan {loan_no}; send the loan first.")
        (loan,) = find_loans(work.session, [owner[0]])
        amount = money_typed(values.pop("amount"), loan.currency, "amount")
        fee = {part: share for part in _PARTS if (share := values.pop(part)) is not None}
        share = ShareValues(**values, units_minor=amount.minor, currency=loan.currency, service_fee=fee or None)
        _all_right(put_shares(work, lender, [share], by=staff.by, now=at))
        return f"{PREFIX}/funding/loans/{loan_no}"

    return submit(ShareFormSchema, act, lambda form: _share_form(form, status=422))


def _all_right(results: Any) -> None:
    (result,) = results
    if isinstance(result, DomainError):
        raise result


def _funder_form(form: Form, funder_no: str | None, *, status: int = 200) -> Response:
    where = f"{PREFIX}{_FUNDERS}/{'new' if funder_no is None else f'{funder_no}/change'}"
    return page("funding/funder_form.html", status=status, form=form, funder_no=funder_no, where=where, kinds=FUNDER_KINDS)


def _share_form(form: Form, *, status: int = 200) -> Response:
    at, lender_id = now(), desk().lender_id
    end_reads()
    with reading() as session:
        today = business_date(at, get_lender(session, lender_id).zone)
    return page("funding/share_form.html", status=status, form=form, where=f"{PREFIX}{_SHARES}", today=today, parts=_PARTS)
