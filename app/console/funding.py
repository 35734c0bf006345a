"""Funders, what they have of loans, and what was passed on to them."""

from datetime import timedelta
from typing import Any

from flask import request
from werkzeug.wrappers import Response as BaseResponse

from app.console.frame import page, pages
from app.console.lists import SIZE, begin, listed
from app.domain.errors import NotFoundError, ValidationError
from app.domain.times import business_date
from app.persistence.db import vault
from app.persistence.queries import funding as queries
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loan_owners
from app.persistence.queries.wind_downs import find_waiting
from app.persistence.unit_of_work import reading
from app.services import funding_desk, funding_shares
from app.services.funder_statements import outstanding_by_holder
from app.services.funders import masked_account, open_funder
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.answers import personal_file
from app.web.auth import desk, permits
from app.web.fields import DateField
from app.web.languages import request_locale
from app.web.pagination import Key
from app.web.reads import end_reads, reads
from app.web.request_context import now
from app.wording.refusal_words import refused_in_words

PDF = "application/pdf"


@pages.get("/funding")
@permits("funding.read")
def funding() -> BaseResponse:
    """List funders, and say whether the lender winds down."""
    key = begin()
    waiting = find_waiting(reads(), desk().lender_id)
    end_reads()
    rows = funding_desk.page_funders(acting(), after="" if key is None else key.row_id, limit=SIZE + 1, now=now())
    shown = [(row, open_funder(vault(), row).name) for row in rows]
    return page("funding/list.html", found=listed(shown, [Key(row.recorded_at, row.id) for row in rows]), waiting=waiting)


@pages.get("/funding/funders/<number:funder_no>")
@permits("funding.read")
def funder(funder_no: str) -> BaseResponse:
    """Show a funder and their statement of a period: the month so far, if none is named. A PDF asks for a fresh code."""
    at, staff, as_pdf = now(), acting(), request.args.get("as") == "pdf"
    if as_pdf:
        require_fresh_proof(desk())
    end_reads()
    with reading() as session:
        today = business_date(at, get_lender(session, staff.lender_id).zone)
    first, last = _day("from", today.replace(day=1)), _day("to", today)
    problem = None
    try:
        made = funding_desk.make_statement(staff, funder_no, first, last, locale=request_locale(), now=at, as_pdf=as_pdf)
    except ValidationError as error:
        problem = refused_in_words(error, request_locale())[0] or error.detail
        first, last = today.replace(day=1), today
        made = funding_desk.make_statement(staff, funder_no, first, last, locale=request_locale(), now=at, as_pdf=False)
    if made.pdf is not None:
        return personal_file(made.pdf, PDF, name=f"funder-{funder_no}-{last.isoformat()}.pdf")
    known = open_funder(vault(), made.funder)
    return page(
        "funding/funder.html", row=made.funder, name=known.name, account=masked_account(known.account),
        statement=made.statement, first=first, last=last, problem=problem, most=today, week=timedelta(days=7),
    )  # fmt: skip


@pages.get("/funding/loans/<number:loan_no>")
@permits("funding.read")
def funded_loan(loan_no: str) -> BaseResponse:
    """Show who holds what of a loan today."""
    at, lender_id = now(), desk().lender_id
    end_reads()
    with reading() as session:
        owner = find_loan_owners(session, lender_id, [loan_no]).get(loan_no)
        loan = None if owner is None else queries.find_funded(session, [owner[0]]).get(owner[0])
        if loan is None:
            raise NotFoundError(f"Nobody funded a loan {loan_no}.")
        on = business_date(at, get_lender(session, lender_id).zone)
        held = funding_shares.shares_of(loan, queries.find_transfers(session, [loan.loan_id])[loan.loan_id]).on(on).units
        left = outstanding_by_holder(session, loan, until=on)
        numbers = queries.find_funder_numbers(session, [holder for holder in {*held, *left} if holder])
    holders = [
        (numbers.get(holder), held.get(holder, 0), left.get(holder, 0))
        for holder in sorted({*held, *left}, key=lambda each: numbers.get(each, ""))
        if held.get(holder) or left.get(holder)
    ]
    return page("funding/loan.html", loan=loan, loan_no=loan_no, holders=holders)


def _day(name: str, default: Any) -> Any:
    try:
        return DateField().deserialize(request.args.get(name) or default.isoformat())
    except Exception:  # what is no day is the default
        return default
