"""Calls that the engine made and calls that people tell; what the law makes of them."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.deliveries import Callback, CallOutcome, DeliveryReport, Told
from app.domain.errors import ConflictError, ValidationError
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.models.calls import CallRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, ContactRow, DecisionRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.callback_posts import take_callback
from app.services.calls import ToldCall, log_call
from app.services.contact_history import page_contact_history
from app.services.policies import activate_document
from tests.builders.access import a_borrower
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.cases import default_document
from tests.builders.sent import a_contact, a_sent, message

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
SetClock = Callable[[datetime], None]
pytestmark = pytest.mark.both

COUNTRIES = {
    "US": ("America/New_York", "+12125550123", datetime(2026, 3, 17, 15, 0, tzinfo=UTC)),
    "CN": ("Asia/Shanghai", "+8613912340002", datetime(2026, 3, 17, 3, 0, tzinfo=UTC)),
}
"""Zone, phone, and when the step's call is due there."""


def book(country: str, *, role: str = "third_party_collector", days: int = 8) -> Built:
    """A loan with a call by a person every day from the 7th day late on."""
    zone, phone, _ = COUNTRIES[country]
    document = default_document() | {"version": 2}
    action = {"task": "call", "queue": "early", "sla": "PT4H"}
    document["steps"] = [
        {"key": f"d+{n}-call", "offset_days": n, "action": action, "expires_after": "PT6H"} for n in range(7, 7 + days)
    ]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender = build_lender(now=START, jurisdiction=country, zone=zone, role=role, role_reason="test")
    return build_loan(now=START, due=[DUE], lender_id=lender, phone=phone, country=country, zone=zone)


def call(built: Built, at: datetime, outcome: str = "answered", **changes: Any) -> str:
    told = ToldCall(outcome, at, **{"loan_no": built.loan_no, **changes})
    with unit_of_work() as work:
        return log_call(work, built.borrower_id, told, by="staff:Eve", lender_id=built.lender_id, now=at).id


def drain(at: datetime, set_clock: SetClock) -> None:
    set_clock(at)
    Engine(Dispatcher({}, owner="tester")).drain()


def decisions() -> dict[str, tuple[str, str]]:
    with reading() as session:
        rows = session.execute(select(DecisionRow.step_key, DecisionRow.outcome, DecisionRow.reason))
        return {row.step_key: (row.outcome, row.reason) for row in rows}


# -- what the law makes of them ----------------------------------------------------------------------------------------


def test_after_a_conversation_a_collector_in_the_us_does_not_call_for_seven_days(app: Flask, set_clock: SetClock) -> None:
    built = book("US")
    at = COUNTRIES["US"][2]
    drain(at, set_clock)
    assert decisions()["d+7-call"][0] == "TASK_CREATED"

    call(built, at + timedelta(minutes=5), seconds=90)
    for day in range(1, 8):
        drain(at + timedelta(days=day), set_clock)

    found = decisions()
    assert {found[f"d+{n}-call"][1] for n in range(8, 14)} == {"LEGAL_ANSWERED_TODAY"}
    assert found["d+14-call"][0] == "TASK_CREATED"


def test_a_conversation_that_the_borrower_began_counts_too(app: Flask, set_clock: SetClock) -> None:
    built = book("US")
    at = COUNTRIES["US"][2]

    call(built, at - timedelta(days=1), direction="inbound")
    drain(at, set_clock)

    assert decisions()["d+7-call"][1] == "LEGAL_ANSWERED_TODAY"


@pytest.mark.parametrize(
    ("outcome", "eighth"),
    [
        ("no_answer", "LEGAL_WEEKLY_CAP"),
        ("voicemail", "LEGAL_WEEKLY_CAP"),
        ("busy", "ON_SCHEDULE"),
        ("failed", "ON_SCHEDULE"),
    ],
)
def test_seven_calls_in_seven_days(app: Flask, set_clock: SetClock, outcome: str, eighth: str) -> None:
    built = book("US")
    at = COUNTRIES["US"][2]
    for n in range(7):
        call(built, at - timedelta(days=3) + timedelta(hours=n), outcome)

    drain(at, set_clock)

    assert decisions()["d+7-call"][1] == eighth


