"""Staff plan visits to borrowers, begin and end them; what a lender allows of them."""

from typing import Any

from flask import request

from app.api.desk.staff import door
from app.api.desk.visit_forms import (
    ENDED_EXAMPLE,
    FILE_EXAMPLE,
    NEW_EXAMPLE,
    RULES_EXAMPLE,
    VISIT_EXAMPLE,
    WHOLE_EXAMPLE,
    CancelVisitSchema,
    EndVisitSchema,
    NewVisitFileSchema,
    NewVisitSchema,
    StartVisitSchema,
    VisitFileSchema,
    VisitQuerySchema,
    VisitRulesSchema,
    VisitSchema,
    VisitsSchema,
    WholeVisitSchema,
)
from app.domain.attachments import MEDIA_TYPES
from app.domain.errors import refused_at
from app.domain.visits import Recording, Visitor, VisitPlan, VisitRules
from app.persistence.queries.borrowers import find_borrowers_of_lender
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import visit_files, visit_views, visits
from app.services.attachments import NewAttachment
from app.services.visit_views import ShownVisit
from app.services.visits import Actor, VisitEnd
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.file_bodies import file_body
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import end_reads
from app.web.request_context import now

_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_GATE = ("law-refused", "quiet-hours", "contact-cap-reached", "consent-missing", "contact-refused")


_DUMP, _DUMP_WHOLE, _DUMP_RULES, _DUMP_FILE = VisitSchema(), WholeVisitSchema(), VisitRulesSchema(), VisitFileSchema()


@door.get("/visits")
@permits("visits.read")
@door.asks(VisitQuerySchema)
@answers(200, VisitsSchema, example={"items": [VISIT_EXAMPLE], "next_cursor": None})
def list_visits(query: dict[str, Any]) -> Answer:
    """List visits, the latest first, without addresses and names."""
    begin, who = requested_key(query), desk()
    end_reads()
    with reading() as session:
        found = visit_views.list_visits(
            session, who.lender_id, state=query.get("state"), borrower_no=query.get("borrower_no"),
            before=(begin.at, begin.row_id) if begin else None, limit=query["limit"] + 1,
        )  # fmt: skip
    keys = [Key(each.row.from_at, each.row.id) for each in found]
    return page_answer([_view(each) for each in found], keys, query)


@door.post("/visits")
@permits("visits.plan")
@door.takes(NewVisitSchema, example=NEW_EXAMPLE)
@answers(201, VisitSchema, example=VISIT_EXAMPLE, problems=(*_GATE, *_ONCE))
def plan_visit(body: dict[str, Any]) -> Answer:
    """Plan a visit. It is refused where the law, the person or the policy is against it at that time, and where neither a
    rule of law nor the lender's own rules say how borrowers may be visited.
    """
    at, who, locale = now(), desk(), request_locale()
    plan = VisitPlan(
        body["place"], body["from_at"], body["until_at"], [Visitor(**each) for each in body["people"]], body["address"]
    )

    def act(work: Work) -> Answer:
        borrower_id = _borrower_id(work, who.lender_id, body["borrower_no"])
        row = visits.plan_visit(
            work, borrower_id, plan, body["loan_nos"], actor=_actor(), now=at, override_reason=body["override_reason"],
            locale=locale,
        )  # fmt: skip
        return _answer(work, row.id, 201)

    return answer_once(act)


@door.get("/visits/<id:visit_id>")
@permits("visits.read")
@answers(200, WholeVisitSchema, example=WHOLE_EXAMPLE)
def get_visit(visit_id: str) -> Answer:
    """Show all of a visit: where to go, who goes, what came of it. That it was read is written down."""
    at = now()
    end_reads()
    with unit_of_work() as work:
        found = visit_views.open_visit(work, visit_id, actor=_actor(), now=at)
        whole = {**_view(found), "people": found.people, "address": found.address, "notes": found.notes,
                 "evidence": found.row.evidence}  # fmt: skip
        return Answer(_DUMP_WHOLE.dump(whole), 200, dumped=True)


@door.post("/visits/<id:visit_id>/start")
@permits("visits.make")
@door.takes(StartVisitSchema, example={})
@answers(200, VisitSchema, example={**VISIT_EXAMPLE, "state": "started"}, problems=(*_GATE, *_ONCE))
def start_visit(body: dict[str, Any], visit_id: str) -> Answer:
    """Begin a visit, at the door: the law, the person and the policy are asked once more, and it counts from here on."""
    at, locale = now(), request_locale()

    def act(work: Work) -> Answer:
        visits.start_visit(work, visit_id, actor=_actor(), now=at, locale=locale)
        return _answer(work, visit_id, 200)

    return answer_once(act)


