"""A small random book on a clock that is moved: loans, people who travel and pay, phones, providers and engines that fail.

One seed is one run. `Simulation.run` plays it against the product; `Simulation.judge` compares what happened with what is
true by `simulated_book`, which shares no code with the product.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import clock
from app.channels.base import DeliveryResult, EndpointVerdict, Outcome, Outgoing
from app.domain.book import BorrowerValues, LenderValues, LoanValues, PaymentValues, PlanValues
from app.domain.ledger import EntryKind
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import vault
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.reminders import ContactRow, DecisionEventRow, DecisionRow
from app.persistence.queries.moments import find_moments
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.borrowers import put_borrower
from app.services.devices import DeviceValues, delete_device, put_device
from app.services.invariants import check_invariants
from app.services.lenders import put_lender
from app.services.loans import put_loan, put_plan
from app.services.payments import record_payment, record_payments
from app.services.policies import activate_document
from app.services.positions import rebuild_positions
from tests.builders.cases import default_document
from tests.engine.simulated_book import (
    AT,
    STEPS,
    History,
    Loan,
    Person,
    Phone,
    StepTime,
    is_night,
    steps_that_had_to_be_decided,
    wall,
)

SEASONS = [date(2026, 3, 5), date(2026, 3, 26), date(2026, 10, 22), date(2026, 10, 29), date(2026, 2, 12)]
"""Around the days when New York and London change their clocks, and around the Spring Festival."""
ZONES = (
    "UTC", "Asia/Shanghai", "America/New_York", "Europe/London", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago",
)  # fmt: skip
PHONES = {
    None: (),
    "+8613812345678": ("Asia/Shanghai",),
    "+442071838750": ("Europe/London",),
    "+919876543210": ("Asia/Calcutta",),
}
FLAGS = ["no_contact", "deceased", "represented"]


class EngineKilledError(BaseException):
    """The engine's process is gone, in the middle of what it did."""


class _Dispatcher(Dispatcher):
    """Lets things happen between the claim and the wire."""

    meanwhile: Callable[[], None] = lambda: None

    def _put_back(self, *given: Any, **named: Any) -> None:
        super()._put_back(*given, **named)
        self.meanwhile()


def _notes(story: Sequence[Any]) -> int:
    """How many events at the end may be notes on what was sent, or carried along: further rungs, or why there was none."""
    return sum(event.outcome in ("SENT", "CONSOLIDATED") for event in story[1:])