def test_calls_about_another_loan_do_not_count_for_this_one(app: Flask, set_clock: SetClock) -> None:
    built = book("US")
    zone, phone, at = COUNTRIES["US"]
    other = build_loan(
        now=START, due=[date(2026, 6, 10)], lender_id=built.lender_id, borrower_no=built.borrower_no, phone=phone,
        country="US", zone=zone,
    )  # fmt: skip
    for n in range(7):
        call(other, at - timedelta(days=3) + timedelta(hours=n), "no_answer")

    drain(at, set_clock)

    assert decisions()["d+7-call"][1] == "ON_SCHEDULE"


def test_in_china_a_day_has_room_for_so_many_calls_only(app: Flask, set_clock: SetClock) -> None:
    built = book("CN", role="first_party")
    at = COUNTRIES["CN"][2]
    for n in range(3):
        call(built, at - timedelta(minutes=90 - 10 * n), "no_answer")

    drain(at, set_clock)

    assert decisions()["d+7-call"][1] == "LEGAL_DAILY_CAP"


def objections() -> list[tuple[str | None, str, str | None]]:
    with reading() as session:
        rows = session.scalars(select(TaskRow).where(TaskRow.queue == "compliance").order_by(TaskRow.id))
        return [(row.rule, row.kind, row.loan_id) for row in rows]


def test_the_eighth_call_in_seven_days_is_recorded_and_put_before_compliance(app: Flask) -> None:
    built = book("US")
    at = COUNTRIES["US"][2]
    for n in range(7):
        call(built, at - timedelta(days=3) + timedelta(hours=n), "no_answer")
    before = objections()

    call(built, at, "no_answer")
    call(built, at, "no_answer")

    assert before == []
    assert ("US-REGF-7IN7", "compliance_review", built.loan_id) in objections()
    assert {rule for rule, _, _ in objections()} == {"US-REGF-7IN7", "US-REGF-CALL-EXCL"}, "each once: it was told twice"
    assert len(objections()) == 2
    with reading() as session:
        assert len(session.scalars(select(CallRow)).all()) == 8


def test_a_call_soon_after_a_conversation_and_one_at_night_are_put_before_compliance(sqlite_book: Flask) -> None:
    built = book("US")
    at = COUNTRIES["US"][2]
    call(built, at, seconds=90)

    call(built, at + timedelta(days=2), "no_answer")
    call(built, at + timedelta(days=9, hours=12), "voicemail", loan_no=None)

    assert {"US-REGF-POSTCONV", "US-REGF-HOURS"} <= {rule for rule, _, _ in objections()}


def test_calls_that_a_law_does_not_count_break_no_cap_of_it(sqlite_book: Flask) -> None:
    built = book("US")
    at = COUNTRIES["US"][2]
    for n in range(7):
        call(built, at - timedelta(days=3) + timedelta(hours=n), "no_answer")

    call(built, at, "busy")
    call(built, at + timedelta(minutes=1), direction="inbound")

    assert objections() == []


def test_in_china_every_call_of_a_day_counts_a_busy_one_too(sqlite_book: Flask) -> None:
    built = book("CN", role="first_party")
    at = COUNTRIES["CN"][2]
    for n in range(3):
        call(built, at - timedelta(minutes=90 - 10 * n), "no_answer")
    assert [rule for rule, _, _ in objections()] == ["CN-TRANQUIL"]

    call(built, at, "busy")

    assert [rule for rule, _, _ in objections()].count("CN-CALLCAP") == 1


# -- telling -----------------------------------------------------------------------------------------------------------


def test_a_call_is_in_the_history_takes_a_place_of_its_day_and_closes_its_task(app: Flask, set_clock: SetClock) -> None:
    built = book("US")
    at = COUNTRIES["US"][2]
    drain(at, set_clock)
    with reading() as session:
        task_id = session.scalars(select(TaskRow.id)).one()

    called = at + timedelta(minutes=5)
    call(built, called, task_id=task_id, note="Will pay on Friday from 4111111111111111.", seconds=60)

    with reading() as session:
        contact = session.scalars(select(ContactRow)).one()
        assert (contact.origin, contact.slot_no, contact.local_date) == ("manual", 1, date(2026, 3, 17))
        task = session.get(TaskRow, task_id)
        assert task is not None
        assert (task.state, task.state_reason, task.closed_by) == ("done", "answered", "staff:Eve")
        made = session.scalars(select(MessageRow)).one()
        assert b"Friday" not in bytes(made.text_sealed or b"")
        (shown,) = page_contact_history(
            session.connection(), built.borrower_id, before=None, limit=5, now=called, locale="en"
        )
    assert (shown.made_by, [(each.channel, each.delivery) for each in shown.channels]) == (
        "person",
        [("voice", "delivered")],
    )


