"""Random events of a book as rows, with what each was, so that figures can be counted a second time in plain Python."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from app.persistence.ids import new_id
from app.persistence.models.calls import CallRow
from app.persistence.models.collateral import CollateralEventRow, CollateralThingRow
from app.persistence.models.credit_reports import CreditEnrolmentRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow, DecisionEventRow, DecisionRow
from app.persistence.unit_of_work import unit_of_work
from tests.builders.book import Built

CHANNELS, STAGES = ("push", "sms", "email", "letter"), ("due_soon", "overdue", "late")


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it was made: `figure` whose row it is, of whom, where in its tables, when, when known, how much."""

    figure: str
    built: Built
    cell: tuple[str, ...]
    at: datetime
    known_at: datetime
    amount: int = 1
    currency: str = ""


def make_events(loans: Sequence[Built], count: int, *, around: datetime, random: Random) -> list[Event]:
    """Write `count` random events within sixty days of an instant, and return them."""
    made: list[Event] = []
    with unit_of_work() as work:
        for _ in range(count):
            built = random.choice(loans)
            at = around + timedelta(minutes=random.randint(-60 * 24 * 60, 60 * 24 * 60))
            known = at + timedelta(days=random.choice([0, 0, 0, 30, 90]))
            maker = random.choice(_MAKERS)
            rows, events = maker(built, at, known, random)
            for row in rows:
                work.session.add(row)
                work.session.flush()
            made += events
    return made


def _message(built: Built, at: datetime, known: datetime, random: Random) -> tuple[list[Any], list[Event]]:
    channel, stage = random.choice(CHANNELS), random.choice(STAGES)
    message_class = random.choice(("reminder", "collection", "servicing"))
    contact_id, message_id = new_id(), new_id()
    contact = ContactRow(
        id=contact_id, borrower_id=built.borrower_id, message_class=message_class, local_date=at.date(), slot_no=None,
        stage=stage, step_key="step", created_at=at, zones=[],
    )  # fmt: skip
    message = MessageRow(
        id=message_id, borrower_id=built.borrower_id, contact_id=contact_id, channel=channel, message_class=message_class,
        template="reminder", template_version=1, locale="en", state="sent", lane=None, not_before=at, not_after=at,
        next_attempt_at=at, created_at=at, sent_at=at,
    )  # fmt: skip
    decision = DecisionRow(
        id=new_id(), borrower_id=built.borrower_id, loan_id=built.loan_id, subject_kind="instalment",
        subject_id=message_id, row_no=1, anchor_no=1, step_key="step", policy_id=new_id(), occurs_at=at,
        local_date=at.date(), outcome="SENT", reason="ON_SCHEDULE", contact_id=contact_id, decided_at=at,
    )  # fmt: skip
    rows: list[Any] = [contact, message, decision]
    events: list[Event] = []
    if message_class != "servicing":
        if channel != "letter":
            events.append(Event("reminders_sent", built, (channel, stage), at, at))
        events.append(Event("people_contacted", built, (), at, at))
    if channel == "letter":
        events.append(Event("letters_sent", built, ("reminder",), at, at))
        later = at + timedelta(days=random.randint(1, 20))
        came_back = random.random() < 0.3
        rows.append(
            LetterRow(
                id=new_id(), borrower_id=built.borrower_id, message_id=message_id, jurisdiction="CN", template="reminder",
                locale="en", pages=1, sha256="0" * 64, pdf_sealed=b"", state="returned" if came_back else "delivered",
                created_at=at, changed_at=later, delivered_at=None if came_back else later,
                returned_at=later if came_back else None,
            )
        )  # fmt: skip
        figure = "letters_returned" if came_back else "letters_delivered"
        events.append(Event(figure, built, ("reminder",), later, later))
    return rows, events


def _call(built: Built, at: datetime, known: datetime, random: Random) -> tuple[list[Any], list[Event]]:
    outcome, origin = random.choice(("answered", "no_answer", "busy")), random.choice(("staff", "engine"))
    row = CallRow(
        id=new_id(), borrower_id=built.borrower_id, loan_id=built.loan_id, origin=origin, outcome=outcome, called_at=at,
        recorded_at=known, by="staff:x", note_key=new_id(),
    )  # fmt: skip
    return [row], [Event("calls_made", built, (outcome,), at, known)] if origin == "staff" else []


def _dispute(built: Built, at: datetime, known: datetime, random: Random) -> tuple[list[Any], list[Event]]:
    kind = random.choice(("dispute", "objection", "complaint"))
    answered = random.choice([None, at + timedelta(days=10)])
    row = DisputeRow(
        id=new_id(), borrower_id=built.borrower_id, loan_id=built.loan_id, lender_id=built.lender_id, reference="D-1",
        kind=kind, ground="amount", currency="USD", words_sealed=b"", jurisdiction="CN", received_at=at,
        answer_due_on=at.date(), source="law", answered_at=answered,
    )  # fmt: skip
    events = [Event("cases_received", built, (kind,), at, at)]
    if answered is not None:
        events.append(Event("cases_answered", built, (kind,), answered, answered))
    return [row], events


def _hold(built: Built, at: datetime, known: datetime, random: Random) -> tuple[list[Any], list[Event]]:
    kind = random.choice(("hardship", "legal"))
    row = HoldRow(
        id=new_id(),
        borrower_id=built.borrower_id,
        loan_id=built.loan_id,
        kind=kind,
        from_at=at,
        by="staff:x",
        recorded_at=at,
    )
    return [row], [Event("holds_put", built, (kind,), at, at)]


