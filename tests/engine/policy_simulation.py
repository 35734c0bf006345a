"""The random book under whole policies: fall-back rungs, holds, hours, opt-outs, caps, arms, tasks, long outages.

A calm one has no failing providers, so that its decisions hang on the seed alone, however many engines are at work.
"""

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import func, select

from app.channels.base import DeliveryResult, Outcome, Outgoing
from app.domain.contact_hours import Hours
from app.domain.digest import decisions_digest
from app.domain.hold_terms import HoldValues
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import db
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow, DecisionRow
from app.persistence.models.tasks import TaskRow
from app.persistence.queries.decisions import iterate_digest_records
from app.persistence.queries.moments import find_moments
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.holds import Teller, put_hold, release_hold
from app.services.inbox_marks import mark
from app.services.opt_outs import receive_text
from app.services.policies import activate_document
from app.services.preferences import set_contact_hours
from tests.engine.simulated_book import History, Loan, Person, StepTime, share, wall
from tests.engine.simulation import EngineKilledError, Simulation

STOPS = {
    "deceased", "insolvent", "represented", "cease_contact", "identity_theft", "breathing_space", "mental_health_crisis",
    "litigation", "dispute", "hardship", "staff_excluded", "promise_to_pay", "plan_pending",
}  # fmt: skip
"""Holds under which nothing goes out: what always stops, and what the policies here name in `stop_on`."""
OPEN = ["deceased", "represented", "insolvent", "cease_contact"]
DATED = ["promise_to_pay"]
EITHER = ["hardship", "dispute", "breathing_space", "plan_pending", "litigation", "debt_adviser"]
SMS_A_WEEK, CONTACTS_A_WEEK, TOLERANCE, WAIT = 2, 4, 60, timedelta(hours=4)
FIVE_DAYS = timedelta(days=5)
"""Lies within seven local dates wherever they are counted."""
TEACHER = Teller("staff:simulated", role="admin")


@dataclass
class Protection:
    """A hold as the judge knows it."""

    hold_id: str
    kind: str
    loan_id: str | None
    since: datetime
    until: datetime | None
    released: datetime | None = None

    def stands(self, at: datetime) -> bool:
        ends = [end for end in (self.until, self.released) if end is not None]
        return self.since <= at and all(at < end for end in ends)


