"""One loan of a borrower: its schedule, what was posted on it, and a day of the past in two views."""

from datetime import timedelta

from marshmallow import Schema, fields
from werkzeug.wrappers import Response as BaseResponse

from app.console.asked import asked, older, place, with_query
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.frame import pages
from app.domain.licences import RATE_RULES
from app.domain.rates import percent
from app.persistence.queries.loans import get_own_loan_id
from app.persistence.unit_of_work import reading
from app.services import base_rates
from app.services.disclosures import disclosures
from app.services.law_packs import find_rule
from app.services.loan_pages import loan_page, past_day
from app.services.over_cap import RECKONING
from app.web.auth import desk, permits
from app.web.fields import DateField, TextField
from app.web.languages import request_locale
from app.web.reads import reads
from app.web.request_context import now
from app.wording.disclosure_words import cap_reason, flag_words, item_name, paragraph, rate_rule_words, standard_words


class LoanQuerySchema(Schema):
    """A page of what was posted."""

    cursor = TextField(512)


class PastQuerySchema(Schema):
    """Which day of the past."""

    on = DateField(load_default=None)
    changed = fields.Boolean(load_default=False)


@pages.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>")
@permits("borrowers.open")
@opened
def borrower_loan(borrower: Opened, loan_no: str) -> BaseResponse:
    """Show a loan as its borrower sees it today, with what was posted on it and how it was spread."""
    query = asked(LoanQuerySchema)
    with reading() as session:
        found = loan_page(session, reads(), borrower.id, loan_no, lender_id=desk().lender_id, now=now(), before=place(query))
    return borrower_page(
        "loan.html", borrower, found=found, loan_no=loan_no, older=older(found.resume, query), is_first="cursor" not in query
    )


@pages.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>/terms")
@permits("borrowers.open")
@opened
def borrower_loan_terms(borrower: Opened, loan_no: str) -> BaseResponse:
    """Show who lends by what right, what the loan costs in all, the cap it is under, and stops of its interest."""
    with reading() as session:
        loan_id = get_own_loan_id(session, desk().lender_id, borrower.id, loan_no)
    locale = request_locale()
    found = disclosures(reads(), borrower.id, loan_id, base_rates.fixings(), now=now())
    rate_rule = found.licence.rate_rule
    return borrower_page(
        "terms.html",
        borrower,
        found=found,
        loan_no=loan_no,
        rate=percent,
        rate_rule=rate_rule_words(rate_rule, locale),
        rate_rule_source=paragraph(RATE_RULES[rate_rule][1], locale),
        cap_why=cap_reason(found.cap, locale),
        cap_source=paragraph(found.cap.source, locale),
        flags=[flag_words(code, locale) for code in found.flags],
        named=lambda item: item_name(item.name, locale),
        standard=lambda item: standard_words(item, locale),
        reckoning=RECKONING,
        rule_of=find_rule,
    )


@pages.get("/borrowers/<number:borrower_no>/loans/<number:loan_no>/past")
@permits("borrowers.open")
@opened
def borrower_loan_past(borrower: Opened, loan_no: str) -> BaseResponse:
    """Show a past day of a loan as it was shown then, and as it is known now."""
    query, at = asked(PastQuerySchema), now()
    with reading() as session:
        found = past_day(session, reads(), borrower.id, loan_no, query["on"], lender_id=desk().lender_id, now=at)
    before, after = found.on - timedelta(days=1), found.on + timedelta(days=1)
    return borrower_page(
        "past.html", borrower, found=found, loan_no=loan_no, only_changed=query["changed"],
        earlier=with_query(on=before), later=with_query(on=after) if after < found.today else None,
    )  # fmt: skip