@door.post("/visits/<id:visit_id>/end")
@permits("visits.make")
@door.takes(EndVisitSchema, example=ENDED_EXAMPLE)
@answers(
    200, VisitSchema, example={**VISIT_EXAMPLE, "state": "ended", "outcome": "met"}, problems=("currency-mismatch", *_ONCE)
)
def end_visit(body: dict[str, Any], visit_id: str) -> Answer:
    """Say what came of a visit, with its evidence; a promise is made by the same act."""
    at = now()
    promise, recording = body["promise"], body["recording"]
    end = VisitEnd(
        body["outcome"], body["identity_shown"], body["notes"],
        None if promise is None else (promise["amount"], promise["promised_on"], promise["loan_no"]),
        tuple(body["attachments"]), None if recording is None else Recording(**recording),
    )  # fmt: skip

    def act(work: Work) -> Answer:
        visits.end_visit(work, visit_id, end, actor=_actor(), now=at)
        return _answer(work, visit_id, 200)

    return answer_once(act)


@door.post("/visits/<id:visit_id>/cancel")
@permits("visits.make")
@door.takes(CancelVisitSchema, example={"reason": "asked"})
@answers(200, VisitSchema, example={**VISIT_EXAMPLE, "state": "cancelled", "state_reason": "asked"}, problems=_ONCE)
def cancel_visit(body: dict[str, Any], visit_id: str) -> Answer:
    """Cancel a visit that has not begun. Cancelling it twice changes nothing."""
    at = now()

    def act(work: Work) -> Answer:
        visits.cancel_visit(work, visit_id, reason=body["reason"], actor=_actor(), now=at)
        return _answer(work, visit_id, 200)

    return answer_once(act)


@door.get("/visits/rules")
@permits("visits.read")
@answers(200, VisitRulesSchema, example=RULES_EXAMPLE)
def get_visit_rules() -> Answer:
    """Show what the lender allows of visits."""
    end_reads()
    with reading() as session:
        return Answer(_DUMP_RULES.dump(visit_views.read_rules(session, desk().lender_id)), 200, dumped=True)


@door.put("/visits/rules")
@permits("visits.rules")
@door.takes(VisitRulesSchema, example=RULES_EXAMPLE)
@answers(200, VisitRulesSchema, example=RULES_EXAMPLE, problems=_ONCE)
def put_visit_rules(body: dict[str, Any]) -> Answer:
    """Say what the lender allows of visits. The law stands over it."""
    at, rules = now(), VisitRules(**body)

    def act(work: Work) -> Answer:
        visit_views.put_rules(work, rules, actor=_actor(), now=at)
        return Answer(_DUMP_RULES.dump(rules), 200, dumped=True)

    return answer_once(act)


@door.post("/visits/<id:visit_id>/attachments")
@permits("visits.make")
@door.takes(NewVisitFileSchema, example={"media_type": "image/jpeg", "size_bytes": 48213, "sha256": "0" * 64,
                                         "file_name": "door.jpg"})  # fmt: skip
@answers(201, VisitFileSchema, example=FILE_EXAMPLE, problems=_ONCE)
def post_visit_attachment(body: dict[str, Any], visit_id: str) -> Answer:
    """Announce a file of evidence; then send its bytes to /content. It belongs to the visit once that is ended with it."""
    at = now()

    def act(work: Work) -> Answer:
        row = visit_files.register(work, visit_id, NewAttachment(purpose=visits.SUBJECT, **body), actor=_actor(), now=at)
        return Answer(_DUMP_FILE.dump(row), 201, dumped=True)

    return answer_once(act)


@door.put("/visits/<id:visit_id>/attachments/<id:attachment_id>/content")
@permits("visits.make")
@door.takes_file(MEDIA_TYPES)
@answers(200, VisitFileSchema, example={**FILE_EXAMPLE, "state": "clean"},
         problems=("conflict", "payload-too-large", "validation-failed"))  # fmt: skip
def put_visit_attachment_content(visit_id: str, attachment_id: str) -> dict[str, Any]:
    """Send the bytes of a file that was announced: exactly those. The same bytes again change nothing."""
    at, actor = now(), _actor()
    end_reads()
    announced = visit_files.find_upload(visit_id, attachment_id, actor=actor, now=at)
    if request.mimetype != announced.media_type:
        raise refused_at("/headers/Content-Type", f"This file was announced as {announced.media_type}.")
    row = visit_files.take_content(announced, file_body(announced.size_bytes), now=at)
    return {"id": row.id, "state": row.state}


def _borrower_id(work: Work, lender_id: str, borrower_no: str) -> str:
    found = find_borrowers_of_lender(work.session, lender_id, [borrower_no]).get(borrower_no)
    if found is None:
        raise refused_at("/borrower_no", f"There is no borrower {borrower_no} with a loan of this lender.")
    return found


def _actor() -> Actor:
    who = desk()
    return Actor(who.name, who.role, who.lender_id)


def _answer(work: Work, visit_id: str, status: int) -> Answer:
    found = visit_views.get_visit(work.session, visit_id, desk().lender_id)
    return Answer(_DUMP.dump(_view(found)), status, dumped=True)


def _view(shown: ShownVisit) -> dict[str, Any]:
    names = ("id", "borrower_no", "place", "from_at", "until_at", "state", "state_reason", "outcome", "identity_shown",
             "planned_at", "planned_by", "started_at", "started_by", "closed_at", "closed_by")  # fmt: skip
    row = shown.row
    return {name: getattr(row, name) for name in names} | {
        "loan_nos": list(shown.loan_nos), "evidence_count": len(row.evidence),
    }  # fmt: skip
