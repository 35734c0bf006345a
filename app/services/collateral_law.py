"""What the law says of recovering and selling a pledged thing.

What others did has happened and is booked: the law's objections become tasks. What we would do ourselves is refused.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.domain.collateral_events import EventKind, ThingState
from app.persistence.queries.chunks import chunks
from app.persistence.unit_of_work import Work
from app.services.law_facts import LoanLaw, load_loan_laws
from app.services.law_gates import QUEUE as COMPLIANCE
from app.services.law_gates import REVIEW, LawAnswer, ask_pack, is_spoken_on, objections, require_lawful
from app.services.tasks import NewTask, add_tasks

ENFORCE = "enforce"
NO_NOTICE = "collateral/no-notice-served"
"""Rule of the house: a thing is recovered after its borrower was told that it may be."""
VOLUNTARY = "voluntary"
"""Reason of a custody that the borrower brought about: nobody need be warned of it."""


def note_enforcement(
    work: Work, rows: Sequence[Mapping[str, Any]], pledges: Mapping[str, Sequence[Any]], *, now: datetime
) -> None:
    """Have people look at recoveries and sales that were told of, and that the law or the house objects to.

    `pledges`: of each thing of `rows`, by its id.
    """
    if not rows:
        return
    loan_ids = [
        pledge.loan_id for row in rows for pledge in pledges.get(row["thing_id"], ()) if pledge.ended_on is None
    ]  # fmt: skip
    laws = loan_laws(work, loan_ids, now=now)
    answers = {loan_id: ask_enforce(law, now) for loan_id, law in laws.items()}
    tasks: list[NewTask] = []
    for row in rows:
        for pledge in pledges.get(row["thing_id"], ()):
            answer = answers.get(pledge.loan_id)
            if answer is not None and pledge.ended_on is None and row["facts"].get("reason") != VOLUNTARY:
                tasks += objections(
                    answer, occasion=row["id"], borrower_id=row["borrower_id"], loan_id=pledge.loan_id
                )  # fmt: skip
        if _is_unannounced(row):
            facts = {"event_id": row["id"], "thing_id": row["thing_id"]}
            loan_id = next((pledge.loan_id for pledge in pledges.get(row["thing_id"], ())), None)
            key = f"collateral/{row['id']}/no-notice"
            task = NewTask(
                key, row["borrower_id"], REVIEW, COMPLIANCE, loan_id=loan_id, rule=NO_NOTICE, due_at=now, facts=facts
            )  # fmt: skip
            tasks.append(task)
    for some in chunks(tasks):
        add_tasks(work, some, now=now)


def loan_laws(work: Work, loan_ids: Sequence[str], *, now: datetime) -> dict[str, LoanLaw]:
    """Return the loans on whose enforcement a law speaks, by id; nothing is read where none does."""
    spoken = is_spoken_on(work.session, sorted(set(loan_ids)), ENFORCE)
    if not spoken:
        return {}
    borrower_ids = sorted({borrower_id for borrower_id, _ in spoken.values()})
    return {law.loan.id: law for law in load_loan_laws(work.session, borrower_ids, now, loan_ids=spoken)}


def ask_enforce(law: LoanLaw, now: datetime) -> LawAnswer:
    """Return what the law says of enforcing a loan now."""
    return ask_pack(law.pack, ENFORCE, law.facts, now, stated={})


def require_enforceable(work: Work, loan_ids: Sequence[str], *, now: datetime) -> None:
    """Let an act of ours pass that enforces these loans. Raises LawRefusedError."""
    for law in loan_laws(work, loan_ids, now=now).values():
        require_lawful(ask_enforce(law, now))


def stops_of(work: Work, loan_ids: Sequence[str], *, now: datetime) -> dict[str, str]:
    """Return loan id -> id of the rule that stands in the way of enforcing it now; those without are absent."""
    found: dict[str, str] = defaultdict(str)
    for loan_id, law in loan_laws(work, loan_ids, now=now).items():
        stop = ask_enforce(law, now).stop
        if stop is not None:
            found[loan_id] = stop.rule.id
    return dict(found)


def _is_unannounced(row: Mapping[str, Any]) -> bool:
    if row["kind"] != EventKind.TAKEN or row["facts"].get("reason") == VOLUNTARY:
        return False
    if row["facts"].get("notice_message_id"):
        return False
    return row["from_state"] not in (ThingState.NOTICE_SERVED, ThingState.LOST)
