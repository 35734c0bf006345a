"""Disputes from end to end: the app, the desk, the core and the engine on one clock."""

from datetime import UTC, date, datetime
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.persistence.models.messages import MessageRow
from app.persistence.queries.disputes import dispute_marks
from app.persistence.unit_of_work import reading
from app.services.law_facts import load_loan_laws
from app.services.policies import ensure_default_policy
from tests.builders.journey import Journey
from tests.conftest import START

DUE = [date(2026, 3, 5), date(2026, 4, 5), date(2026, 5, 5)]
CHINA = {"jurisdiction": "CN", "zone": "Asia/Shanghai", "currency": "CNY"}


def at(month: int, day: int, hour: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def begun(app: Flask, **lender: Any) -> tuple[Journey, str]:
    """A borrower with three instalments of 100.00, the first of them due on 5 March."""
    ensure_default_policy(now=START)
    journey = Journey(app, **lender)
    journey.put_borrower()
    return journey, journey.put_loan("L1", DUE)


def reminders(since: datetime) -> list[tuple[date, str]]:
    """(day, state) of every reminder made since, on any channel but the push beside it."""
    with reading() as session:
        statement = select(MessageRow).where(
            MessageRow.message_class.in_(("reminder", "collection")),
            MessageRow.channel == "in_app",
            MessageRow.created_at > since,
        )
        return [(row.created_at.date(), row.state) for row in session.scalars(statement.order_by(MessageRow.id))]


def waiting() -> int:
    """How many pushes about instalments wait to leave."""
    with reading() as session:
        statement = select(MessageRow).where(MessageRow.channel == "push", MessageRow.state == "queued")
        return sum(row.message_class != "servicing" for row in session.scalars(statement))


def notices() -> list[str]:
    """Templates of what the borrower was told of the case, oldest first."""
    with reading() as session:
        statement = select(MessageRow.template).where(
            MessageRow.channel == "in_app", MessageRow.message_class == "servicing"
        )
        return list(session.scalars(statement.order_by(MessageRow.id)))


def told(journey: Journey, method: str, path: str, body: Any = None) -> int:
    """The status of what the desk answers an agent."""
    journey.desk(method, path, body, staff="Ann", role="agent", good=False)
    return int(journey.answer.status_code)


def test_a_borrower_disputes_and_is_right(app: Flask) -> None:
    journey, loan_id = begun(app)
    phone = {"platform": "android", "target_kind": "token", "target": "token-1", "zone": "Asia/Shanghai"}
    journey.me("PUT", "/devices/phone", phone)
    journey.until(at(3, 8, 1))
    journey.now = at(3, 8, 2)  # the reminder of the third day late is decided, and waits to leave
    journey.engine.sweep_all()
    left = len(journey.channels["push"].sent)
    assert (left, waiting()) == (3, 1)

    dispute = journey.me(
        "POST", f"/loans/{loan_id}/disputes",
        {"ground": "amount_wrong", "words": "The fee is wrong. My card is 4111 1111 1111 1111.",
         "amount": journey.money(1_500)},
    )  # fmt: skip

    assert (dispute["state"], dispute["answer_due_on"], dispute["answer_source"]) == (
        "received", "2026-05-03", "FCA DISP 1.6.2R"
    )  # fmt: skip
    assert waiting() == 0, "taken back in the same transaction"
    assert "4111" not in dispute["words"]
    assert dispute["reminders_stopped"]
    journey.until(at(3, 25))
    assert len(journey.channels["push"].sent) == left, "what waited left after all"
    assert reminders(since=at(3, 8, 2)) == []
    loan, balance = journey.me("GET", f"/loans/{loan_id}"), journey.me("GET", f"/loans/{loan_id}/balance")
    assert loan["disputed"] == balance["disputed"] == journey.money(1_500)
    assert balance["outstanding"] == journey.money(30_000), "what is disputed is shown beside what is owed, not taken off"
    with reading() as session:
        assert dispute_marks(session, [loan_id]) == {loan_id: "XB"}

    assert journey.desk("POST", f"/disputes/{dispute['id']}/take")["state"] == "under_review"
    answered = journey.desk("POST", f"/disputes/{dispute['id']}/answer", {
        "outcome": "upheld", "words": "You are right, the fee is waived.", "correction_reference": "W-1"})  # fmt: skip
    journey.core("POST", "/payments", {"reference": "W-1", "loan_no": "L1", "kind": "waiver", "amount": journey.money(1_500),
                                       "effective_on": "2026-03-25"})  # fmt: skip

    assert (answered["state"], answered["credit_mark"], answered["routes"]) == ("upheld", "XH", [])
    balance = journey.me("GET", f"/loans/{loan_id}/balance")
    assert (balance["disputed"], balance["outstanding"]) == (None, journey.money(28_500))
    own = journey.me("GET", f"/disputes/{dispute['id']}")
    assert (own["answer"], own["correction_reference"]) == ("You are right, the fee is waived.", "W-1")
    assert journey.events() == ["dispute.received.v1", "dispute.answered.v1"]
    assert notices() == ["dispute_received", "dispute_upheld"]
    assert dispute["reference"] in journey.inbox()[0]["body"]
    assert [task["state"] for task in journey.desk("GET", "/tasks?state=done&queue=disputes")["items"]] == ["done"]
    with reading() as session:
        assert dispute_marks(session, [loan_id]) == {loan_id: "XH"}


def test_a_borrower_disputes_is_refused_and_asks_seniors(app: Flask) -> None:
    journey, loan_id = begun(app)
    journey.until(at(3, 7))
    dispute = journey.me("POST", f"/loans/{loan_id}/disputes", {"ground": "not_mine", "words": "I never signed it."})
    journey.until(at(3, 13))
    refusal = {"outcome": "rejected", "words": "Here is the contract that you signed."}

    answered = journey.desk("POST", f"/disputes/{dispute['id']}/answer", refusal, staff="Ann", role="agent")
    assert (answered["state"], answered["credit_mark"]) == ("rejected", "XC")
    journey.work()
    assert reminders(since=at(3, 7)) == [], "what was missed is not made up for"
    journey.until(at(3, 21))
    assert reminders(since=at(3, 7)) == [(date(2026, 3, 20), "delivered")], "the one of this day, as the fifteenth late"
    own = journey.me("GET", f"/disputes/{dispute['id']}")
    assert own["routes"][0]["name"] == "Financial Ombudsman Service"
    chinese = journey.me("GET", f"/disputes/{dispute['id']}", headers={"Accept-Language": "zh-CN"})
    assert "英国金融申诉专员服务" in chinese["routes"][0]["name"]

    again = journey.me("POST", f"/disputes/{dispute['id']}/escalate", {"reason": "That is not my hand."})
    assert (again["state"], again["answer_due_on"], again["credit_mark"]) == ("under_review", "2026-05-16", "XB")
    journey.until(at(4, 6))
    assert reminders(since=at(3, 21)) == [], "it is held again"
    assert told(journey, "POST", f"/disputes/{dispute['id']}/answer", refusal) == 403
    tasks = journey.desk("GET", "/tasks?queue=escalations")["items"]
    assert [task["facts"]["reference"] for task in tasks] == [dispute["reference"]]
    final = journey.desk("POST", f"/disputes/{dispute['id']}/answer", refusal)
    assert (final["state"], final["answered_by"]) == ("rejected", "staff:Wang Fang")
    journey.me("POST", f"/disputes/{dispute['id']}/escalate", {"reason": "Once more."}, good=False)
    assert (journey.answer.status_code, journey.answer.get_json()["code"]) == (409, "conflict")


def test_an_objection_to_a_credit_report_is_answered_late(app: Flask) -> None:
    journey, loan_id = begun(app, **CHINA)
    journey.until(at(3, 7))
    objection = journey.me("POST", f"/loans/{loan_id}/disputes", {
        "kind": "objection", "ground": "credit_report_wrong", "words": "I paid on the fifth."})  # fmt: skip

    assert (objection["answer_due_on"], objection["answer_rule"]) == ("2026-03-27", "CN-CRED-OBJECTION")
    assert not objection["reminders_stopped"]
    with reading() as session:
        facts = load_loan_laws(session, [journey.borrower_id], journey.now)[0].facts
    assert [each["ground"] for each in facts["disputes"]] == ["inaccurate"]
    assert [each["kind"] for each in facts["requests"]] == ["credit_objection"]

    def task() -> Any:
        return journey.desk("GET", "/tasks?queue=disputes")["items"][0]

    journey.until(at(3, 25, 15))
    assert (task()["facts"]["urgent"], task()["breach"]) == (False, False)
    journey.until(at(3, 25, 16))  # midnight in Shanghai: the day before
    assert (task()["facts"]["urgent"], task()["breach"]) == (True, False)
    journey.until(at(3, 27, 15))
    assert not journey.me("GET", f"/disputes/{objection['id']}")["late"]
    journey.until(at(3, 27, 16))
    late = journey.me("GET", f"/disputes/{objection['id']}")
    assert late["late"]
    assert "12378" in late["routes"][0]["phone"]
    assert task()["breach"]
    assert journey.events() == ["dispute.received.v1", "dispute.answer_missed.v1"]
    journey.engine.look_at_duties()
    duty = journey.desk("GET", "/duties?overdue=true")["items"][0]
    assert (duty["law"]["id"], duty["breach"]) == ("CN-CRED-OBJECTION", True)

    answered = journey.desk("POST", f"/disputes/{objection['id']}/answer", {
        "outcome": "partly_upheld", "words": "One month is corrected."})  # fmt: skip
    assert (answered["state"], answered["late"], answered["credit_mark"]) == ("partly_upheld", True, "XC")
    assert [each["id"] for each in journey.desk("GET", "/disputes?state=partly_upheld&overdue=true")["items"]] == [
        objection["id"]
    ]
    with reading() as session:
        facts = load_loan_laws(session, [journey.borrower_id], journey.now)[0].facts
    assert [each["resolved_at"] for each in facts["disputes"]] == [journey.now]


def test_a_dispute_that_is_taken_back_lets_reminders_go_on(app: Flask) -> None:
    journey, loan_id = begun(app)
    journey.until(at(3, 7))
    dispute = journey.me("POST", f"/loans/{loan_id}/disputes", {"ground": "already_paid", "words": "Paid."}, key="one")
    same = journey.me("POST", f"/loans/{loan_id}/disputes", {"ground": "already_paid", "words": "Paid."}, key="one")
    assert same == dispute, "the same key is the same case"

    for _ in range(2):
        assert journey.me("POST", f"/disputes/{dispute['id']}/withdraw")["state"] == "withdrawn"
    journey.until(at(3, 9))

    assert reminders(since=at(3, 7)) == [(date(2026, 3, 8), "delivered")]
    assert journey.me("GET", f"/loans/{loan_id}")["disputed"] is None
    assert told(journey, "POST", f"/disputes/{dispute['id']}/answer", {"outcome": "upheld", "words": "Yes."}) == 409
    assert told(journey, "POST", f"/disputes/{dispute['id']}/take") == 409


def test_the_same_dispute_again_is_answered_and_stops_no_reminders_by_itself(app: Flask) -> None:
    journey, loan_id = begun(app, **CHINA)
    same = {"ground": "already_paid", "words": "Paid in cash."}
    journey.until(at(3, 7))
    first = journey.me("POST", f"/loans/{loan_id}/disputes", same)
    journey.until(at(3, 12))
    assert reminders(since=at(3, 7)) == []
    journey.me("POST", f"/disputes/{first['id']}/withdraw")

    again = journey.me("POST", f"/loans/{loan_id}/disputes", same)

    assert (again["state"], again["answer_due_on"], again["reminders_stopped"]) == ("received", "2026-04-01", False)
    assert "does not stop our messages" in journey.inbox()[0]["body"]
    (task,) = journey.desk("GET", "/tasks?queue=disputes")["items"]
    assert (task["facts"]["reference"], task["facts"]["same_as"]) == (again["reference"], first["reference"])
    journey.until(at(3, 21))
    assert [state for _, state in reminders(since=at(3, 12))] == ["delivered"], "the fifteenth day late"
    rejected = {"outcome": "rejected", "words": "No cash was taken that day."}
    journey.desk("POST", f"/disputes/{again['id']}/answer", rejected)
    senior = journey.me("POST", f"/disputes/{again['id']}/escalate", {"reason": "It was."})
    assert (senior["state"], senior["reminders_stopped"]) == ("under_review", False), "seniors look at it no less"
    (task,) = journey.desk("GET", "/tasks?queue=escalations")["items"]
    assert task["facts"]["same_as"] == first["reference"]
    journey.desk("POST", f"/disputes/{again['id']}/answer", rejected)

    other = journey.me("POST", f"/loans/{loan_id}/disputes", {"ground": "amount_wrong", "words": "The fee is wrong."})
    assert other["reminders_stopped"], "another ground is another dispute"
    journey.me("POST", f"/disputes/{other['id']}/withdraw")
    journey.until(at(6, 19))  # ninety days after the answer
    assert not journey.me("POST", f"/loans/{loan_id}/disputes", same)["reminders_stopped"]
    journey.until(at(6, 20))
    later = journey.me("POST", f"/loans/{loan_id}/disputes", same)
    assert later["reminders_stopped"], "long after, it is heard as a new one"
