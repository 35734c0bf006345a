"""Asking the law before an act, and what becomes of its answer.

An act of our own that a rule blocks is refused (`require_lawful`). What the core reports has happened already: it is booked,
because the book of record must be true, and what the law says against it becomes a task for compliance (`note`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.case_records import merged
from app.domain.errors import FieldError, LawRefusedError
from app.domain.law.acts import rules_on, speaks_on
from app.domain.law.grounds import facts_read
from app.domain.law.judgements import Finding, Judgement, judge
from app.domain.law.packs import LawPack
from app.domain.law.results import ALLOW
from app.domain.law.rules import Rule
from app.persistence.queries.law_cases import find_governing
from app.persistence.unit_of_work import Work
from app.services.law_facts import load_loan_laws, load_person_facts
from app.services.law_packs import get_pack, jurisdictions, pack_for, references, vocabulary
from app.services.tasks import NewTask, add_tasks

QUEUE = "compliance"
REVIEW = "compliance_review"
"""The kind of task where the rule itself names none."""
UNVERIFIED = "recalled, unverified"


@dataclass(frozen=True, slots=True)
class LawAnswer:
    """What the law says of an act, and of which facts. `pack` None: no rule speaks on such an act here."""

    act: str
    pack: LawPack | None
    judgement: Judgement
    facts: Mapping[str, Any]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Facts that the rules asked look at and nobody knows: with them the answer may be another."""
        read = {name for rule, _ in self.judgement.findings for name in facts_read(rule, vocabulary())}
        return tuple(sorted(name for name in read if self.facts.get(name) is None))

    @property
    def stop(self) -> Finding | None:
        """The rule that stands in the way now; None: the act may happen."""
        return None if self.judgement.may_proceed else self.judgement.deciding


_SILENT = Judgement("allow", None, None, ())


