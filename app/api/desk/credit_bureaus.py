"""At which credit bureaus the lender reports: one asks, another approves, anybody senior may stop it."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.credit_report_forms import BUREAU_EXAMPLE, CreditBureauSchema, CreditBureausSchema
from app.api.desk.staff import door
from app.domain.credit_bureaus import ALL, FORMATS, LONGEST_LEAD_DAYS, NEGATIVE_ONLY, BureauValues
from app.domain.credit_gates import MARKED, WITHHELD
from app.persistence.queries import credit_bureaus as queries
from app.persistence.unit_of_work import Work
from app.services import credit_bureaus
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import PatternField, TextField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class NewCreditBureauSchema(Schema):
    """A bureau, and how it is reported to."""

    bureau = PatternField(r"[A-Z][A-Z0-9_]{1,23}", required=True)
    format = fields.String(required=True, validate=validate.OneOf(FORMATS))
    furnisher_code = PatternField(r"[A-Z0-9]{5,20}", required=True)
    furnisher_name = TextField(60, required=True)
    furnisher_address = TextField(96, required=True, metadata={"description": "Of PBOC records: the district's six digits."})
    reports = fields.String(load_default=ALL, validate=validate.OneOf((ALL, NEGATIVE_ONLY)))
    while_disputed = fields.String(load_default=WITHHELD, validate=validate.OneOf((WITHHELD, MARKED)))
    lead_days = fields.Integer(load_default=1, validate=validate.Range(1, LONGEST_LEAD_DAYS))


_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = CreditBureauSchema()
_NEW = {
    name: BUREAU_EXAMPLE[name]
    for name in ("bureau", "format", "furnisher_code", "furnisher_name", "furnisher_address", "lead_days")
}


@door.get("/credit-bureaus")
@permits("credit.read")
@answers(200, CreditBureausSchema, example={"items": [BUREAU_EXAMPLE]})
def list_credit_bureaus() -> dict[str, Any]:
    """List what was ever set of the lender's bureaus, newest first."""
    return {"items": queries.find_bureaus(reads(), desk().lender_id)}


@door.post("/credit-bureaus")
@permits("credit.ask_bureau")
@door.takes(NewCreditBureauSchema, example=_NEW)
@answers(201, CreditBureauSchema, example=BUREAU_EXAMPLE, problems=_ONCE)
def post_credit_bureau(body: dict[str, Any]) -> Answer:
    """Ask that the lender reports to a bureau like this. Somebody else approves it; what stood before is ended then."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        bureau_id = credit_bureaus.ask_bureau(work, who.lender_id, BureauValues(**body), by=who.name, now=at)
        return _answer(work, bureau_id, 201)

    return answer_once(act)


@door.post("/credit-bureaus/<id:bureau_id>/approve")
@permits("credit.approve")
@answers(200, CreditBureauSchema, example={**BUREAU_EXAMPLE, "state": "enabled"}, problems=_ONCE)
def approve_credit_bureau(bureau_id: str) -> Answer:
    """Let the lender report there. Not for who asked (409)."""
    return _decide(bureau_id, approve=True)


@door.post("/credit-bureaus/<id:bureau_id>/decline")
@permits("credit.approve")
@answers(200, CreditBureauSchema, example={**BUREAU_EXAMPLE, "state": "declined"}, problems=_ONCE)
def decline_credit_bureau(bureau_id: str) -> Answer:
    """Let it be."""
    return _decide(bureau_id, approve=False)


@door.post("/credit-bureaus/<id:bureau_id>/end")
@permits("credit.ask_bureau")
@answers(200, CreditBureauSchema, example={**BUREAU_EXAMPLE, "state": "ended"}, problems=_ONCE)
def end_credit_bureau(bureau_id: str) -> Answer:
    """Stop reporting there at once; one person may."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        credit_bureaus.end_bureau(work, who.lender_id, bureau_id, by=who.name, now=at)
        return _answer(work, bureau_id, 200)

    return answer_once(act)


def _decide(bureau_id: str, *, approve: bool) -> Answer:
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        credit_bureaus.decide_bureau(work, who.lender_id, bureau_id, approve=approve, by=who.name, now=at)
        return _answer(work, bureau_id, 200)

    return answer_once(act)


def _answer(work: Work, bureau_id: str, status: int) -> Answer:
    return Answer(_DUMP.dump(queries.get_bureau(work.session, bureau_id)), status, dumped=True)
