"""Payouts to funders: one person makes a batch, another approves it and takes the file to the bank."""

from typing import Any

from flask import Response
from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, begin, listed
from app.persistence.db import vault
from app.persistence.queries import payouts as queries
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import payout_reviews, payouts
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.answers import personal_file
from app.web.auth import desk, permits
from app.web.fields import DateField, PatternField, TextField
from app.web.languages import request_locale
from app.web.pagination import Key
from app.web.reads import end_reads, reads
from app.web.request_context import now
from app.wording.refusal_words import refused_in_words

_PATH = "/funding/payouts"
_HOME = f"{PREFIX}{_PATH}"


class PayoutFormSchema(Schema):
    """What is paid out."""

    currency = PatternField("[A-Z]{3}", required=True)
    until_on = DateField(required=True)


class ApprovePayoutsFormSchema(Schema):
    """Yes."""


class DeclinePayoutsFormSchema(Schema):
    """No, and why."""

    reason = TextField(200, required=True)


@pages.get(_PATH)
@permits("funding.read")
def payout_batches() -> BaseResponse:
    """List batches, newest first, with the form that makes one."""
    return _list(Form())


@pages.post(_PATH)
@permits("payouts.make")
def make_payouts() -> BaseResponse:
    """Make a batch; somebody else approves it."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        batch = payouts.make_batch(work, values["currency"], values["until_on"], staff=staff, now=at)
        return f"{_HOME}/{batch.id}"

    return submit(PayoutFormSchema, act, lambda form: _list(form, status=422))


@pages.get(f"{_PATH}/<id:batch_id>")
@permits("funding.read")
def payout_batch(batch_id: str) -> BaseResponse:
    """Show a batch; who may approve it decides here."""
    return _one(batch_id, Form())


@pages.post(f"{_PATH}/<id:batch_id>/approve")
@permits("payouts.approve")
def approve_payouts(batch_id: str) -> BaseResponse:
    """Approve it; asks for a fresh code."""
    at, staff = now(), acting()
    require_fresh_proof(desk())

    def act(work: Work, _: dict[str, Any]) -> str:
        payouts.decide_batch(work, batch_id, approve=True, staff=staff, now=at)
        return f"{_HOME}/{batch_id}"

    return submit(ApprovePayoutsFormSchema, act, lambda form: _one(batch_id, form, status=422))


@pages.post(f"{_PATH}/<id:batch_id>/decline")
@permits("payouts.approve")
def decline_payouts(batch_id: str) -> BaseResponse:
    """Pay nothing by it."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        payouts.decide_batch(work, batch_id, approve=False, staff=staff, now=at, reason=values["reason"])
        return f"{_HOME}/{batch_id}"

    return submit(DeclinePayoutsFormSchema, act, lambda form: _one(batch_id, form, status=422))


@pages.get(f"{_PATH}/<id:batch_id>/file")
@permits("payouts.approve")
def payouts_file(batch_id: str) -> Response:
    """Download the file for the bank; asks for a fresh code."""
    require_fresh_proof(desk())
    end_reads()
    with unit_of_work() as work:
        file = payouts.read_payouts_file(work, batch_id, staff=acting(), now=now())
    return personal_file(file.content, "text/csv", name=file.name)


def _list(form: Form, *, status: int = 200) -> BaseResponse:
    key = begin()
    rows = queries.page_batches(reads(), desk().lender_id, before="" if key is None else key.row_id, limit=SIZE + 1)
    found = listed(rows, [Key(row.requested_at, row.id) for row in rows])
    return page("funding/payouts.html", status=status, found=found, form=form, today=now().date())


def _one(batch_id: str, form: Form, *, status: int = 200) -> BaseResponse:
    key, at, staff = begin(), now(), acting()
    end_reads()
    with unit_of_work() as work:
        seen = payout_reviews.read_payees(
            work, batch_id, after="" if key is None else key.row_id, limit=SIZE + 1, staff=staff, now=at
        )
        problem = payout_reviews.problem_of(work, seen.batch, now=at)
    found = listed(seen.payouts, [Key(seen.batch.requested_at, each.id) for each in seen.payouts])
    said = None if problem is None else refused_in_words(problem, request_locale())[0] or problem.detail
    why = payouts.why_declined(vault(), seen.batch)
    return page("funding/payout.html", status=status, row=seen.batch, why=why, found=found, problem=said, form=form)