def _payment(built: Built, at: datetime, known: datetime, random: Random) -> tuple[list[Any], list[Event]]:
    amount, currency = random.randint(1, 50_000), random.choice(("USD", "CNY"))
    first = _entry(built, "repayment", amount, currency, at.date(), known)
    rows, events = [first], [Event("amount_collected", built, (), at, known, amount, currency)]
    if random.random() < 0.2:
        back = at + timedelta(days=random.randint(0, 30))
        rows.append(_entry(built, "reversal", amount, currency, back.date(), known + timedelta(days=1), first.id))
        events.append(Event("amount_collected", built, (), back, known + timedelta(days=1), -amount, currency))
    if random.random() < 0.2:
        rows.append(_entry(built, "waiver", amount, currency, at.date(), known))
        events.append(Event("amount_given_up", built, (), at, known, amount, currency))
    return rows, events


def _entry(
    built: Built, kind: str, amount: int, currency: str, on: date, known: datetime, reverses_id: str | None = None
) -> LedgerEntryRow:
    return LedgerEntryRow(
        id=new_id(), borrower_id=built.borrower_id, loan_id=built.loan_id, kind=kind, amount_minor=amount,
        currency=currency, effective_on=on, recorded_at=known, imported_at=known, reference=new_id(), origin="test",
        reverses_id=reverses_id,
    )  # fmt: skip


def _vehicle(built: Built, at: datetime, known: datetime, random: Random) -> tuple[list[Any], list[Event]]:
    kind = random.choice(("vehicle", "vehicle", "jewellery"))
    thing_id = new_id()
    rows: list[Any] = [
        CollateralThingRow(
            id=thing_id, lender_id=built.lender_id, borrower_id=built.borrower_id, reference=thing_id, kind=kind,
            currency="CNY", state="pledged", state_on=at.date(), created_at=at,
        )
    ]  # fmt: skip
    rows.append(taken := _thing_event(built, thing_id, 1, "taken", "in_custody", at, known))
    ends, left = random.choice(("released", "redeemed", "sold", "reversal", None)), at + timedelta(days=random.randint(0, 9))
    known_then = known + timedelta(days=1)
    if ends == "reversal":
        rows.append(_thing_event(built, thing_id, 2, "reversal", None, at, known_then, taken.id))
    elif ends:
        rows.append(_thing_event(built, thing_id, 2, ends, ends, left, known_then))
    if kind != "vehicle":
        return rows, []
    events = [Event("vehicles_taken", built, (), at, known)]
    if ends == "reversal":
        events.append(Event("vehicles_taken", built, (), at, known_then, -1))
    elif ends:
        events.append(Event(f"vehicles_{ends}", built, (), left, known_then))
    return rows, events


def _thing_event(
    built: Built, thing_id: str, no: int, kind: str, to: str | None, at: datetime, known: datetime, undoes: str | None = None
) -> CollateralEventRow:
    return CollateralEventRow(
        id=new_id(), thing_id=thing_id, borrower_id=built.borrower_id, lender_id=built.lender_id, no=no, kind=kind,
        effective_on=at.date(), recorded_at=known, by="x", origin="test", reference=new_id(), to_state=to,
        reverses_id=undoes, facts={},
    )  # fmt: skip


def _report(built: Built, at: datetime, known: datetime, random: Random) -> tuple[list[Any], list[Event]]:
    kind = random.choice(("negative", "positive"))
    row = CreditEnrolmentRow(
        id=new_id(), loan_id=built.loan_id, borrower_id=built.borrower_id, lender_id=built.lender_id, kind=kind,
        started_by="staff:x", started_at=at, ended_at=at + timedelta(minutes=1), end_reason="cured",
    )  # fmt: skip
    events = [Event("credit_reports_begun", built, (kind,), at, at)]
    if kind == "negative":
        events.append(Event("people_reported", built, ("credit",), at, at))
    return [row], events


def _kept_back(built: Built, at: datetime, known: datetime, random: Random) -> tuple[list[Any], list[Event]]:
    decision_id = new_id()
    outcome = random.choice(("SUPPRESSED", "DEFERRED"))
    reason, rule = random.choice((("LEGAL_BLOCK", "CN-X"), ("LEGAL_QUIET_HOURS", None), ("PAID", None)))
    decision = DecisionRow(
        id=decision_id, borrower_id=built.borrower_id, loan_id=built.loan_id, subject_kind="instalment",
        subject_id=decision_id, row_no=1, anchor_no=1, step_key="step", policy_id=new_id(), occurs_at=at,
        local_date=at.date(), outcome=outcome, reason=reason, decided_at=at,
    )  # fmt: skip
    event = DecisionEventRow(
        decision_id=decision_id, seq=1, borrower_id=built.borrower_id, at=at, outcome=outcome, reason=reason, rule=rule
    )
    if reason == "PAID":
        return [decision, event], []
    figure = "contacts_blocked_by_law" if outcome == "SUPPRESSED" else "contacts_deferred_by_law"
    return [decision, event], [Event(figure, built, (rule or reason,), at, at)]


_MAKERS: Sequence[Callable[..., tuple[list[Any], list[Event]]]] = (
    _message, _message, _message, _call, _dispute, _hold, _payment, _vehicle, _report, _kept_back,
)  # fmt: skip
