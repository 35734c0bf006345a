"""Escalating arrears: borrowers whose turn has come are claimed in batches, decided about, and what is due is done.

Nothing happens but by a policy that is in force for the lender, and where that says so, after a person's yes. What changes a
case (a payment, a hold, a dispute, proof of delivery, a yes) wakes its borrower, so that the next look is at once.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.escalation_cases import NOT_ASKED, GateStop
from app.domain.escalation_reasons import Outcome
from app.domain.escalations import decide, unasked
from app.persistence.queries import agenda as clocks
from app.persistence.queries.audit import add_audit
from app.persistence.queries.escalation_policies import exists_active, exists_open
from app.persistence.unit_of_work import Work, looking
from app.services.each_alone import look_in_batch
from app.services.escalation_acts import key_of, perform, take_back
from app.services.escalation_cases import LoadedEscalation, load_escalations
from app.services.escalation_gates import ask_gates
from app.services.escalation_tellings import tell_lenders
from app.services.escalation_writing import BY, EscalationWriting

BATCH = 300
"""Borrowers per unit of work: the statements are as many for one as for all of them."""
PUT_OFF = timedelta(hours=1)
"""How long a borrower who cannot be looked at (a defect, or data that cannot be true) stands back for the others."""
MOST_ROUNDS = 4
"""Looks in one unit of work: what happened may let the next step happen the same minute."""


@dataclass(slots=True)
class Looked:
    """What a look did. `counts`: "kind.outcome" -> how many changes of it."""

    borrowers: int = 0
    counts: dict[str, int] = field(default_factory=dict)


def look_at_due(*, now: datetime, limit: int = BATCH) -> int:
    """Look at the escalations of up to `limit` borrowers whose turn has come; return how many. One commit, none when idle.

    Any number of engines may do so at once. One borrower who cannot be looked at does not hold up the others.
    """
    with looking() as session:
        if not clocks.exists_escalations_due(session, now=now) or not (exists_active(session) or exists_open(session)):
            return 0
    claimed = look_in_batch(
        lambda session: clocks.claim_escalations(session, now=now, limit=limit),
        lambda work, borrower_ids: look(work, borrower_ids, now=now),
        lambda session, borrower_id: clocks.set_escalations_at(session, {borrower_id: now + PUT_OFF}),
        what="escalations",
    )
    return len(claimed)


def look_at_all(*, now: datetime) -> int:
    """Look until nobody's turn is left; return how many looks at a borrower that took."""
    done = 0
    while count := look_at_due(now=now):
        done += count
    return done


def look(work: Work, borrower_ids: Collection[str], *, now: datetime, by: str = BY) -> Looked:
    """Bring the escalations of these borrowers, whose agenda rows are locked, to what their policies say now."""
    looked = Looked(len(borrower_ids))
    if not borrower_ids:
        return looked
    loaded = load_escalations(work.session, borrower_ids, now)
    writing = EscalationWriting(now, by=by)
    looks = _decide_all(work, loaded, writing, now)
    for reason, message_ids in writing.back.items():
        take_back(work, message_ids, reason=reason, now=now)
    writing.write(work)
    tell_lenders(work, writing.told, now=now)
    looked.counts = dict(writing.counts)
    if writing.counts:
        facts = {"borrowers": len(borrower_ids), "changes": looked.counts}
        add_audit(work.session, at=now, actor=by, action="escalations.looked_at", borrower_id=None, facts=facts)
    clocks.set_escalations_at(work.session, {each: None for each in borrower_ids} | _soonest(loaded, looks))
    return looked


def _decide_all(
    work: Work, loaded: Sequence[LoadedEscalation], writing: EscalationWriting, now: datetime
) -> dict[str, datetime | None]:
    """Decide about each loan and do what is due; then again about those of which something was done, for what follows."""
    looks: dict[str, datetime | None] = {}
    refused: dict[str, dict[str, GateStop | None]] = defaultdict(dict)
    again = list(loaded)
    for _ in range(MOST_ROUNDS):
        first = [(each, decide(each.case_now(), each.policy, now, refused.get(each.loan_id, NOT_ASKED))) for each in again]
        gates = ask_gates(work.session, [(each, unasked(decided)) for each, decided in first], now)
        for each, decided in first:
            if each.loan_id in gates:
                answers = {**gates[each.loan_id], **refused.get(each.loan_id, NOT_ASKED)}
                decided = decide(each.case_now(), each.policy, now, answers)
            writing.take(each, decided)
            looks[each.loan_id] = decided.next_look_at
        due, writing.due = writing.due, []
        if not due:
            return looks
        done = perform(work, due, now=now)
        for step in due:
            acted = done[key_of(step)]
            writing.acted(step, acted)
            if acted.outcome is Outcome.STOPPED:
                refused[step.of.loan_id][step.step.key] = GateStop(acted.reason, acted.rule)
        again = list({step.of.loan_id: step.of for step in due}.values())
    return looks | {each.loan_id: now for each in again}


def _soonest(loaded: Iterable[LoadedEscalation], looks: Mapping[str, datetime | None]) -> dict[str, datetime | None]:
    found: dict[str, datetime | None] = {}
    for each in loaded:
        at, before = looks.get(each.loan_id), found.get(each.loan.borrower_id)
        found[each.loan.borrower_id] = min((one for one in (at, before) if one is not None), default=None)
    return found
