"""Duties of the law as tasks: noticed with their date, marked when they were missed, closed when they are done.

A borrower's duties are looked at when their case changes and when a day begins that may change them; never all at night.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from app.domain.duties import Duty, duties_of, rules_of
from app.domain.law.questions import start_of_day
from app.domain.times import MICROSECOND, business_date
from app.metrics import DUTY_LOOKS
from app.persistence.models.tasks import TaskRow
from app.persistence.queries import agenda as clocks
from app.persistence.queries.tasks import find_tasks_of, mark_breaches
from app.persistence.unit_of_work import Work, looking
from app.services import interest_stops
from app.services.duty_alarms import MISSED, NEAR, alarm, alarm_rules
from app.services.each_alone import look_in_batch
from app.services.law_facts import LoanLaw, load_loan_laws
from app.services.law_packs import find_rule, references, vocabulary
from app.services.tasks import NewTask, add_tasks

QUEUE = "duties"
BATCH = 50
"""Borrowers per unit of work."""
AHEAD = timedelta(days=45)
"""A duty that is due later is no task yet: it is looked at again when it is so near."""
PUT_OFF = timedelta(hours=1)
"""How long a borrower whose duties cannot be told stands back for the others."""
_BY = "engine:duties"
_DONE = "the law asks for it no longer"
_DAY = timedelta(days=1)
_RECORDED_FACTS = ("requests", "incident", "review", "journey", "agency")
"""Facts from which days may count although nothing is owed."""


@dataclass(slots=True)
class Looked:
    """What a look did: tasks made, tasks newly in breach, tasks closed, loans whose stops of interest changed."""

    made: int = 0
    missed: int = 0
    closed: int = 0
    stopped: int = 0
    """Loans whose interest was stopped, or runs again."""


def look_at_due(*, now: datetime, limit: int = BATCH) -> int:
    """Look at the duties of up to `limit` borrowers whose turn has come; return how many. One commit, none when idle.

    Facts that cannot be true of one borrower must not hold up the others: that one is put off.
    """
    with looking() as session:
        if not clocks.exists_duties_due(session, now=now):
            return 0
    claimed = look_in_batch(
        lambda session: clocks.claim_duties(session, now=now, limit=limit),
        lambda work, borrower_ids: look(work, borrower_ids, now=now),
        lambda session, borrower_id: clocks.set_duties_at(session, {borrower_id: now + PUT_OFF}),
        what="duties",
    )
    DUTY_LOOKS.inc(len(claimed))
    return len(claimed)


def look(work: Work, borrower_ids: Collection[str], *, now: datetime) -> Looked:
    """Bring the duty tasks of these borrowers, whose agenda rows are locked, to what the law asks now."""
    looked = Looked()
    if not borrower_ids:
        return looked
    by_borrower: dict[str, list[LoanLaw]] = defaultdict(list)
    loans = load_loan_laws(work.session, borrower_ids, now)
    for loan in loans:
        by_borrower[loan.borrower_id].append(loan)
    tasks: dict[str, list[TaskRow]] = defaultdict(list)
    for row in find_tasks_of(work.session, borrower_ids, queue=QUEUE):
        tasks[row.borrower_id].append(row)
    new: list[NewTask] = []
    looks: dict[str, datetime | None] = {}
    asked: dict[str, list[Duty]] = defaultdict(list)
    for borrower_id in borrower_ids:
        standing = _standing(by_borrower[borrower_id], now)
        for each in standing:
            asked[each.loan.loan.id].append(each.duty)
        near = [each for each in standing if not _is_far(each.duty, each.loan, now)]
        new += _Bringing(work, tasks[borrower_id], now, looked).bring(near)
        looks[borrower_id] = _next_look(by_borrower[borrower_id], standing, now)
    for task, result in zip(new, add_tasks(work, new, now=now), strict=True):
        looked.made += result.created
        if result.created and task.facts["breach"]:
            looked.missed += 1
            alarm(work, task, MISSED, now=now)
        elif result.created and task.facts["alarmed"]:
            alarm(work, task, NEAR, now=now)
    mark_breaches(work.session, [task.natural_key for task in new if task.facts["breach"]])
    looked.stopped = interest_stops.bring(work, loans, asked, now=now)
    clocks.set_duties_at(work.session, looks)
    return looked


@dataclass(frozen=True, slots=True)
class Standing:
    """A duty of a loan that stands now."""

    loan: LoanLaw
    duty: Duty

    @property
    def key(self) -> str:
        """The natural key of its task; of an undated duty, the beginning of it."""
        return f"duty/{self.duty.occasion}/{self.loan.loan.id}"


def duties_at(loans: Iterable[LoanLaw], now: datetime) -> list[Standing]:
    """Return what the law asks about these loans now, as it would become tasks."""
    return [each for each in _standing(list(loans), now) if not _is_far(each.duty, each.loan, now)]


def _standing(loans: Sequence[LoanLaw], now: datetime) -> list[Standing]:
    """Return the duties of one borrower. What a lender's several loans owe for one request is one duty, of the first."""
    found: dict[tuple[str, str, str], Standing] = {}
    for loan in loans:
        known_on = business_date(loan.loan.imported_at, loan.zone)
        for duty in duties_of(loan.pack, loan.facts, now, vocabulary(), references()):
            if duty.due_on is not None and duty.due_on < known_on:
                continue  # it was over before the loan was known here, and so was whatever was done about it
            of = loan.loan.lender_id if _is_of_person(duty) else loan.loan.id
            found.setdefault((of, duty.kind, duty.occasion), Standing(loan, duty))
    return list(found.values())


