"""Offering a plan: what the borrower could have, exactly as their app shows it; they accept it there, nobody here."""

from collections.abc import Sequence
from typing import Any

import orjson
from flask import request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_acts import loan_named, loans_of
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import pages
from app.domain.errors import ConflictError, refused_at
from app.domain.plan_options import NotOffered, PlanOption
from app.domain.plan_requests import PLAN_KINDS
from app.persistence.db import vault
from app.persistence.queries.plan_requests import page_shown
from app.persistence.unit_of_work import Work
from app.services import plan_options, plan_requests
from app.services.holds import Teller
from app.services.plan_requests import LONGEST_WHY, Wanted
from app.web.auth import desk, permits
from app.web.fields import NUMBER_PATTERN, PatternField, TextField
from app.web.languages import request_locale
from app.web.reads import reads
from app.web.request_context import now
from app.wording.console_words import console_words
from app.wording.option_words import credit_effect_words, kind_words, not_offered_words

_PATH = "/borrowers/<number:borrower_no>/plans"
_MOST_TERMS = 200
_TOLD = ("day", "rows")
"""Terms that tell options of one kind apart."""


class OfferFormSchema(Schema):
    """Which option: its kind and its terms, as the list has them."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    kind = fields.String(required=True, validate=validate.OneOf([kind.value for kind in PLAN_KINDS]))
    terms = fields.String(load_default="{}", validate=validate.Length(max=_MOST_TERMS))
    why = TextField(LONGEST_WHY, load_default=None)


@pages.get(_PATH, endpoint="plans")
@pages.get(f"{_PATH}/new")
@permits("plans.offer")
@opened
def new_plan_offer(borrower: Opened) -> BaseResponse:
    """Show the options of a loan, and what was asked for and offered before."""
    return _shown(borrower, Form())


@pages.post(f"{_PATH}/new")
@permits("plans.offer")
@opened
def offer_plan(borrower: Opened) -> BaseResponse:
    """Offer it, or have it approved first; it waits in the app."""
    at, who = now(), desk()
    teller = Teller(who.name, who.lender_id, who.role)

    def act(work: Work, values: dict[str, Any]) -> str:
        loan_named(loans_of(borrower), values["loan_no"])
        wanted = Wanted(values["kind"], _terms(values["terms"]), values["why"])
        plan_requests.request_for(work, values["loan_no"], wanted, teller=teller, now=at)
        return f"{borrower.path}/plans"

    return submit(OfferFormSchema, act, lambda form: _shown(borrower, form, status=422))


def _terms(text: str) -> dict[str, Any]:
    try:
        terms = orjson.loads(text)
    except orjson.JSONDecodeError:
        terms = None
    if not isinstance(terms, dict):
        raise refused_at("/terms", "Choose one of the options.")
    return terms


def _tabs(borrower: Opened, loans: Sequence[Any], asked: str) -> list[tuple[str, str, bool]]:
    return [(each.loan_no, f"{borrower.path}/plans/new?loan_no={each.loan_no}", each.loan_no == asked) for each in loans]


def _shown(borrower: Opened, form: Form, *, status: int = 200) -> BaseResponse:
    loans, locale = loans_of(borrower), request_locale()
    asked = request.values.get("loan_no") or (loans[0].loan_no if loans else "")
    loan = next((each for each in loans if each.loan_no == asked), None)
    found, why_none = None, None
    if loan is not None:
        try:
            found = plan_options.own_options(reads(), borrower.id, loan.id, now=now()).options
        except ConflictError as error:
            why_none = error.detail
    requests = page_shown(reads(), lender_id=desk().lender_id, state=None, before=None, limit=100, borrower_id=borrower.id)
    rows = [plan_requests.shown(vault(), row).row for row in requests]
    offered = [each for each in found.offered if each.kind in PLAN_KINDS] if found else []
    return borrower_page(
        "plans_new.html", borrower, status=status, form=form, loans=loans, loan=loan, offered=offered,
        loan_tabs=_tabs(borrower, loans, asked),
        not_offered=[each for each in found.not_offered if each.kind in PLAN_KINDS] if found else [], why_none=why_none,
        rows=rows, fresh=Form(), title_of=lambda each: _title(each, locale),
        effect_of=lambda each: credit_effect_words(each.credit_effect, locale),
        reason_of=lambda each: not_offered_words(each, locale),
        terms_of=lambda each: orjson.dumps(dict(each.terms)).decode(),
    )  # fmt: skip


def _title(option: PlanOption | NotOffered, locale: str) -> str:
    """Name an option so that those of one kind can be told apart: which day, how many instalments."""
    terms = option.terms if isinstance(option, PlanOption) else {}
    told = [console_words(f"acts.term_{name}", locale, {"value": value}) for name, value in terms.items() if name in _TOLD]
    return f"{kind_words(option.kind, locale)} ({', '.join(told)})" if told else kind_words(option.kind, locale)