def test_the_same_call_told_twice_is_one_call(app: Flask) -> None:
    built = book("US")

    assert call(built, START, "busy") == call(built, START, "busy")
    with pytest.raises(ConflictError):
        call(built, START, "answered")

    with reading() as session:
        assert len(session.scalars(select(CallRow)).all()) == 1
        assert len(session.scalars(select(ContactRow)).all()) == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"outcome": "nice"}, "/outcome"), ({"at": START + timedelta(hours=1)}, "/at"), ({"seconds": 5}, "/seconds"),
     ({"at": START - timedelta(days=400)}, "/at"), ({"direction": "up"}, "/direction")],
)  # fmt: skip
def test_what_cannot_be_is_refused(app: Flask, changes: dict[str, Any], pointer: str) -> None:
    built = book("US")
    told = ToldCall(**{"outcome": "no_answer", "at": START, **changes})

    with pytest.raises(ValidationError) as refused, unit_of_work() as work:
        log_call(work, built.borrower_id, told, by="staff:Eve", lender_id=built.lender_id, now=START)

    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_the_loan_or_task_of_another_is_not_found(app: Flask, set_clock: SetClock) -> None:
    built = book("US")
    at = COUNTRIES["US"][2]
    drain(at, set_clock)
    other = build_loan(now=START, due=[date(2026, 6, 10)], lender_id=built.lender_id, country="US")
    with reading() as session:
        task_id = session.scalars(select(TaskRow.id)).one()

    for changes, pointer in (({"loan_no": built.loan_no}, "/loan_no"), ({"task_id": task_id}, "/task_id")):
        with pytest.raises(ValidationError) as refused:
            call(other, at, **changes)
        assert [error.pointer for error in refused.value.errors] == [pointer]


# -- automatic calls ---------------------------------------------------------------------------------------------------


def told(reference: str, key: str, outcome: CallOutcome, what: Told, *, signed: bool = True) -> None:
    report = DeliveryReport(key, what, reference, call=outcome)
    take_callback(Callback("paper", reports=[report], is_signed=signed), b"", now=START)


PARTS = [
    ("a", CallOutcome("no_answer"), Told.FAILED),
    ("b", CallOutcome("answered", 12), Told.DELIVERED),
    ("c", CallOutcome("answered", 30, "1"), Told.DELIVERED),
]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_is_told_of_an_automatic_call_ends_alike_in_every_order(app: Flask, order: tuple[int, ...]) -> None:
    borrower_id, _ = a_borrower()
    sent = a_sent(borrower_id, now=START, reference="c1", channel="voice")

    for n in (*order, *order):
        told("c1", *PARTS[n])

    with reading() as session:
        row = session.scalars(select(CallRow)).one()
        assert (row.outcome, row.seconds, row.keypress, row.message_id) == ("answered", 30, "1", sent)
        assert [task.kind for task in session.scalars(select(TaskRow))] == ["call_back"]
    assert message(sent).state == "delivered"


def test_a_call_that_was_answered_has_its_borrower_decided_again(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    a_sent(borrower_id, now=START, reference="c1", channel="voice")
    with reading() as session:
        before = session.scalars(select(AgendaRow.case_version).where(AgendaRow.borrower_id == borrower_id)).one()

    told("c1", "k", CallOutcome("answered", 3), Told.DELIVERED)

    with reading() as session:
        after = session.scalars(select(AgendaRow.case_version).where(AgendaRow.borrower_id == borrower_id)).one()
    assert after == before + 1


def test_unproven_it_still_counts_and_says_so_to_who_calls_back(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    a_sent(borrower_id, now=START, reference="c1", channel="voice")

    told("c1", "k", CallOutcome("answered", 3, "1"), Told.DELIVERED, signed=False)

    with reading() as session:
        assert [task.facts["proven"] for task in session.scalars(select(TaskRow))] == [False]


def test_an_automatic_call_that_rang_in_vain_counts_for_caps_of_law(app: Flask, set_clock: SetClock) -> None:
    built = book("US")
    at = COUNTRIES["US"][2]
    for n in range(7):
        when = at - timedelta(days=3) + timedelta(hours=n)
        contact = a_contact(built.borrower_id, now=when)
        a_sent(built.borrower_id, now=when, reference=f"c{n}", channel="voice", contact_id=contact)
        told(f"c{n}", f"k{n}", CallOutcome("no_answer"), Told.FAILED)

    drain(at, set_clock)

    assert decisions()["d+7-call"][1] == "LEGAL_WEEKLY_CAP"
