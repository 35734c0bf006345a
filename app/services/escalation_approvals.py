"""What people say about escalations: yes or no to a step, stop and go on, and that forbearance was considered."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.actors import same_person
from app.domain.errors import ConflictError, NotFoundError, refused_at
from app.domain.escalation_reasons import STOP_REASONS, Outcome, Why
from app.domain.escalations import lapse_of
from app.domain.permissions import check_may
from app.domain.times import business_date
from app.persistence.queries import agenda as clocks
from app.persistence.queries import escalation_pages as pages
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work
from app.services.case_records import put_record
from app.services.desk_payments import DeskStaff
from app.services.escalation_acts import take_back
from app.services.escalation_cases import STOPPED, LoadedEscalation, load_escalations
from app.services.escalation_tellings import tell_lenders
from app.services.escalation_writing import EscalationWriting
from app.services.forbearance import ASSESSED

MOST_AT_ONCE = 500
OFFERED, NOT_APPROPRIATE = "offered", "not_appropriate"
ASSESSMENTS = (OFFERED, NOT_APPROPRIATE)


@dataclass(slots=True)
class Approved:
    """What became of yeses: steps that may happen now, that wait for a second person, and those left with the reason."""

    ready: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


def approve_steps(work: Work, step_ids: Collection[str], *, staff: DeskStaff, now: datetime) -> Approved:
    """Say yes to steps that wait for a person; the engine makes them happen, when nothing stands in the way by then.

    A step that does not wait any more is left, with NOT_WAITING; one that needs another person than who said yes first, with
    SAME_PERSON. Raises ForbiddenError, ValidationError (too many, another lender's).
    """
    check_may(staff.role, "escalations.approve")
    if len(step_ids) > MOST_AT_ONCE:
        raise refused_at("/step_ids", f"At most {MOST_AT_ONCE} steps are approved at once.")
    owners = pages.find_step_owners(work.session, step_ids, staff.lender_id)
    if missing := set(step_ids) - set(owners):
        raise refused_at("/step_ids", f"There is no step {min(missing)} here.")
    people = {borrower_id for borrower_id, _ in owners.values()}
    clocks.lock_agenda(work.session, people)
    loaded = _loaded(work, people, {loan_id for _, loan_id in owners.values()}, now)
    writing, found = EscalationWriting(now, by=staff.by), Approved()
    for step_id, (_, loan_id) in owners.items():
        _approve(writing, found, loaded.get(loan_id), step_id, staff, now)
    writing.write(work)
    clocks.set_escalations_at(work.session, dict.fromkeys(people, now))
    facts = {"ready": len(found.ready), "waiting": len(found.waiting), "left": len(found.left)}
    for borrower_id in sorted(people):
        steps = [step_id for step_id, (owner, _) in owners.items() if owner == borrower_id]
        add_audit(work.session, at=now, actor=staff.by, action="escalation.step_approved", borrower_id=borrower_id,
                  facts={"steps": steps, **facts})  # fmt: skip
    return found


def approve_waiting(
    work: Work, *, step_key: str, most: int, staff: DeskStaff, now: datetime, until: datetime | None = None
) -> Approved:
    """Say yes to the steps of a key that have waited longest, `most` at most, and only those that came by `until`."""
    limit = min(most, MOST_AT_ONCE)
    ids = pages.find_waiting_ids(
        work.session, staff.lender_id, step_key=step_key, limit=limit, until=until or now, but_not_by=staff.by
    )
    return approve_steps(work, ids, staff=staff, now=now)


def decline_step(work: Work, step_id: str, *, reason: str, staff: DeskStaff, now: datetime) -> str:
    """Say no to a step for as long as these arrears last; return the escalation's id. Twice changes nothing.

    Raises ForbiddenError, NotFoundError, ValidationError, ConflictError (it waits for nobody).
    """
    check_may(staff.role, "escalations.approve")
    _check_reason(reason)
    each, step = _step(work, step_id, staff, now)
    escalation_id: str = step["escalation_id"]
    if step["outcome"] == Outcome.DECLINED:
        return escalation_id
    if step["outcome"] != Outcome.NEEDS_APPROVAL:
        raise ConflictError(f"This step waits for nobody: it is {step['outcome']}.")
    step["declined_by"], step["declined_reason"] = staff.by, reason
    writing = EscalationWriting(now, by=staff.by)
    writing.answered(each, step, Why.DECLINED, by=staff.by, facts={"because": reason})
    _finish(work, writing, each, "step_declined", staff, now, step=step["step_key"], reason=reason)
    return escalation_id


def stop_escalation(work: Work, escalation_id: str, *, reason: str, staff: DeskStaff, now: datetime) -> None:
    """Stop an escalation until its arrears are over: nothing more happens, and no notice leaves that has not.

    Twice changes nothing. Raises ForbiddenError, NotFoundError, ValidationError, ConflictError (it has ended).
    """
    check_may(staff.role, "escalations.stop")
    _check_reason(reason)
    each = _escalation(work, escalation_id, staff, now)
    assert each.escalation is not None
    if each.escalation["state"] == STOPPED:
        return
    writing = EscalationWriting(now, by=staff.by)
    writing.stop(each, by=staff.by, facts={"because": reason})
    for why, message_ids in writing.back.items():
        take_back(work, message_ids, reason=why, now=now)
    _finish(work, writing, each, "stopped", staff, now, reason=reason)


def resume_escalation(work: Work, escalation_id: str, *, staff: DeskStaff, now: datetime) -> None:
    """Let a stopped escalation go on from where it stood. Raises ForbiddenError, NotFoundError, ConflictError."""
    check_may(staff.role, "escalations.stop")
    each = _escalation(work, escalation_id, staff, now)
    assert each.escalation is not None
    if each.escalation["state"] != STOPPED:
        return
    writing = EscalationWriting(now, by=staff.by)
    writing.resume(each, by=staff.by)
    _finish(work, writing, each, "resumed", staff, now)


def record_forbearance(work: Work, escalation_id: str, *, outcome: str, staff: DeskStaff, now: datetime) -> None:
    """Record that another plan, a pause or the like was considered for a loan, and whether it was offered.

    It becomes an event of the case, `forbearance_assessed`, which the law packs read too: `not_appropriate` says that the
    reasons are on file. Raises ForbiddenError, NotFoundError, ValidationError, ConflictError.
    """
    check_may(staff.role, "escalations.assess")
    if outcome not in ASSESSMENTS:
        raise refused_at("/outcome", f"outcome is not one of {', '.join(ASSESSMENTS)}.")
    each = _escalation(work, escalation_id, staff, now)
    on = business_date(now, each.loan.zone).isoformat()
    facts = {"kind": ASSESSED, "on": on, "outcome": outcome, "reasons_recorded": True}
    put_record(
        work, each.loan.borrower_id, "events", facts, by=staff.by, now=now, reference=f"forbearance-{escalation_id}-{on}",
        lender_id=staff.lender_id, loan_no=each.loan.loan_no,
    )  # fmt: skip


def _approve(
    writing: EscalationWriting, found: Approved, each: LoadedEscalation | None, step_id: str, staff: DeskStaff, now: datetime
) -> None:
    step = None if each is None else next((row for row in each.steps.values() if row["id"] == step_id), None)
    if each is None or step is None or step["outcome"] != Outcome.NEEDS_APPROVAL:
        found.left[step_id] = "NOT_WAITING"
        return
    asked = None if each.policy is None else each.policy.step(step["step_key"])
    approval = None if asked is None else asked.approval
    if each.policy is None or approval is None:
        found.left[step_id] = "NOT_WAITING"
        return
    first_at = step["approved_at"]
    if first_at is None or now >= lapse_of(first_at, approval, each.policy):
        step["approved_by"], step["approved_at"] = staff.by, now
        step["confirmed_by"] = step["confirmed_at"] = None
    elif same_person(step["approved_by"], staff.by):
        found.left[step_id] = "SAME_PERSON"
        return
    else:
        step["confirmed_by"], step["confirmed_at"] = staff.by, now
    writing.answered(each, step, Why.APPROVED, by=staff.by, facts={})
    given = [name for name in (step["approved_by"], step["confirmed_by"]) if name is not None]
    (found.ready if len(given) >= approval.people else found.waiting).append(step_id)


def _loaded(work: Work, people: Collection[str], loans: Collection[str], now: datetime) -> dict[str, LoadedEscalation]:
    return {each.loan_id: each for each in load_escalations(work.session, people, now, loan_ids=loans)}


def _step(work: Work, step_id: str, staff: DeskStaff, now: datetime) -> tuple[LoadedEscalation, dict[str, Any]]:
    owner = pages.find_step_owners(work.session, [step_id], staff.lender_id).get(step_id)
    if owner is None:
        raise NotFoundError("There is no such step here.")
    borrower_id, loan_id = owner
    clocks.lock_agenda(work.session, [borrower_id])
    each = _loaded(work, [borrower_id], [loan_id], now).get(loan_id)
    step = None if each is None else next((row for row in each.steps.values() if row["id"] == step_id), None)
    if each is None or step is None:
        raise ConflictError("The escalation that this step is of has ended.")
    return each, step


def _escalation(work: Work, escalation_id: str, staff: DeskStaff, now: datetime) -> LoadedEscalation:
    row = pages.find_escalation(work.session, staff.lender_id, escalation_id)
    if row is None:
        raise NotFoundError("There is no such escalation here.")
    clocks.lock_agenda(work.session, [row.borrower_id])
    each = _loaded(work, [row.borrower_id], [row.loan_id], now).get(row.loan_id)
    if each is None or each.escalation is None or each.escalation["id"] != escalation_id:
        raise ConflictError("This escalation has ended.")
    return each


def _finish(
    work: Work, writing: EscalationWriting, each: LoadedEscalation, what: str, staff: DeskStaff, now: datetime, **facts: Any
) -> None:
    assert each.escalation is not None
    writing.write(work)
    tell_lenders(work, writing.told, now=now)
    borrower_id = each.loan.borrower_id
    clocks.set_escalations_at(work.session, {borrower_id: now})
    told = {"escalation_id": each.escalation["id"], "loan_id": each.loan_id, **facts}
    add_audit(work.session, at=now, actor=staff.by, action=f"escalation.{what}", borrower_id=borrower_id, facts=told)


def _check_reason(reason: str) -> None:
    if reason not in STOP_REASONS:
        raise refused_at("/reason", f"reason is not one of {', '.join(STOP_REASONS)}.")