@dataclass
class PolicySimulation(Simulation):
    """One seed's run of 60 days."""

    days: int = 60
    people_count: int = 5
    zones: Sequence[str] = ("Europe/London", "Europe/London", "Africa/Casablanca", "America/New_York", "Asia/Shanghai")
    calm: bool = False
    engines: int = 1
    holds: dict[str, list[Protection]] = field(default_factory=lambda: defaultdict(list))
    hours: dict[str, tuple[time, time]] = field(default_factory=dict)
    texts_refused: set[str] = field(default_factory=set)
    sent: dict[str, list[tuple[datetime, str, str, str]]] = field(default_factory=lambda: defaultdict(list))
    """Borrower no -> (instant, channel, contact id) of what was handed over."""
    texts: dict[str, str] = field(default_factory=dict)
    """SMS by message id: how the last hand-over ended."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.holdout = History()
        self.quiet = History()
        self.dispatcher.routes.channels = self.dispatcher.channels = {"push": self, "sms": _Texts(self)}
        rarer = {self.fail_engine: 0, self.flag: 1, self.consent: 1, self.end_or_resume: 1, self.new_loan: 6}
        self.acts = [(rarer.get(act, weight), act) for weight, act in self.acts]
        self.acts += [
            (4, self.put_hold), (6, self.release_hold), (3, self.choose_hours), (3, self.stop_or_start), (6, self.read),
            (1, self.fail_engine),
        ]  # fmt: skip
        if self.calm:
            self.weather = 0.0
            self.acts = [(weight, act) for weight, act in self.acts if act != self.change_weather]

    # -- engines -------------------------------------------------------------------------------------------------------

    def work(self) -> None:
        if not self.calm:
            super().work()
            return
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        errors: list[BaseException] = []

        def drain(number: int) -> None:
            with app.app_context():
                try:
                    channels = {"push": _Calm("push", self), "sms": _Calm("sms", self)}
                    engine = Engine(Dispatcher(channels, owner=f"engine-{number}"))
                    while engine.drain() or self._is_busy():
                        pass
                except BaseException as error:
                    errors.append(error)
                finally:
                    db.session.remove()

        if self.engines == 1:
            drain(1)
        else:
            threads = [threading.Thread(target=drain, args=(number,)) for number in range(self.engines)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=60)
        if errors:
            raise errors[0]
        self.seen_until = self.now

    def _is_busy(self) -> bool:
        with reading() as session:
            moments = find_moments(session)
        return moments.is_sending or moments.is_due(self.now)

    def digest(self) -> str:
        """What was decided, as the product compares runs."""
        with reading() as session:
            return decisions_digest(iterate_digest_records(session))

    # -- what happens --------------------------------------------------------------------------------------------------

    def put_hold(self) -> None:
        person = self.someone()
        kind = self.rng.choice([self.rng.choice(OPEN), *DATED * 3, *EITHER])
        since = self.now + timedelta(hours=self.rng.choice([0, 0, 0, 3, 30]))
        until = since + timedelta(hours=self.rng.randint(5, 400))
        ends = kind in DATED or (kind in EITHER and self.rng.random() < 0.6)
        loan = self.rng.choice([None, *person.loans]) if kind in ("dispute", "promise_to_pay", "plan_pending") else None
        values = HoldValues(
            kind, since if since > self.now else None, until if ends else None, loan.number if loan else None
        )
        with unit_of_work() as work:
            told = put_hold(
                work,
                person.borrower_id,
                values,
                teller=Teller("staff:simulated", self._lender_id(loan), "admin"),
                now=self.now,
            )
        stands = [hold for hold in self.holds[person.number] if hold.hold_id == told.id]
        if not stands:
            end = until if ends else _sixty_days(since) if kind == "breathing_space" else None
            self.holds[person.number].append(Protection(told.id, kind, loan.loan_id if loan else None, since, end))

    def release_hold(self) -> None:
        person = self.someone()
        standing = [hold for hold in self.holds[person.number] if hold.released is None]
        if standing:
            hold = self.rng.choice(standing)
            with unit_of_work() as work:
                release_hold(work, person.borrower_id, hold.hold_id, teller=TEACHER, now=self.now, reason="over")
            hold.released = self.now

    def choose_hours(self) -> None:
        person = self.someone()
        chosen = self.rng.choice([None, (time(10), time(13)), (time(17), time(20)), (time(12), time(18))])
        with unit_of_work() as work:
            set_contact_hours(work, person.borrower_id, Hours(*(chosen or (None, None))), now=self.now)
        if chosen is None:
            self.hours.pop(person.number, None)
        else:
            self.hours[person.number] = chosen

    def stop_or_start(self) -> None:
        person = self.someone()
        word = "START" if person.number in self.texts_refused else "STOP"
        with unit_of_work() as work:
            receive_text(work, channel="sms", text=word, borrower_id=person.borrower_id, now=self.now)
        (self.texts_refused.discard if word == "START" else self.texts_refused.add)(person.number)

    def read(self) -> None:
        """The borrower opens the app and reads the newest message."""
        person = self.someone()
        with reading() as session:
            newest = session.scalar(
                select(MessageRow.id)
                .where(
                    MessageRow.borrower_id == person.borrower_id,
                    MessageRow.channel == "in_app",
                    MessageRow.read_at.is_(None),
                    MessageRow.withdrawn_at.is_(None),
                )
                .order_by(MessageRow.created_at.desc(), MessageRow.id)
                .limit(1)
            )
        if newest is not None:
            mark(person.borrower_id, newest, "read", now=self.now)

    def fail_engine(self) -> None:
        self.outage_until = self.now + timedelta(hours=self.rng.choice([1, 6, 30, 80, 250]))

    def change_rules(self, *, first: bool = False) -> None:
        ladder = [
            {"channel": "in_app"},
            {"channel": "push", "give_up": {"unless": "seen", "after": "PT4H"}},
            {"channel": "sms"},
        ]
        steps = {
            "d-3": StepTime(-3, time(10)), "d-1": StepTime(-1, time(10)), "d+0": StepTime(0, time(10), time(13)),
            "d+1": StepTime(1, time(10)), "d+4": StepTime(4, time(12), None, "next"),
            "d+5-call": StepTime(5, time(14), None, "next"),
            "d+8": StepTime(8, time(11), None, "previous"), "d+20": StepTime(20, time(10)),
        }  # fmt: skip
        quiet = ("21:00", "09:00")
        holdout = None
        if not first:
            del steps[self.rng.choice([key for key in sorted(steps) if key not in ("d+5-call", "d+0")])]
            steps["d+2"] = StepTime(2, self.rng.choice([time(10), time(15)]))
            quiet = self.rng.choice([("21:00", "09:00"), ("20:00", "10:00")])
            holdout = self.rng.choice([None, 50])
        self.version += 1
        document: dict[str, Any] = {
            "policy": "simulated", "version": self.version, "jurisdictions": ["UK"], "calendar": {"country": "GB"},
            "caps": [{"per": "borrower", "window": "P1D", "max": 1},
                     {"per": "borrower", "window": "P7D", "max": CONTACTS_A_WEEK},
                     {"per": "borrower", "channel": "sms", "window": "P7D", "max": SMS_A_WEEK}],
            "quiet_hours": {"start": quiet[0], "end": quiet[1]}, "tolerance": {"USD": f"0.{TOLERANCE}"},
            "stop_on": ["promise_to_pay", "plan_pending"],
            "stages": [{"key": "upcoming", "from": -7, "to": -1}, {"key": "due", "from": 0, "to": 0},
                       {"key": "early", "from": 1, "to": 30}],
            "defaults": {"at": "10:00", "expires_after": "PT12H", "ladder": ladder},
            "steps": [_written(key, step) for key, step in steps.items()],
        }  # fmt: skip
        if holdout:
            document["holdout"] = {"key": "held", "percent": holdout, "max_stage": "due"}
        with unit_of_work() as work:
            activate_document(work, document, author="simulated", now=self.now)
        self.rules.put(self.now, steps)
        self.holdout.put(self.now, holdout)
        self.quiet.put(self.now, (time.fromisoformat(quiet[0]), time.fromisoformat(quiet[1])))
        if not first and self.rules.spans[-1].since == self.now:  # else the steps are what they were
            self.rules.spans[-2].until = min(self.now, self.seen_until + timedelta(microseconds=1))

    def _lender_id(self, loan: Loan | None) -> str | None:
        if loan is None:
            return None
        from app.persistence.queries.lenders import find_lender

        with reading() as session:
            lender = find_lender(session, loan.number.split("-")[0])
            assert lender is not None
            return lender.id

    # -- the judgement of what leaves ----------------------------------------------------------------------------------

    def judge_hand_over(self, outgoing: Outgoing, channel: str = "push") -> None:
        with reading() as session:
            message = session.get_one(MessageRow, outgoing.message_id)
            rows = self.spoken_of(session, message)
            contact = session.get_one(ContactRow, message.contact_id)
            rungs = session.execute(
                select(
                    MessageRow.channel, MessageRow.state, MessageRow.sent_at, MessageRow.read_at, MessageRow.rung_no
                ).where(MessageRow.contact_id == message.contact_id)
            ).all()
            created_at, made_at, contact_id = message.created_at, contact.created_at, str(message.contact_id)
        if not rows:
            self.problem(f"{channel} about nothing")
            return
        person = next(p for p in self.people if p.borrower_id == rows[0].borrower_id)
        loans = {loan.loan_id: loan for loan in person.loans}
        who = f"{channel} to {person.number}"
        if not all(loans[row.loan_id].is_open(row.row_no) for row in rows):
            self.problem(f"{who} about what is closed")
        elif any(loans[row.loan_id].left(row.row_no) < TOLERANCE for row in rows):
            self.problem(f"{who} about next to nothing")
        self._judge_holds(person, {row.loan_id for row in rows}, who)
        self._judge_hours(person, {loans[row.loan_id].zone for row in rows}, who)
        if person.flags:
            self.problem(f"{who}, who is {person.flags}")
        self._judge_way(person, outgoing, channel, who)
        self._judge_caps(person, loans[rows[0].loan_id].zone, channel, contact_id, outgoing.message_id, who)
        percent = self.holdout.at(made_at)
        if percent and share("held", person.number) < int(str(percent)) * 100:
            early = [row.step_key for row in rows if row.step_key.startswith(("d-", "d+0"))]
            if early:
                self.problem(f"{who}, who is held out, about {early}")
        if channel == "sms":
            self._judge_rung(rungs, created_at, who)

    def _judge_holds(self, person: Person, loan_ids: set[str], who: str) -> None:
        standing = [hold for hold in self.holds[person.number] if hold.kind in STOPS and hold.stands(self.now)]
        if any(hold.loan_id is None for hold in standing):
            self.problem(f"{who} under {[hold.kind for hold in standing]}")
        held = loan_ids & {hold.loan_id for hold in standing}
        if held:
            self.problem(f"{who} about loans under {[hold.kind for hold in standing]}")

    def _judge_hours(self, person: Person, lender_zones: set[str], who: str) -> None:
        quiet = self.quiet.now
        assert isinstance(quiet, tuple)
        for zone in person.known_zones or lender_zones:
            clock = wall(self.now, zone).time()
            if clock >= quiet[0] or clock < quiet[1]:
                self.problem(f"{who} at {clock} in {zone}")
            own = self.hours.get(person.number)
            if own is not None and not own[0] <= clock < own[1]:
                self.problem(f"{who} at {clock} in {zone}, outside {own}")

    def _judge_way(self, person: Person, outgoing: Outgoing, channel: str, who: str) -> None:
        if channel == "push":
            phone = next((p for p in person.phones if p.token == outgoing.target.address), None)
            if phone is None or not phone.works or not phone.permission or not person.consent:
                self.problem(f"{who} on a phone that takes none")
            return
        if outgoing.target.address != person.phone_no:
            self.problem(f"{who} on another number")
        if person.number in self.texts_refused:
            self.problem(f"{who} after STOP")
        if self.texts.get(outgoing.message_id, Outcome.RETRY) != Outcome.RETRY:
            self.problem(f"{who} a second time")

    def _judge_caps(
        self, person: Person, lender_zone: str, channel: str, contact_id: str, message_id: str, who: str
    ) -> None:
        today = wall(self.now, person.step_zone or lender_zone).date()
        self.handed[person.number, today].add(contact_id)
        if channel == "push" and len(self.handed[person.number, today]) > 1:
            self.problem(f"{who}: a second contact on {today}")
        self.sent[person.number].append((self.now, channel, contact_id, message_id))
        lately = [each for each in self.sent[person.number] if each[0] > self.now - FIVE_DAYS]
        if len({contact for _, _, contact, _ in lately}) > CONTACTS_A_WEEK:
            self.problem(f"{who}: more than {CONTACTS_A_WEEK} contacts in a week")
        # One that the gateway never took has reached nobody, however often it was tried.
        taken = {contact for _, on, contact, text in lately if on == "sms" and self.texts.get(text) is not Outcome.RETRY}
        if len(taken | ({contact_id} if channel == "sms" else set())) > SMS_A_WEEK:
            self.problem(f"{who}: more than {SMS_A_WEEK} texts in a week")

    def _judge_rung(self, rungs: Sequence[Any], created_at: datetime, who: str) -> None:
        if any(rung.read_at is not None for rung in rungs) and any(rung.channel == "push" for rung in rungs):
            self.problem(f"{who}, who had read it")
        gone = [rung.sent_at for rung in rungs if rung.channel == "push" and rung.state == "sent"]
        if gone and created_at - max(gone) < WAIT:
            self.problem(f"{who} {created_at - max(gone)} after the push")

    def text(self, outgoing: Outgoing) -> DeliveryResult:
        """Judge and answer one SMS."""
        self.texts_handed = getattr(self, "texts_handed", 0) + 1
        self.judge_hand_over(outgoing, "sms")
        self.texts[outgoing.message_id] = Outcome.UNCERTAIN  # until the answer is there
        luck = self.rng.random()
        if luck < 0.05 * self.weather:
            raise EngineKilledError
        outcome = (
            Outcome.RETRY
            if luck < 0.3 * self.weather
            else Outcome.UNCERTAIN
            if luck < 0.4 * self.weather
            else Outcome.ACCEPTED
        )
        self.texts[outgoing.message_id] = outcome
        return DeliveryResult(outcome, provider_reference="ok" if outcome is Outcome.ACCEPTED else None, error_code=None)

    # -- the judgement of the whole ------------------------------------------------------------------------------------

    def judge(self) -> list[str]:
        problems = super().judge()
        with reading() as session:
            tasks = session.scalar(select(func.count()).select_from(TaskRow).where(TaskRow.kind == "call"))
            made = session.scalar(select(func.count()).select_from(DecisionRow).where(DecisionRow.outcome == "TASK_CREATED"))
        if tasks != made:
            problems.append(f"{made} decisions made {tasks} calls")
        return problems


@dataclass
class _Texts:
    """The SMS gateway."""

    simulation: PolicySimulation
    name: str = "sms"
    provider: str = "simulated"

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        return [self.simulation.text(outgoing) for outgoing in batch]

    def close(self) -> None:
        pass


@dataclass
class _Calm:
    """A provider that takes everything, for several engines at once; what is judged is judged one at a time."""

    name: str
    simulation: PolicySimulation
    provider: str = "simulated"

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        with _ONE_AT_A_TIME:
            for outgoing in batch:
                if self.name == "push":
                    self.simulation.judge_push(outgoing)
                    continue
                self.simulation.judge_hand_over(outgoing, self.name)
                if self.name == "sms":
                    self.simulation.texts[outgoing.message_id] = Outcome.ACCEPTED
        return [DeliveryResult(Outcome.ACCEPTED, provider_reference="ok") for _ in batch]

    def close(self) -> None:
        pass


_ONE_AT_A_TIME = threading.Lock()


def _written(key: str, step: StepTime) -> dict[str, Any]:
    until = {} if step.until is None else {"at": {"window": [f"{step.at:%H:%M}", f"{step.until:%H:%M}"]}}
    written = {"key": key, "offset_days": step.offset, "at": f"{step.at:%H:%M}", "on_non_working_day": step.moves} | until
    if key.endswith("call"):
        return written | {"action": {"task": "call", "queue": "early", "sla": "PT8H"}}
    return written | {"template": "due_soon" if step.offset < 0 else "due_today" if not step.offset else "overdue_early"}


def _sixty_days(since: datetime) -> datetime | None:
    """A breathing space ends in the night after its sixtieth day; a day less is certain in every zone."""
    return since + timedelta(days=59)