@dataclass
class Simulation:
    """One seed's run. `days` long; at most `people` borrowers."""

    seed: int
    days: int = 14
    people_count: int = 3
    zones: Sequence[str] = ZONES
    problems: list[str] = field(default_factory=list)
    shown: set[tuple[str | None, str]] = field(default_factory=set)
    """(message id, address) of the pushes that were handed over."""
    handed: dict[tuple[str, date], set[str]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.start = datetime.combine(self.rng.choice(SEASONS), time(self.rng.randrange(24)), tzinfo=UTC)
        self.end = self.start + timedelta(days=self.days)
        self.now = self.start
        self.seen_until = self.start
        self.rules = History()
        self.version = 0
        self.number = 0
        self.people: list[Person] = []
        self.outage_until = self.start
        self.weather = 1.0
        self.dispatcher = _Dispatcher({"push": self}, owner="engine", lease=timedelta(0), rng=self.rng)
        self.engine = Engine(self.dispatcher)
        self.acts: list[tuple[int, Callable[[], None]]] = [
            (10, self.pay), (3, self.pay_late_known), (2, self.pay_by_file), (3, self.reverse), (4, self.move_phone),
            (3, self.add_phone), (2, self.remove_phone), (3, self.change_profile), (3, self.flag), (2, self.consent),
            (4, self.replan), (3, self.end_or_resume), (2, self.new_loan), (2, self.change_rules), (2, self.fail_engine),
            (3, self.change_weather),
        ]  # fmt: skip

    # -- the run -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Play the seed from start to end."""
        clock.use(lambda: self.now)
        self.change_rules(first=True)
        with unit_of_work() as work:
            for code in ("north", "south"):
                values = LenderValues(code, code, "GB", self.rng.choice(self.zones), "USD")
                put_lender(work, values, now=self.now)
                setattr(self, code, values)
        for _ in range(self.rng.randint(1, self.people_count)):
            self.new_person()
        moments = sorted(
            self.start + timedelta(seconds=self.rng.randrange(int(self.days * 86400))) for _ in range(self.days * 3)
        )
        for moment in [*moments, self.end]:
            self.engine_until(moment)
            self.now = moment
            if moment < self.end:
                self.act()
        self.weather, self.outage_until = 0.0, self.end
        self.engine_until(self.end)
        self.work()

    def engine_until(self, moment: datetime) -> None:
        """Let the engine work at every instant that has something due, unless it is down."""
        for _ in range(2000):
            with reading() as session:
                following = find_moments(session).following
            if following is None:
                return
            following = max(following, self.now, self.outage_until)
            if following > moment or self.outage_until > moment:
                return
            self.now = following
            self.work()
        raise AssertionError(f"seed {self.seed}: the engine never comes to rest at {self.now}")

    def work(self) -> None:
        """One engine works until nothing is due; now and then things happen between its steps, or it is killed."""
        self.dispatcher.meanwhile = self.act_meanwhile if self.rng.random() < 0.15 * bool(self.weather) else lambda: None
        try:
            if self.rng.random() < 0.2 * bool(self.weather):
                self.engine.sweep_all()
                self.act_meanwhile()
            for _ in range(50):
                if not self.engine.dispatch_security() + self.engine.sweep_all() + self.engine.dispatch_all():
                    break
                self.dispatcher.meanwhile = lambda: None
            else:
                raise AssertionError(f"seed {self.seed}: the engine never comes to rest at {self.now}")
        except EngineKilledError:
            self.dispatcher.routes.forget()
            if self.rng.random() < 0.5:
                self.act_meanwhile()
            self.work()
            return
        self.seen_until = self.now

    def act_meanwhile(self) -> None:
        """Something happens while the engine is at work; a little time has passed, so that it is clear what came first."""
        self.now += timedelta(milliseconds=1)
        self.act()

    def act(self) -> None:
        self.dispatcher.meanwhile = lambda: None
        weights = [weight for weight, _ in self.acts]
        self.rng.choices([act for _, act in self.acts], weights)[0]()

    # -- the provider --------------------------------------------------------------------------------------------------

    name, provider = "push", "simulated"

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Judge every hand-over by what is true at this moment, then answer as the weather has it."""
        for outgoing in batch:
            self.judge_push(outgoing)
        if self.rng.random() < 0.05 * self.weather:
            self.act_meanwhile()  # while the bytes are being written
        if self.rng.random() < 0.05 * self.weather:
            raise EngineKilledError
        return [self.answer(outgoing) for outgoing in batch]

    def close(self) -> None:
        pass

    def answer(self, outgoing: Outgoing) -> DeliveryResult:
        luck = self.rng.random()
        if luck < 0.25 * self.weather:
            wait = self.rng.choice([None, 60.0, 7200.0])
            return DeliveryResult(Outcome.RETRY, error_code="UNAVAILABLE", retry_after_seconds=wait)
        if luck < 0.30 * self.weather:
            return DeliveryResult(Outcome.RETRY, error_code="QUOTA_EXCEEDED", pause_provider_seconds=3600)
        if luck < 0.40 * self.weather:
            return DeliveryResult(Outcome.UNCERTAIN)
        if luck < 0.47 * self.weather:
            for person in self.people:
                for phone in person.phones:
                    if phone.token == outgoing.target.address:
                        phone.works = False
            return DeliveryResult(Outcome.REFUSED, error_code="UNREGISTERED", verdict=EndpointVerdict.INVALID)
        return DeliveryResult(Outcome.ACCEPTED, provider_reference="ok")

    def judge_push(self, outgoing: Outgoing) -> None:
        if outgoing.purpose == "withdraw":
            self.judge_withdrawal(outgoing)
        else:
            self.shown.add((outgoing.message_id, outgoing.target.address))
            self.judge_hand_over(outgoing)

    def judge_withdrawal(self, outgoing: Outgoing) -> None:
        """It may come by day and by night, to whomever; only what was shown on that phone is there to be withdrawn."""
        if (outgoing.withdraws, outgoing.target.address) not in self.shown:
            self.problem("a withdrawal of what was never shown")

    def judge_screens(self) -> None:
        """What was settled after a provider took it is taken off the screen again."""
        left = text(
            """
            SELECT COUNT(*) FROM messages m JOIN contacts c ON c.id = m.contact_id
             WHERE c.state = 'settled' AND m.channel = 'push' AND m.read_at IS NULL AND m.seen_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM messages w WHERE w.withdraws_id = m.id)
               AND NOT EXISTS (SELECT 1 FROM messages s WHERE s.contact_id = c.id AND s.channel = 'in_app'
                                  AND (s.read_at IS NOT NULL OR s.seen_at IS NOT NULL))
               AND EXISTS (SELECT 1 FROM delivery_attempts t WHERE t.message_id = m.id AND t.outcome = 'accepted')
               AND m.created_at > c.settled_at - 2419200000000
            """
        )
        with reading() as session:
            if count := session.scalar(left):
                self.problem(f"{count} settled reminders stay on the screen")

    def judge_hand_over(self, outgoing: Outgoing) -> None:
        with reading() as session:
            message = session.get_one(MessageRow, outgoing.message_id)
            contact_id, rows = message.contact_id, self.spoken_of(session, message)
        if not rows or contact_id is None:
            self.problem("a push about nothing")
            return
        person = next(p for p in self.people if p.borrower_id == rows[0].borrower_id)
        loans = {loan.loan_id: loan for loan in person.loans}
        if not rows or not all(loans[row.loan_id].is_open(row.row_no) for row in rows):
            self.problem(f"a push to {person.number} about what is closed")
        known = person.known_zones or {loans[row.loan_id].zone for row in rows}
        quiet = sorted(zone for zone in known if is_night(self.now, zone))
        if quiet:
            self.problem(f"a push to {person.number} at night in {quiet}")
        if not person.may_be_pushed:
            self.problem(f"a push to {person.number}, who must not be pushed")
        phone = next((p for p in person.phones if p.token == outgoing.target.address), None)
        if phone is None or not phone.works or not phone.permission:
            self.problem(f"a push to {person.number} on a phone that takes none")
        elif self.now - phone.seen_at > timedelta(days=30):
            self.problem(f"a push to {person.number} on a phone that was not seen for a month")
        zone = person.step_zone or loans[rows[0].loan_id].zone
        contacts = self.handed[person.number, wall(self.now, zone).date()]
        contacts.add(contact_id)
        if len(contacts) > 1:
            self.problem(f"a second contact of {person.number} on {wall(self.now, zone).date()}")

    def spoken_of(self, session: Session, message: MessageRow) -> Sequence[Any]:
        """The decisions that a message tells of: all that its contact still stands for, or as many as the message names."""
        told = session.execute(
            select(DecisionRow.borrower_id, DecisionRow.loan_id, DecisionRow.row_no, DecisionRow.step_key).where(
                DecisionRow.contact_id == message.contact_id, DecisionRow.outcome.in_(("SENT", "CONSOLIDATED"))
            )
        ).all()
        return [row for row in told if message.about is None or f"{row.loan_id}/{row.row_no}" in message.about]

    def problem(self, text: str) -> None:
        self.problems.append(f"{self.now:%m-%d %H:%M:%S} {text}")

    # -- what happens --------------------------------------------------------------------------------------------------

    def someone(self) -> Person:
        return self.rng.choice(self.people)

    def some_loan(self) -> tuple[Person, Loan]:
        person = self.someone()
        return person, self.rng.choice(person.loans)

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def new_person(self) -> None:
        person = Person(f"B{self.next_number()}")
        person.zone = self.rng.choice([None, None, *self.zones])
        person.phone_no = self.rng.choice(list(PHONES))
        self.people.append(person)
        self.put(person)
        for _ in range(self.rng.randint(1, 3)):
            self.new_loan(person)
        for _ in range(self.rng.choice([0, 1, 1, 1, 2])):
            self.add_phone(person)

    def put(self, person: Person) -> None:
        person.phone_zones = PHONES[person.phone_no]
        values = BorrowerValues(
            person.number, phone=person.phone_no, zone=person.zone, flags=person.flags, consents={"push": person.consent}
        )
        with unit_of_work() as work:
            person.borrower_id = put_borrower(work, values, now=self.now, origin="simulated").id
        self.zone_changed(person)

    def zone_changed(self, person: Person) -> None:
        if person.zones.spans and person.zones.now != person.step_zone:
            person.zones.put(self.now, person.step_zone)
            person.zones.spans[-2].until = min(self.now, self.seen_until + timedelta(microseconds=1))
        elif not person.zones.spans:
            person.zones.put(self.now, person.step_zone)

    def new_loan(self, person: Person | None = None) -> None:
        person = person or self.someone()
        lender = getattr(self, self.rng.choice(["north", "south"]))
        loan = Loan(f"{lender.code}-{self.next_number()}", lender.zone)
        self.put_loan(person, loan)
        loan.goes_on.put(self.now, True)
        person.loans.append(loan)
        first = self.now.date() + timedelta(days=self.rng.randint(-3, 9))
        rows = {
            n: (first + timedelta(days=(n - 1) * self.rng.choice([1, 7, 30])), 100 * self.rng.randint(1, 3))
            for n in range(1, self.rng.randint(1, 3) + 1)
        }
        self.put_plan(loan, rows)

    def put_loan(self, person: Person, loan: Loan) -> None:
        values = LoanValues(loan.number, person.number, "USD", status=loan.status)
        with unit_of_work() as work:
            lender = put_lender(work, self.lender(loan), now=self.now)
            loan.loan_id = put_loan(work, lender.id, values, now=self.now, origin="simulated").id

    def lender(self, loan: Loan) -> LenderValues:
        values: LenderValues = getattr(self, loan.number.split("-")[0])
        return values

    def put_plan(self, loan: Loan, rows: dict[int, tuple[date, int]]) -> None:
        given = tuple(PlanRow(n, on, Split(principal=amount)) for n, (on, amount) in rows.items())
        with unit_of_work() as work:
            lender = put_lender(work, self.lender(loan), now=self.now)
            changed = put_plan(work, lender.id, PlanValues(loan.number, given), now=self.now, origin="simulated").changed
        if changed:
            loan.replan(rows, self.now)
            self.close_if_paid(loan)

    def replan(self) -> None:
        _, loan = self.some_loan()
        if loan.status != "active":
            return
        rows = dict(loan.plans[-1].rows)
        kind = self.rng.random()
        if kind < 0.3 and len(rows) > 1:
            del rows[max(rows)]
        elif kind < 0.5:
            rows[max(rows) + 1] = (max(on for on, _ in rows.values()) + timedelta(days=3), 200)
        else:
            shift = self.rng.randint(-3, 12)
            rows = {n: (on + timedelta(days=shift), amount) for n, (on, amount) in rows.items()}
        if sum(amount for _, amount in rows.values()) >= sum(loan.payments.values()):
            self.put_plan(loan, rows)

    def end_or_resume(self) -> None:
        """The core has a loan as over although money is owed, or takes that back."""
        person, loan = self.some_loan()
        if not loan.goes_on.now:
            loan.status = "active"
        elif loan.status == "active":
            loan.status = self.rng.choice(["written_off", "cancelled", "closed"])
        else:
            return
        loan.goes_on.put(self.now, loan.status == "active")
        self.put_loan(person, loan)
        self.close_if_paid(loan)

    def pay(self) -> None:
        self._pay()

    def pay_late_known(self) -> None:
        """A payment the book of record knew hours before it told us."""
        self._pay(known=self.now - timedelta(hours=self.rng.randint(1, 30)))

    def pay_by_file(self) -> None:
        """A payment by a door that leaves the deciding to the sweep."""
        self._pay(in_bulk=True)

    def _pay(self, *, known: datetime | None = None, in_bulk: bool = False) -> None:
        _, loan = self.some_loan()
        if loan.owed <= 0:
            return
        amount = self.rng.choice([loan.owed, min(loan.owed, 100), min(loan.owed, 150)])
        reference = f"P{self.next_number()}"
        on = wall(self.now, loan.zone).date() - timedelta(days=self.rng.choice([0, 0, 0, 5]))
        values = PaymentValues(reference, loan.number, amount, "USD", on, recorded_at=known)
        self.book(loan, values, in_bulk=in_bulk)
        loan.payments[reference] = amount
        if known is not None:
            loan.told_late.append((known, self.now))
        self.money_moved(loan)

    def reverse(self) -> None:
        _, loan = self.some_loan()
        if not loan.payments:
            return
        undone = self.rng.choice(sorted(loan.payments))
        values = PaymentValues(
            f"R{self.next_number()}", loan.number, loan.payments[undone], "USD", wall(self.now, loan.zone).date(),
            kind=EntryKind.REVERSAL, reverses_reference=undone,
        )  # fmt: skip
        self.book(loan, values)
        del loan.payments[undone]
        if loan.goes_on.now:
            loan.status = "active"
        self.money_moved(loan)

    def book(self, loan: Loan, values: PaymentValues, *, in_bulk: bool = False) -> None:
        with unit_of_work() as work:
            lender = put_lender(work, self.lender(loan), now=self.now)
            if in_bulk:
                record_payments(work, lender, [values], now=self.now, origin="simulated")
                rebuild_positions(work, [loan.loan_id])
            else:
                record_payment(work, lender.id, values, now=self.now, origin="simulated")

    def money_moved(self, loan: Loan) -> None:
        loan.spread(self.now)
        self.close_if_paid(loan)

    def close_if_paid(self, loan: Loan) -> None:
        if loan.status == "active" and loan.owed <= 0:
            loan.status = "closed"

    def add_phone(self, person: Person | None = None) -> None:
        person = person or self.someone()
        number = self.next_number()
        phone = Phone(f"app-{number}", f"token-{number}", self.rng.choice([None, *self.zones]), self.now)
        person.phones.append(phone)
        self.register(person, phone)

    def register(self, person: Person, phone: Phone) -> None:
        phone.seen_at = self.now
        values = DeviceValues(
            phone.installation, "android", "token", phone.token, zone=phone.zone, push_permission=phone.permission
        )
        put_device(person.borrower_id, values, now=self.now)
        phone.works = True
        self.zone_changed(person)

    def move_phone(self) -> None:
        person = self.someone()
        if person.phones:
            phone = self.rng.choice(person.phones)
            phone.zone = self.rng.choice([None, *self.zones])
            phone.permission = self.rng.random() < 0.85
            self.register(person, phone)

    def remove_phone(self) -> None:
        person = self.someone()
        if person.phones:
            phone = person.phones.pop(self.rng.randrange(len(person.phones)))
            delete_device(person.borrower_id, phone.installation, now=self.now)
            self.zone_changed(person)

    def change_profile(self) -> None:
        person = self.someone()
        person.zone = self.rng.choice([None, *self.zones])
        person.phone_no = self.rng.choice([person.phone_no, *PHONES])
        self.put(person)

    def flag(self) -> None:
        person = self.someone()
        person.flags = () if person.flags else (self.rng.choice(FLAGS),)
        self.put(person)

    def consent(self) -> None:
        person = self.someone()
        person.consent = not person.consent
        self.put(person)

    def change_rules(self, *, first: bool = False) -> None:
        document = default_document()
        steps = {key: StepTime(offset, AT) for key, offset in STEPS.items()}
        if not first:
            removed = self.rng.choice(sorted(steps))
            del steps[removed]
            steps["d-2"] = StepTime(-2, self.rng.choice([time(9), time(15)]))
            for key in self.rng.sample(sorted(steps), 2):
                steps[key] = StepTime(steps[key].offset, self.rng.choice([time(8), time(12), time(20)]))
        self.version += 1
        document |= {
            "version": self.version,
            "steps": [
                {"key": key, "offset_days": step.offset, "at": f"{step.at:%H:%M}", "template": "due_soon"}
                for key, step in steps.items()
            ],
        }
        with unit_of_work() as work:
            activate_document(work, document, author="simulated", now=self.now)
        self.rules.put(self.now, steps)
        if not first and self.rules.spans[-1].since == self.now:  # else the steps are what they were
            self.rules.spans[-2].until = min(self.now, self.seen_until + timedelta(microseconds=1))

    def fail_engine(self) -> None:
        self.outage_until = self.now + timedelta(hours=self.rng.choice([1, 6, 30, 80]))

    def change_weather(self) -> None:
        self.weather = self.rng.choice([0.2, 1.0, 3.0])

    # -- the judgement -------------------------------------------------------------------------------------------------

    def judge(self) -> list[str]:
        """Return everything that is not as promised; empty when all is well."""
        with reading() as session:
            counts = check_invariants(session, until=self.end)
            decisions = session.execute(select(DecisionRow.__table__)).all()
            events = session.execute(
                select(DecisionEventRow.__table__).order_by(DecisionEventRow.decision_id, DecisionEventRow.seq)
            ).all()
            messages = session.execute(select(MessageRow.__table__)).all()
            contacts = session.execute(select(ContactRow.__table__)).all()
            attempts = session.execute(select(DeliveryAttemptRow.message_id, DeliveryAttemptRow.outcome)).all()
        self.problems += [f"invariant {name}: {count}" for name, count in counts.items() if count]
        self.judge_screens()
        self._judge_decisions(decisions, events)
        self._judge_messages(messages, contacts, decisions, attempts)
        return self.problems

    def _judge_decisions(self, decisions: Sequence[Any], events: Sequence[Any]) -> None:
        numbers = {person.borrower_id: person.number for person in self.people}
        made: dict[tuple[str, str, int, str], int] = defaultdict(int)
        told = defaultdict(list)
        for event in events:
            told[event.decision_id].append(event)
        for row in decisions:
            made[numbers[row.borrower_id], row.subject_id, row.anchor_no, row.step_key] += 1
            story = told[row.id]
            if [event.seq for event in story] != list(range(1, row.event_count + 1)):
                self.problems.append(f"decision {row.step_key} has events {[event.seq for event in story]}")
            elif not any(
                (event.outcome, event.reason) == (row.outcome, row.reason) for event in story[-1 - _notes(story) :]
            ):
                self.problems.append(f"decision {row.step_key} says {row.outcome}, its last event {story[-1].outcome}")
            if row.outcome == "DEFERRED" and not self.end < row.next_evaluation_at:
                self.problems.append(f"decision {row.step_key} is deferred for ever ({row.next_evaluation_at})")
        self.problems += [f"decided {count} times: {key}" for key, count in made.items() if count > 1]
        for *key, reached in steps_that_had_to_be_decided(self.people, self.rules, self.end):
            if tuple(key) not in made:
                self.problems.append(f"no decision: {key} of {reached:%m-%d %H:%M}")

    def _judge_shown(self, message: Any, loans: dict[str, Loan]) -> None:
        """What the inbox shows names nothing that is paid beside what is owed."""
        said = orjson.loads(vault().open(message.text_sealed, place=f"messages.text:{message.id}") or "{}")
        is_open = {loans[loan_id].is_open(row_no) for loan_id, row_no in said["about"]}
        if len(is_open) > 1:
            self.problems.append(f"the inbox names what is paid (message of {message.created_at:%m-%d %H:%M})")

    def _judge_messages(
        self, messages: Sequence[Any], contacts: Sequence[Any], decisions: Sequence[Any], attempts: Sequence[Any]
    ) -> None:
        loans = {loan.loan_id: loan for person in self.people for loan in person.loans}
        about = defaultdict(list)
        for row in decisions:
            if row.contact_id:
                about[row.contact_id].append(row)
        for message in messages:
            if message.state in ("queued", "sending", "stale") and message.not_after <= self.end:
                self.problems.append(f"a message is {message.state} for ever (until {message.not_after})")
            paid = all(not loans[row.loan_id].is_open(row.row_no) for row in about[message.contact_id])
            if message.channel == "in_app" and paid and message.settled_at is None:
                self.problems.append(f"all is paid, the inbox does not say so (contact of {message.created_at:%m-%d %H:%M})")
        with reading():
            for message in messages:
                if message.channel == "in_app" and message.state == "delivered" and message.withdrawn_at is None:
                    self._judge_shown(message, loans)
        accepted = {attempt.message_id for attempt in attempts if attempt.outcome == "accepted"}
        lost = [m for m in messages if m.id in accepted and m.state not in ("sent", "cancelled", "stale", "sending")]
        self.problems += [f"accepted, yet {message.state}" for message in lost]
        states = {contact.state for contact in contacts}
        if not states <= {"open", "settled", "cancelled"}:
            self.problems.append(f"contacts are {states}")