def _is_of_person(duty: Duty) -> bool:
    """Whether it counts from a record of its own (a request, a hold), which may be about all loans."""
    return duty.since is not None


def _is_far(duty: Duty, loan: LoanLaw, now: datetime) -> bool:
    today = business_date(now, loan.zone)
    if duty.due_on is not None:
        return duty.due_on - today > AHEAD
    return duty.due_at is not None and duty.due_at - now > AHEAD


class _Bringing:
    """Brings one borrower's tasks to what stands."""

    def __init__(self, work: Work, tasks: Sequence[TaskRow], now: datetime, looked: Looked) -> None:
        self.work, self.now, self.looked = work, now, looked
        self.tasks = tasks
        self.asked: set[str] = set()

    def bring(self, standing: Sequence[Standing]) -> list[NewTask]:
        """Change, reopen and close tasks; return those to make."""
        new = [task for each in standing if (task := self._one(each)) is not None]
        for row in self.tasks:
            if row.id in self.asked:
                continue
            if row.state == "open":
                row.state, row.state_reason, row.closed_at, row.closed_by = "done", _DONE, self.now, _BY
                row.facts = {**row.facts, "standing": False}
                row.version += 1
                self.looked.closed += 1
            elif row.facts.get("standing"):
                row.facts = {**row.facts, "standing": False}
        self.work.session.flush()
        return new

    def _one(self, each: Standing) -> NewTask | None:
        row = self._known(each)
        if row is None:
            return _new_task(each, self._key(each), self.now)
        self.asked.add(row.id)
        if row.state != "open" and row.closed_by == _BY:
            row.state, row.state_reason, row.closed_at, row.closed_by = "open", None, None, None
            row.version += 1
        if row.state == "open" and each.duty.breach and not row.breach:
            row.breach = True
            row.version += 1
            self.looked.missed += 1
            alarm(self.work, row, MISSED, now=self.now)
        if row.state == "open" and not row.facts.get("alarmed") and _is_near(each, self.now):
            row.facts = {**row.facts, "alarmed": True}
            alarm(self.work, row, NEAR, now=self.now)
        if not row.facts.get("standing"):
            row.facts = {**row.facts, "standing": True}
        return None

    def _known(self, each: Standing) -> TaskRow | None:
        """Return the task of this duty. An undated one is the same for as long as it stands without a break."""
        if each.duty.is_dated:
            return next((row for row in self.tasks if row.natural_key == each.key), None)
        runs = [row for row in self.tasks if row.natural_key.startswith(f"{each.key}/")]
        return next((row for row in reversed(runs) if row.state == "open" or row.facts.get("standing")), None)

    def _key(self, each: Standing) -> str:
        return each.key if each.duty.is_dated else f"{each.key}/{self.now.isoformat(timespec='minutes')}"


def _is_near(each: Standing, now: datetime) -> bool:
    return alarm_rules().is_near(each.duty, business_date(now, each.loan.zone), now)


def _new_task(each: Standing, key: str, now: datetime) -> NewTask:
    duty, loan = each.duty, each.loan
    rule = find_rule(duty.rule)
    facts = {
        "missing": list(duty.missing),
        "also": list(duty.also),
        "breach": duty.breach,
        "standing": True,
        "alarmed": _is_near(each, now),
        "law": f"{loan.pack.jurisdiction}@{loan.pack.version[:12]}",
        "evidence": None if rule is None else rule.evidence,
        "values": plain(duty.values),
    }
    return NewTask(
        key, loan.borrower_id, duty.kind, QUEUE, loan_id=loan.loan.id, rule=duty.rule, due_on=duty.due_on,
        due_at=duty.due_at, facts=facts,
    )  # fmt: skip


def plain(value: Any) -> Any:
    """Return figures of the law as JSON has them: decimals as text, days and instants in ISO form."""
    return orjson.loads(orjson.dumps(dict(value), default=str, option=orjson.OPT_UTC_Z))


def _next_look(loans: Sequence[LoanLaw], standing: Sequence[Standing], now: datetime) -> datetime | None:
    """Return the next instant at which something may change by time alone; None: only a change of the case can."""
    moments: list[datetime] = []
    for loan in loans:
        if not rules_of(loan.pack, loan.facts):
            continue
        today = business_date(now, loan.zone)
        runs = loan.facts["position"]["oldest_unpaid_due_on"] is not None or any(
            loan.facts.get(name) for name in _RECORDED_FACTS
        )
        if runs:
            moments.append(start_of_day(today + _DAY, loan.zone))
        elif loan.next_due_on is not None:
            moments.append(start_of_day(loan.next_due_on + _DAY, loan.zone))
    for each in standing:
        if each.duty.breach:
            continue
        far = _is_far(each.duty, each.loan, now)
        if each.duty.due_on is not None:
            on = each.duty.due_on - AHEAD if far else each.duty.due_on + _DAY
            moments.append(start_of_day(on, each.loan.zone))
            if (alarms_on := alarm_rules().begins_on(each.duty)) is not None:
                moments.append(start_of_day(alarms_on, each.loan.zone))
        elif each.duty.due_at is not None:
            moments.append(each.duty.due_at - AHEAD if far else each.duty.due_at + MICROSECOND)
    return min((at for at in moments if at > now), default=None)
