"""Staff work through the calls that are to be made: the list, the card of a call, taking it, dialling, how it went."""

from typing import Any

from app.api.desk.call_forms import FOLLOWED, TOLD, CallOutcomeSchema, FollowedSchema, told_outcome
from app.api.desk.call_task_forms import (
    CARD_EXAMPLE,
    CLAIMED_EXAMPLE,
    DIALLED_EXAMPLE,
    ID_EXAMPLE,
    TASK_EXAMPLE,
    CallCardSchema,
    CallTaskActSchema,
    CallWorklistQuerySchema,
    CallWorklistSchema,
    ClaimedCallTaskSchema,
    DialledSchema,
    DialSchema,
    NextCallAskedSchema,
    NextCallSchema,
)
from app.api.desk.staff import door
from app.domain.call_worklists import Rank
from app.domain.errors import NotFoundError
from app.persistence.queries.call_tasks import find_task
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import call_cards, call_outcomes, call_tasks
from app.services.call_outcomes import CallTeller
from app.services.dials import Caller
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.reads import end_reads
from app.web.request_context import now

_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_GATE = ("law-refused", "quiet-hours", "contact-cap-reached", "consent-missing", "contact-refused")


_URGENCIES = ("by_gain", "asked_for", "law_day")
_DUMP_CLAIMED, _DUMP_NEXT, _DUMP_DIALLED, _DUMP_FOLLOWED = (
    ClaimedCallTaskSchema(),
    NextCallSchema(),
    DialledSchema(),
    FollowedSchema(),
)


@door.get("/call-tasks")
@permits("call_tasks.read")
@door.asks(CallWorklistQuerySchema)
@answers(200, CallWorklistSchema, example={"items": [TASK_EXAMPLE], "open_count": 1, "waiting_count": 0, "dials": []})
def list_call_tasks(query: dict[str, Any]) -> dict[str, Any]:
    """List the calls to be made: those that may be dialled now first, by what a call is expected to change."""
    who = desk()
    end_reads()
    with reading() as session:
        found = call_tasks.read_worklist(
            session, who.lender_id, by=who.name, now=now(), queue=query.get("queue"), limit=query["limit"]
        )
        return {
            "items": [_view(item.task, item.rank, item.claimed_by, item.claimed_until) for item in found.items],
            "open_count": found.open_count,
            "waiting_count": found.waiting_count,
            "dials": list(found.dials),
        }


def _view(task: Any, rank: Rank | None, claimed_by: str | None, claimed_until: Any) -> dict[str, Any]:
    place = rank or Rank(task.id, 0, 0)
    return {
        **{name: getattr(task, name) for name in ("id", "borrower_no", "loan_no", "kind", "queue", "due_on", "due_at",
                                                  "not_before", "not_after")},
        "language": task.facts.get("language"),
        "may_be_dialled": place.is_open(now()),
        "opens_at": place.opens_at,
        "closes_at": place.closes_at,
        "blocked_by": place.blocked_by,
        "urgency": _URGENCIES[place.urgency],
        "score": place.score,
        "parts": place.parts,
        "claimed_by": claimed_by,
        "claimed_until": claimed_until,
    }  # fmt: skip


@door.get("/call-tasks/<id:task_id>")
@permits("call_tasks.read")
@answers(200, CallCardSchema, example=CARD_EXAMPLE)
def get_call_task(task_id: str) -> dict[str, Any]:
    """Show all that is seen before a call: hours, what is left under each cap, positions, promises, what to say.

    That it was read is written down.
    """
    who, at = desk(), now()
    end_reads()
    with unit_of_work() as work:
        card = call_cards.open_task_card(
            work, task_id, lender_id=who.lender_id, by=who.name, now=at, locale=request_locale()
        )
        return {
            **{name: getattr(card, name) for name in ("borrower_no", "name", "number_masked", "locale", "calls")},
            "task": _view(card.task, card.rank, card.task.claimed_by, card.task.claimed_until),
            "may_be_dialled": card.answer.may_happen and card.rank is not None and card.rank.is_open(at),
            "may_be_overridden": card.answer.may_be_overridden,
            "opens_at": card.answer.opens_at,
            "closes_at": card.answer.closes_at,
            "blocks": card.answer.blocks,
            "room": card.answer.room,
            "local_times": [{"zone": each.zone, "local": each.at.strftime("%Y-%m-%dT%H:%M")} for each in card.local_times],
            "loans": [_loan(loan) for loan in card.loans],
            "talking_points": card.points,
            "waiting_call_id": None if card.dial is None else card.dial.id,
        }


