"""Conversations at the desk over HTTP: the queue, answers and their copies, notes that no borrower sees, who has what."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.engine.follow_ups import follow_up_due
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditRow
from app.persistence.models.conversations import ConversationRow, ReplyCopyRow
from app.persistence.models.desk_rules import StaffAbsenceRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.staff import StaffAccountRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.conversations import Word, add_word
from app.services.policies import activate_document
from tests.builders.access import fresh_client, signed_in
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.cases import default_document
from tests.builders.desk import Seat, a_seat
from tests.builders.files import PDF, announced

pytestmark = pytest.mark.both
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DUE = [date(2026, 3, 20)]
_keys = count(1)


@pytest.fixture(autouse=True)
def _at_work(app: Flask) -> Iterator[None]:
    clock.use(lambda: MONDAY)
    with unit_of_work() as work:
        activate_document(work, default_document() | {"version": 2}, author="test", now=MONDAY)
    yield
    clock.use(clock.system_now)


def book(**changes: Any) -> Built:
    given = {"country": "GB", "zone": "Europe/London", "phone": "+447700900123", "locale": "en", **changes}
    return build_loan(now=MONDAY, due=DUE, **given)


def say(built: Built, text: str = "Can I pay on Friday?", *, channel: str = "sms", now: datetime = MONDAY) -> str:
    with unit_of_work() as work:
        word = Word(f"test:{next(_keys)}", channel, text, at=now)
        return add_word(work, built.borrower_id, word, now=now).conversation_id


def get(app: Flask, seat: Seat, path: str) -> Any:
    return fresh_client(app).get(f"/v1/desk{path}", headers=seat.headers)


def act(app: Flask, seat: Seat, path: str, **body: Any) -> Any:
    return fresh_client(app).post(f"/v1/desk/conversations/{path}", json=body, headers=seat.headers)


def answer(app: Flask, seat: Seat, conversation_id: str, text: str = "Friday is fine.", **more: Any) -> Any:
    return act(app, seat, f"{conversation_id}/messages", **{"message_id": new_id(), "text": text, **more})


def row(conversation_id: str) -> ConversationRow:
    with reading() as session:
        found = session.get_one(ConversationRow, conversation_id)
        session.expunge(found)
        return found


def messages() -> list[MessageRow]:
    with reading() as session:
        return list(session.scalars(select(MessageRow).where(MessageRow.template == "conversation_answered")))


def audited(action: str) -> list[str]:
    with reading() as session:
        return list(session.scalars(select(AuditRow.actor).where(AuditRow.action == action)))


def test_the_queue_shows_what_is_due_first_and_a_thread_opens_with_an_audit_row(app: Flask) -> None:
    ann, ben = book(), book()
    seat = a_seat(app, ann.lender_id, now=MONDAY)
    first, later = say(ann), say(ben, now=MONDAY + timedelta(minutes=1))

    shown = get(app, seat, "/conversations").json["items"]
    thread = get(app, seat, f"/conversations/{first}").json

    assert [each["id"] for each in shown] == [first, later]
    assert (shown[0]["sla"], shown[0]["first_due_at"], shown[0]["unread_count"]) == ("running", "2026-03-02T14:00:00Z", 1)
    assert [(each["direction"], each["text"]) for each in thread["items"]] == [("inbound", "Can I pay on Friday?")]
    assert audited("conversation.read") == [f"staff:{seat.name}"]


def test_pages_of_the_queue_neither_repeat_nor_skip(app: Flask) -> None:
    built = [book() for _ in range(5)]
    seat = a_seat(app, built[0].lender_id, now=MONDAY)
    said = [say(each, now=MONDAY + timedelta(minutes=n)) for n, each in enumerate(built)]

    found, path = [], "/conversations?limit=2"
    while path:
        page = get(app, seat, path).json
        found += [each["id"] for each in page["items"]]
        path = f"/conversations?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""

    assert found == said


def test_an_answer_stands_in_the_app_and_goes_out_where_the_borrower_wrote_from(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    conversation_id = say(built)

    done = answer(app, seat, conversation_id, status="pending")

    assert (done.status_code, done.json["status"], done.json["copy"]["state"]) == (201, "pending", "queued")
    (word, _) = (
        fresh_client(app)
        .get(f"/v1/me/conversations/{conversation_id}/messages", headers=signed_in(built.borrower_id, now=MONDAY))
        .json["items"]
    )
    assert (word["direction"], word["text"]) == ("outbound", "Friday is fine.")
    out = next(each for each in messages() if each.channel == "sms")
    assert (out.message_class, out.state, out.contact_id) == ("support", "queued", None)
    assert any(each.channel == "in_app" for each in messages()), "the inbox says that there is an answer"
    found = row(conversation_id)
    assert (found.waiting_since, found.first_due_at, found.due_at) == (None, None, None)
    with reading() as session:
        assert session.scalars(select(TaskRow.state).where(TaskRow.kind == "answer_conversation")).all() == ["done"]


def test_what_the_law_keeps_from_going_out_still_stands_in_the_app_and_leaves_when_the_hours_open(app: Flask) -> None:
    built, night = book(), datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    seat = a_seat(app, built.lender_id, now=night)
    conversation_id = say(built, now=night)
    clock.use(lambda: night)

    done = answer(app, seat, conversation_id)

    assert done.json["copy"] == {
        "channel": "sms", "state": "waiting", "reason": "QUIET_HOURS", "rule": "quiet_hours",
        "until": "2026-03-03T08:00:00Z",
    }  # fmt: skip
    assert not [each for each in messages() if each.channel == "sms"]
    assert len(get(app, seat, f"/conversations/{conversation_id}").json["items"]) == 2
    morning = datetime(2026, 3, 3, 8, 0, tzinfo=UTC)
    follow_up_due(now=morning)
    (out,) = [each for each in messages() if each.channel == "sms"]
    assert (out.not_before, out.state) == (morning, "queued")


def test_a_copy_is_needless_once_the_answer_was_read_in_the_app(app: Flask) -> None:
    built, night = book(), datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
    seat = a_seat(app, built.lender_id, now=night)
    conversation_id = say(built, now=night)
    clock.use(lambda: night)
    word_id = answer(app, seat, conversation_id).json["word_id"]

    read = fresh_client(app).post(
        f"/v1/me/conversations/{conversation_id}/read", json={"word_id": word_id},
        headers=signed_in(built.borrower_id, now=night),
    )  # fmt: skip
    follow_up_due(now=datetime(2026, 3, 3, 8, 0, tzinfo=UTC))

    assert read.json == {"unread_count": 0}
    with reading() as session:
        assert session.get_one(ReplyCopyRow, word_id).state == "needless"
    assert not [each for each in messages() if each.channel == "sms"]


def test_words_that_do_not_fit_a_text_message_only_say_there_is_an_answer(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    conversation_id = say(built)

    done = answer(app, seat, conversation_id, "Your next instalment is 100.00 USD, and you can pay it on Friday.")

    assert (done.json["copy"]["state"], done.json["copy"]["reason"]) == ("queued", "CONTENT_LINT")


def test_words_nobody_may_say_are_refused_and_card_numbers_are_taken_out(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    conversation_id = say(built)

    threat = answer(app, seat, conversation_id, "Pay today or we tell your family and your employer.")
    card = answer(app, seat, conversation_id, "You sent 4111 1111 1111 1111, please do not.")

    assert (threat.status_code, threat.json["errors"][0]["pointer"]) == (422, "/text")
    assert card.status_code == 201
    assert "[card number]" in get(app, seat, f"/conversations/{conversation_id}").json["items"][0]["text"]


def test_the_same_answer_is_given_once_and_another_under_its_id_is_refused(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    conversation_id, message_id = say(built), new_id()

    first, again = (answer(app, seat, conversation_id, message_id=message_id) for _ in range(2))
    other = answer(app, seat, conversation_id, "Saturday is fine.", message_id=message_id)

    assert [each.status_code for each in (first, again, other)] == [201, 200, 409]
    assert first.json["word_id"] == again.json["word_id"]


def test_a_file_of_the_desk_goes_with_an_answer_and_to_its_borrower_alone(app: Flask) -> None:
    built, other = book(), book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    conversation_id = say(built, channel="in_app")
    said = {name: value for name, value in announced(PDF).items() if name != "purpose"}

    made = act(app, seat, f"{conversation_id}/attachments", **said).json
    early = answer(app, seat, conversation_id, attachments=[made["id"]])
    put = fresh_client(app).put(made["path"], data=PDF, content_type="application/pdf", headers=seat.headers)
    path, headers = f"/v1/me/attachments/{made['id']}", signed_in(built.borrower_id, now=MONDAY)
    hidden = fresh_client(app).get(path, headers=headers)
    done = answer(app, seat, conversation_id, "Here it is.", attachments=[made["id"]])
    taken = fresh_client(app).get(f"{path}/content", headers=headers)
    stolen = fresh_client(app).get(f"{path}/content", headers=signed_in(other.borrower_id, now=MONDAY))

    assert [each.status_code for each in (early, put, hidden, done, taken, stolen)] == [422, 200, 404, 201, 200, 404]
    assert taken.data == PDF
    assert taken.headers["Content-Disposition"].startswith("attachment")
    words = fresh_client(app).get(f"/v1/me/conversations/{conversation_id}/messages", headers=headers).json["items"]
    assert words[0]["attachments"] == [made["id"]]


def test_files_of_the_borrower_come_with_their_words_and_are_not_the_desks_to_send(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    headers, client = signed_in(built.borrower_id, now=MONDAY), fresh_client(app)
    made = client.post("/v1/me/attachments", json=announced(PDF, purpose="conversation"), headers=headers).json
    client.put(made["upload"]["path"], data=PDF, content_type="application/pdf", headers=headers)
    conversation_id = say(built, channel="in_app")

    refused = answer(app, seat, conversation_id, attachments=[made["id"]])
    body = {"message_id": new_id(), "text": "My receipt.", "attachments": [made["id"]]}
    sent = client.post("/v1/me/conversations", json=body, headers=headers)
    shown = get(app, seat, f"/conversations/{conversation_id}").json["items"][0]

    assert (refused.status_code, sent.status_code, shown["attachments"]) == (404, 201, [made["id"]])
    assert get(app, seat, f"/attachments/{made['id']}/content?unscanned=true").data == PDF
    assert client.get(f"/v1/me/attachments/{made['id']}/content", headers=headers).status_code == 409


def test_notes_are_in_no_answer_to_a_borrower(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    conversation_id, secret = say(built, channel="in_app"), "Sounds drunk, be kind."

    noted = act(app, seat, f"{conversation_id}/notes", message_id=new_id(), text=secret)
    answer(app, seat, conversation_id)

    assert noted.status_code == 201
    assert secret in get(app, seat, f"/conversations/{conversation_id}").text
    headers, client = signed_in(built.borrower_id, now=MONDAY), fresh_client(app)
    paths = app.extensions["duecourse.api"].document()["paths"]
    ids = {"conversation_id": conversation_id, "loan_id": built.loan_id, "key": "pay"}
    walked = 0
    for path, item in paths.items():
        names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
        if path.startswith("/v1/me") and "get" in item and set(names) <= ids.keys():
            told = client.get(path.format(**ids), headers=headers)
            assert secret not in told.text, path
            walked += told.status_code == 200
    assert walked >= 15
    with reading() as session:
        assert "drunk" not in str(session.scalars(select(TaskRow.facts)).all())


def test_another_lenders_desk_sees_nothing_of_it_and_can_do_nothing(app: Flask) -> None:
    ours = book()
    theirs = a_seat(app, build_lender(now=MONDAY, code="other"), now=MONDAY, role="supervisor")
    conversation_id = say(ours)

    assert get(app, theirs, "/conversations?status=any").json["items"] == []
    tried = [
        get(app, theirs, f"/conversations/{conversation_id}"),
        answer(app, theirs, conversation_id),
        act(app, theirs, f"{conversation_id}/notes", message_id=new_id(), text="Hi"),
        act(app, theirs, f"{conversation_id}/assign", assignee="me", version=1),
        act(app, theirs, f"{conversation_id}/status", status="resolved", version=1),
        act(app, theirs, f"{conversation_id}/change", priority="high", version=1),
        act(app, theirs, f"{conversation_id}/read", word_id=new_id()),
    ]
    assert {each.status_code for each in tried} == {404}


def test_of_two_lenders_a_word_of_nobody_knows_whom_is_taken_by_the_first_who_answers(app: Flask) -> None:
    ours = book(borrower_no="B-both")
    other = build_lender(now=MONDAY, code="other")
    build_loan(now=MONDAY, due=DUE, borrower_no="B-both", lender_id=other, country="GB", phone="+447700900123")
    here, there = a_seat(app, ours.lender_id, now=MONDAY), a_seat(app, other, now=MONDAY)
    conversation_id = say(ours, channel="in_app")

    assert [len(get(app, seat, "/conversations").json["items"]) for seat in (here, there)] == [1, 1]
    assert answer(app, here, conversation_id).status_code == 201

    assert row(conversation_id).lender_id == ours.lender_id
    assert answer(app, there, conversation_id).status_code == 404
    assert get(app, there, "/conversations?status=any").json["items"] == []


def test_who_acts_on_an_older_version_is_refused(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    conversation_id = say(built)
    version = row(conversation_id).version
    say(built, "Hello?")

    done = act(app, seat, f"{conversation_id}/status", status="resolved", version=version)

    assert (done.status_code, done.json["code"]) == (412, "stale-version")
    assert row(conversation_id).status == "open"


def test_a_thread_is_given_to_who_speaks_its_language_and_has_the_least(app: Flask) -> None:
    built = [book(locale="zh-CN") for _ in range(3)]
    lender = built[0].lender_id
    a_seat(app, lender, name="English", now=MONDAY)
    busy = a_seat(app, lender, name="Bo", locale="zh-CN", now=MONDAY)
    free = a_seat(app, lender, name="Chen", locale="zh-CN", now=MONDAY)
    a_seat(app, lender, name="Absent", locale="zh-CN", now=MONDAY - timedelta(days=2))
    away = a_seat(app, lender, name="Away", locale="zh-CN", now=MONDAY)
    assert fresh_client(app).put("/v1/desk/me/duty", json={"is_away": True}, headers=away.headers).status_code == 200

    given = [row(say(each, "您好")).assignee for each in built]

    assert given == [f"staff:{busy.name}", f"staff:{free.name}", f"staff:{busy.name}"]
    with reading() as session:
        assert len(session.scalars(select(StaffAbsenceRow)).all()) == 1


def test_a_thread_that_opens_again_goes_to_who_had_it(app: Flask) -> None:
    built = book()
    one, two = (a_seat(app, built.lender_id, name=name, now=MONDAY) for name in ("One", "Two"))
    conversation_id = say(built)
    assert row(conversation_id).assignee == f"staff:{one.name}"
    version = row(conversation_id).version
    act(app, two, f"{conversation_id}/assign", assignee="me", version=version)
    act(app, two, f"{conversation_id}/status", status="resolved", version=version + 1)

    say(built, "One more thing")

    found = row(conversation_id)
    assert (found.status, found.assignee, found.resolved_at) == ("open", f"staff:{two.name}", None)


def test_long_after_it_was_resolved_a_word_begins_another_thread(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    conversation_id = say(built)
    act(app, seat, f"{conversation_id}/status", status="resolved", version=row(conversation_id).version)

    assert say(built, now=MONDAY + timedelta(days=14)) == conversation_id
    with unit_of_work() as work:
        found = work.session.get_one(ConversationRow, conversation_id)
        found.status, found.resolved_at = "resolved", MONDAY
    assert say(built, now=MONDAY + timedelta(days=15)) != conversation_id


def test_what_is_snoozed_opens_at_its_instant_and_on_a_word(app: Flask) -> None:
    ann, ben = book(), book()
    seat = a_seat(app, ann.lender_id, now=MONDAY)
    one, other = say(ann), say(ben)
    until = MONDAY + timedelta(hours=1)
    for each in (one, other):
        version = row(each).version
        done = act(app, seat, f"{each}/status", status="snoozed", until="2026-03-02T11:00:00Z", version=version)
        assert (done.status_code, done.json["status"]) == (200, "snoozed")

    say(ben, "Are you there?", now=MONDAY + timedelta(minutes=10))
    follow_up_due(now=until - timedelta(seconds=1))
    assert (row(one).status, row(other).status) == ("snoozed", "open")
    follow_up_due(now=until)

    assert (row(one).status, row(one).snoozed_until) == ("open", None)
    assert [each["status"] for each in fresh_client(app).get(
        "/v1/me/conversations", headers=signed_in(ann.borrower_id, now=MONDAY)).json["items"]] == ["open"]  # fmt: skip


def test_a_missed_target_is_put_before_a_supervisor_once(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    conversation_id = say(built)
    due = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)

    follow_up_due(now=due - timedelta(minutes=1))
    with reading() as session:
        assert not session.scalars(select(TaskRow).where(TaskRow.kind == "overdue_conversation")).all()
    for minutes in (0, 1, 2):
        follow_up_due(now=due + timedelta(minutes=minutes))

    with reading() as session:
        (task,) = session.scalars(select(TaskRow).where(TaskRow.kind == "overdue_conversation"))
        assert (task.queue, task.facts["clock"], task.state) == ("supervisors", "first", "open")
    clock.use(lambda: due)
    seat = a_seat(app, built.lender_id, now=due)
    assert [each["id"] for each in get(app, seat, "/conversations?sla=breached").json["items"]] == [conversation_id]
    answer(app, seat, conversation_id, status="resolved")
    follow_up_due(now=due + timedelta(days=30))
    with reading() as session:
        (task,) = session.scalars(select(TaskRow).where(TaskRow.kind == "overdue_conversation"))
        assert task.state == "done", "and nothing runs on after it is resolved"


def test_the_clock_of_settling_stands_still_while_we_wait_for_the_borrower(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    conversation_id = say(built)
    due = row(conversation_id).resolution_due_at
    assert due == datetime(2026, 3, 5, 10, 0, tzinfo=UTC), "27 hours of business: 8, 9, 9 and 1"

    answer(app, seat, conversation_id, status="pending")
    assert row(conversation_id).resolution_due_at is None
    follow_up_due(now=due + timedelta(days=1))
    assert row(conversation_id).resolution_breached_at is None
    say(built, "Thank you", now=MONDAY + timedelta(days=1))

    assert row(conversation_id).resolution_due_at == due + timedelta(days=1)


def test_a_dispute_opened_in_a_conversation_stops_reminders_at_once_and_its_answer_settles_it(app: Flask) -> None:
    built = book()
    headers = signed_in(built.borrower_id, now=MONDAY)
    body = {
        "message_id": new_id(), "text": "I have paid this.", "kind": "dispute", "loan_id": built.loan_id,
        "dispute": {"ground": "already_paid"},
    }  # fmt: skip
    client = fresh_client(app)

    first, again = (client.post("/v1/me/conversations", json=body, headers=headers) for _ in range(2))

    assert (first.status_code, again.status_code, first.json) == (201, 200, again.json)
    (shown,) = client.get("/v1/me/conversations", headers=headers).json["items"]
    dispute = client.get(f"/v1/me/disputes/{shown['about_id']}", headers=headers).json
    assert (shown["kind"], dispute["words"], dispute["reminders_stopped"]) == ("dispute", "I have paid this.", True)
    seat = a_seat(app, built.lender_id, now=MONDAY)
    fresh_client(app).post(
        f"/v1/desk/disputes/{dispute['id']}/answer", json={"outcome": "upheld", "words": "You are right."},
        headers=seat.headers,
    )  # fmt: skip
    found = row(shown["id"])
    assert (found.status, found.due_at) == ("resolved", None)
    words = client.get(f"/v1/me/conversations/{shown['id']}/messages", headers=headers).json["items"]
    assert [each["text"] for each in words] == ["You are right.", "I have paid this."]


def test_a_request_for_help_and_a_promise_go_through_their_own_services(app: Flask) -> None:
    built = book()
    headers, client = signed_in(built.borrower_id, now=MONDAY), fresh_client(app)
    asked = {"message_id": new_id(), "text": "I lost my job.", "kind": "hardship", "hardship": {"change": "income_lost"}}
    part = {"amount": {"amount_minor": 5_000, "currency": "USD"}, "promised_on": "2026-03-06"}
    told = {
        "message_id": new_id(), "text": "Half on Friday.", "kind": "promise", "loan_id": built.loan_id,
        "promise": {"parts": [part]},
    }  # fmt: skip

    said = [client.post("/v1/me/conversations", json=body, headers=headers) for body in (told, asked)]
    lacking = client.post(
        "/v1/me/conversations", json={"message_id": new_id(), "text": "Hm", "kind": "hardship"}, headers=headers
    )

    assert [each.status_code for each in said] == [201, 201]
    assert (lacking.status_code, lacking.json["errors"][0]["pointer"]) == (422, "/hardship")
    (request,) = client.get("/v1/me/hardship-requests", headers=headers).json["items"]
    (promise,) = client.get(f"/v1/me/loans/{built.loan_id}/promises", headers=headers).json["items"]
    about = {each["kind"]: each["about_id"] for each in client.get("/v1/me/conversations", headers=headers).json["items"]}
    assert about == {"hardship": request["id"], "promise": promise["id"]}


def test_a_borrower_writes_in_the_thread_they_choose_and_their_marker_never_goes_back(app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    headers, client = signed_in(built.borrower_id, now=MONDAY), fresh_client(app)
    ids = [
        client.post(
            "/v1/me/conversations", json={"message_id": new_id(), "text": text, "kind": "question"}, headers=headers
        ).json["conversation_id"]
        for text in ("One", "Two")
    ]
    answers = [answer(app, seat, ids[0], text).json["word_id"] for text in ("First", "Second")]

    body = {"message_id": new_id(), "text": "Thanks", "quotes_id": answers[0]}
    assert client.post(f"/v1/me/conversations/{ids[0]}/messages", json=body, headers=headers).status_code == 201
    wrong = {"message_id": new_id(), "text": "Thanks", "quotes_id": answers[0]}
    assert client.post(f"/v1/me/conversations/{ids[1]}/messages", json=wrong, headers=headers).status_code == 422
    left = [
        client.post(f"/v1/me/conversations/{ids[0]}/read", json={"word_id": each}, headers=headers).json["unread_count"]
        for each in (answers[1], answers[0])
    ]

    assert left == [0, 0]
    with reading() as session:
        assert len(session.scalars(select(NoticeRow).where(NoticeRow.template == "conversation_answered")).all()) == 1


def test_canned_replies_are_approved_by_a_second_person_and_filled_in_for_the_borrower(app: Flask) -> None:
    built = book(locale="zh-CN")
    agent = a_seat(app, built.lender_id, now=MONDAY)
    senior = a_seat(app, built.lender_id, role="supervisor", now=MONDAY)
    values = {
        "key": "friday", "title": "Friday", "sets_status": "pending",
        "texts": {"en": "Friday is fine for {{ loan }}.", "zh-CN": "{{ loan }} 周五可以处理。"},
    }  # fmt: skip
    client = fresh_client(app)

    def canned(seat: Seat, path: str = "", **body: Any) -> Any:
        return client.post(f"/v1/desk/canned-responses{path}", json=body, headers=seat.headers)

    unknown = canned(agent, **{**values, "texts": {**values["texts"], "en": "Hello {{ password }}"}})
    rude = canned(agent, **{**values, "texts": {**values["texts"], "en": "Pay or we tell your family."}})
    made = canned(agent, **values).json
    own = canned(senior, f"/{canned(senior, **{**values, 'key': 'own'}).json['id']}/approve", version=1)
    with unit_of_work() as work:
        word = Word("test:canned", "in_app", "您好", at=MONDAY)
        conversation_id = add_word(work, built.borrower_id, word, now=MONDAY).conversation_id
        work.session.get_one(ConversationRow, conversation_id).loan_id = built.loan_id
    macro = {"message_id": new_id(), "canned_response_id": made["id"]}
    early = act(app, agent, f"{conversation_id}/macro", **macro)
    by_agent = canned(agent, f"/{made['id']}/approve", version=1)
    approved = canned(senior, f"/{made['id']}/approve", version=1)
    path = f"/canned-responses/{made['id']}/preview?conversation_id={conversation_id}"
    preview = get(app, agent, path).json
    done = act(app, agent, f"{conversation_id}/macro", **macro)

    assert [each.json["errors"][0]["pointer"] for each in (unknown, rude)] == ["/texts/en"] * 2
    assert [each.status_code for each in (own, early, by_agent, approved)] == [403, 409, 403, 200]
    assert preview["text"] == f"{built.loan_no} 周五可以处理。"
    assert (done.status_code, done.json["status"]) == (201, "pending")
    changed = canned(agent, f"/{made['id']}/change", **{**values, "title": "Friday!"}, version=2)
    assert (changed.json["state"], changed.json["approved_by"]) == ("draft", None)


def test_service_levels_are_the_lenders_own_and_stale_changes_are_refused(app: Flask) -> None:
    built = book()
    senior = a_seat(app, built.lender_id, role="supervisor", now=MONDAY)
    client = fresh_client(app)
    shown = get(app, senior, "/service-levels").json
    body = {name: shown[name] for name in ("hours", "makeup", "soon_minutes", "reopen_days", "on_duty_minutes", "most_open")}
    body |= {"levels": [{"first_minutes": 30}], "version": 0}

    agent = client.put("/v1/desk/service-levels", json=body, headers=a_seat(app, built.lender_id, now=MONDAY).headers)
    done, stale = (client.put("/v1/desk/service-levels", json=body, headers=senior.headers) for _ in range(2))

    assert [each.status_code for each in (agent, done, stale)] == [403, 200, 412]
    assert row(say(built)).first_due_at == MONDAY + timedelta(minutes=30)


def test_a_disabled_account_is_given_nothing(client: FlaskClient, app: Flask) -> None:
    built = book()
    seat = a_seat(app, built.lender_id, now=MONDAY)
    with unit_of_work() as work:
        work.session.get_one(StaffAccountRow, seat.staff_id).state = "disabled"

    assert row(say(built)).assignee is None