def ask_law(
    session: Session,
    *,
    act: str,
    now: datetime,
    borrower_id: str | None = None,
    loan_id: str | None = None,
    jurisdiction: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> LawAnswer:
    """Return what the law says of an act about a loan, a borrower, or (by `jurisdiction`) nobody in particular.

    `facts`: typed facts that whoever acts states (the charge, the record); they stand over what the book knows. Raises
    ValidationError for a zone that is none.
    """
    stated = dict(facts or {})
    pack, known = _known(session, act, stated, borrower_id, loan_id, jurisdiction, now)
    if pack is None:
        return LawAnswer(act, None, _SILENT, stated)
    return ask_pack(pack, act, merged(known, stated), now, stated=stated)


def ask_pack(
    pack: LawPack,
    act: str,
    facts: Mapping[str, Any],
    now: datetime,
    *,
    stated: Mapping[str, Any] | None = None,
    only: Callable[[Rule], bool] | None = None,
) -> LawAnswer:
    """Return what a pack says of an act with these typed facts. `stated`: those that the act is about; None: all.

    `only`: says which rules are asked of those that speak on the act; None: all.
    """
    whole = {**facts, "act": act}
    rules = rules_on(pack, act, whole, stated, vocabulary())
    if only is not None:
        rules = tuple(filter(only, rules))
    return LawAnswer(act, pack, judge(rules, whole, now, references()) if rules else _SILENT, whole)


def require_lawful(answer: LawAnswer) -> None:
    """Let a lawful act pass. Raises LawRefusedError: the rule, its paragraph, what is missing, from when it is allowed."""
    stop = answer.stop
    if stop is None:
        return
    rule, result = stop
    allowed_on = None if result.allowed_on is None else result.allowed_on.isoformat()
    told = f"{rule.id} ({rule.source}{f'; {UNVERIFIED}' if rule.is_recalled else ''}): {rule.title}"
    detail = f"The law does not allow it now. {told}."
    if result.missing:
        detail += f" Missing: {', '.join(result.missing)}."
    if allowed_on is not None:
        detail += f" Allowed from {allowed_on} on."
    raise LawRefusedError(
        detail,
        facts={
            "act": answer.act,
            "verdict": result.verdict,
            "rule": rule.id,
            "paragraph": rule.source,
            "evidence": rule.evidence,
            "missing": list(result.missing),
            "allowed_on": allowed_on,
        },
        errors=[FieldError("", "law", f"{told}.")]
        + [FieldError("", "missing", each) for each in result.missing]
        + ([FieldError("", "allowed-on", allowed_on)] if allowed_on is not None else []),
    )


def purgeable_before(record_kind: str, before: datetime, *, now: datetime) -> datetime | None:
    """Return before when records of a kind may be destroyed: `before`, or earlier where a law keeps them longer.

    The longest of all packs counts, since a record does not say whose it is. None: a law keeps them and names no day.
    """
    for jurisdiction in jurisdictions():
        while True:
            on = before.date()
            record = {"kind": record_kind, "created_on": on, "last_activity_on": on}
            stop = ask_pack(get_pack(jurisdiction), "purge_record", {"record": record}, now).stop
            if stop is None:
                break  # once is not always enough: years differ in days
            if stop.result.allowed_on is None:
                return None
            before -= stop.result.allowed_on - now.date()
    return before


def is_spoken_on(
    session: Session, loan_ids: Sequence[str], act: str, stated: Sequence[str] = ()
) -> dict[str, tuple[str, LawPack]]:
    """Return loan id -> (borrower id, pack) of those loans whose law may have something to say on the act; one statement."""
    found: dict[str, tuple[str, LawPack]] = {}
    for loan_id, borrower_id, country, jurisdiction in find_governing(session, loan_ids):
        pack = pack_for(country or jurisdiction).pack
        if speaks_on(pack, act, stated, vocabulary()):
            found[loan_id] = (borrower_id, pack)
    return found


def note(
    work: Work, answer: LawAnswer, *, occasion: str, borrower_id: str, loan_id: str | None, now: datetime
) -> list[NewTask]:
    """Make tasks of what the law says against an act that has happened; return them. One occasion makes each but once."""
    tasks = objections(answer, occasion=occasion, borrower_id=borrower_id, loan_id=loan_id)
    if tasks:
        add_tasks(work, tasks, now=now)
    return tasks


def objections(answer: LawAnswer, *, occasion: str, borrower_id: str, loan_id: str | None) -> list[NewTask]:
    """Return the tasks that `note` makes, for a caller that adds those of many acts at once."""
    tasks: list[NewTask] = []
    for rule, result in answer.judgement.findings:
        if result is ALLOW or not (result.stops or result.tasks or result.breach):
            continue
        facts = {
            "act": answer.act,
            "verdict": result.verdict,
            "missing": list(result.missing),
            "evidence": rule.evidence,
            "occasion": occasion,
        }
        for kind in result.tasks or (REVIEW,):
            key = f"law/{answer.act}/{occasion}/{rule.id}/{kind}"[:160]
            tasks.append(NewTask(key, borrower_id, kind, QUEUE, loan_id=loan_id, rule=rule.id, due_on=result.due_on,
                                 due_at=result.due_at, facts=facts))  # fmt: skip
    return tasks


def _known(
    session: Session,
    act: str,
    stated: Mapping[str, Any],
    borrower_id: str | None,
    loan_id: str | None,
    jurisdiction: str | None,
    now: datetime,
) -> tuple[LawPack | None, dict[str, Any]]:
    if loan_id is not None:
        spoken = is_spoken_on(session, [loan_id], act, list(stated)).get(loan_id)
        if spoken is None:
            return None, {}
        (loan,) = load_loan_laws(session, [spoken[0]], now, loan_ids=[loan_id])
        return loan.pack, dict(loan.facts)
    case, known = (None, {}) if borrower_id is None else load_person_facts(session, borrower_id, now)
    country = None if case is None else case.country
    governing = pack_for(country or jurisdiction)
    known["law_pack"] = governing.law_pack
    return (governing.pack if speaks_on(governing.pack, act, list(stated), vocabulary()) else None), known