def _loan(loan: call_cards.LoanOnCard) -> dict[str, Any]:
    return {
        "loan_no": loan.loan_no,
        "overdue": loan.money(loan.overdue_minor),
        "outstanding": loan.money(loan.outstanding_minor),
        "days_past_due": loan.days_past_due,
        "next_due_on": loan.next_due_on,
        "promises": [
            {"amount": loan.money(each.amount_minor), "promised_on": each.promised_on, "state": each.state}
            for each in loan.promises
        ],
    }


@door.post("/call-tasks/next")
@permits("call_tasks.make")
@door.takes(NextCallAskedSchema, example={"queue": None})
@answers(200, NextCallSchema, example={"task": CLAIMED_EXAMPLE}, problems=_ONCE)
def claim_next_call_task(body: dict[str, Any]) -> Answer:
    """Take the task on top that may be dialled now and that nobody has, for 15 minutes."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        row = call_tasks.claim_next(work, lender_id=who.lender_id, by=who.name, now=at, queue=body["queue"])
        return Answer(_DUMP_NEXT.dump({"task": row}), 200, dumped=True)

    return answer_once(act)


@door.post("/call-tasks/<id:task_id>/claim")
@permits("call_tasks.make")
@door.takes(CallTaskActSchema, example={})
@answers(200, ClaimedCallTaskSchema, example=CLAIMED_EXAMPLE, problems=_ONCE)
def claim_call_task(body: dict[str, Any], task_id: str) -> Answer:
    """Take a task for 15 minutes, so that nobody else calls this borrower meanwhile. Again: 15 minutes anew."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        row = call_tasks.claim(work, task_id, lender_id=who.lender_id, by=who.name, now=at)
        return Answer(_DUMP_CLAIMED.dump(row), 200, dumped=True)

    return answer_once(act)


@door.post("/call-tasks/<id:task_id>/release")
@permits("call_tasks.make")
@door.takes(CallTaskActSchema, example={})
@answers(200, ClaimedCallTaskSchema, example={"id": ID_EXAMPLE, "claimed_by": None, "claimed_until": None}, problems=_ONCE)
def release_call_task(body: dict[str, Any], task_id: str) -> Answer:
    """Give a task back. A supervisor takes it from somebody else too."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        call_tasks.release(work, task_id, lender_id=who.lender_id, by=who.name, role=who.role, now=at)
        return Answer(_DUMP_CLAIMED.dump({"id": task_id, "claimed_by": None, "claimed_until": None}), 200, dumped=True)

    return answer_once(act)


@door.post("/call-tasks/<id:task_id>/dial")
@permits("call_tasks.make")
@door.takes(DialSchema, example={"override_reason": None})
@answers(201, DialledSchema, example=DIALLED_EXAMPLE, problems=(*_GATE, *_ONCE))
def dial_call_task(body: dict[str, Any], task_id: str) -> Answer:
    """Dial: the law, the person and the policy are asked at this moment, and from it on the call counts.

    The number is in this answer alone. The lender's telephony is told (webhook call.dial_requested.v1). How the call went is
    then told at /outcome; until it is, the task stays yours, and nobody dials this borrower again.
    """
    at, who, locale = now(), desk(), request_locale()
    caller = Caller(who.name, who.role, who.staff_id)

    def act(work: Work) -> Answer:
        dialled = call_tasks.dial_task(
            work, task_id, lender_id=who.lender_id, caller=caller, now=at, override_reason=body["override_reason"],
            locale=locale,
        )  # fmt: skip
        return Answer(_DUMP_DIALLED.dump(dialled), 201, dumped=True)

    return answer_once(act)


@door.post("/call-tasks/<id:task_id>/outcome")
@permits("call_tasks.make")
@door.takes(CallOutcomeSchema, example=TOLD)
@answers(201, FollowedSchema, example=FOLLOWED, also=(200,), problems=("currency-mismatch", *_ONCE))
def tell_call_outcome(body: dict[str, Any], task_id: str) -> Answer:
    """Say how the call went, and have done what follows: a promise made, a dispute opened, a number found, another call.

    A busy line or nobody there: the task comes up again, some times. The same call again changes nothing (200).
    """
    at, who = now(), desk()
    teller = CallTeller(who.name, who.role, who.lender_id)

    def act(work: Work) -> Answer:
        task = find_task(work.session, task_id, who.lender_id)
        if task is None:
            raise NotFoundError(f"There is no call task {task_id}.")
        followed = call_outcomes.tell_outcome(
            work, task.borrower_id, told_outcome(body), teller=teller, now=at, task_id=task_id
        )
        return Answer(_DUMP_FOLLOWED.dump(followed), 201 if followed.created else 200, dumped=True)

    return answer_once(act)
