"""Files in the browser: handed to a borrower with an answer, taken from a thread, kept as evidence of a visit."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from flask import Flask
from sqlalchemy import select

from app.persistence.ids import new_id
from app.persistence.models.attachments import AttachmentRow
from app.persistence.models.audit import AuditRow
from app.persistence.models.conversations import ConversationMessageRow
from app.persistence.models.visits import VisitRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import attachments
from app.services.conversations import Word, add_word
from tests.builders.access import signed_in
from tests.builders.book import Built, build_lender
from tests.builders.calls import a_late_loan, a_lender
from tests.builders.desk import Seat, a_seat
from tests.builders.files import JPEG, PDF

NOON = datetime(2026, 3, 17, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""


@pytest.fixture
def at_noon(sqlite_book: Flask, set_clock: Callable[[datetime], None]) -> Flask:
    set_clock(NOON)
    return sqlite_book


@pytest.fixture
def built(at_noon: Flask) -> Built:
    return a_late_loan(a_lender(now=NOON), now=NOON)


@pytest.fixture
def seat(built: Built, at_noon: Flask) -> Seat:
    return a_seat(at_noon, built.lender_id, name="Ann", role="supervisor", now=NOON)


def say(built: Built, *files: str) -> str:
    with unit_of_work() as work:
        word = Word(f"test:{new_id()}", "in_app", "Here is my receipt", at=NOON, attachments=files)
        return add_word(work, built.borrower_id, word, now=NOON).conversation_id


def all_files() -> list[AttachmentRow]:
    with reading() as session:
        found = list(session.scalars(select(AttachmentRow).order_by(AttachmentRow.id)))
        session.expunge_all()
        return found


def chosen(*files: tuple[bytes, str]) -> list[tuple[BytesIO, str]]:
    return [(BytesIO(content), name) for content, name in files]


def test_a_file_goes_to_the_borrower_with_the_answer_and_is_taken_again(built: Built, seat: Seat, at_noon: Flask) -> None:
    conversation_id = say(built)
    path = f"/conversations/{conversation_id}"

    sent = seat.send(f"{path}/reply", path, text="Here it is.", content=chosen((PDF, "../Kontoauszug 三月.pdf")))
    (row,) = all_files()
    link = re.findall(r'href="/desk(/attachments/[^"]+)"', seat.page(path).text)
    taken = seat.page(link[0])

    assert sent.status_code == 303
    assert (row.by, row.subject_id, row.lender_id, row.media_type) == (
        "staff:Ann", conversation_id, built.lender_id, "application/pdf"
    )  # fmt: skip
    with reading() as session:
        word = session.scalars(select(ConversationMessageRow).where(ConversationMessageRow.direction == "outbound")).one()
        assert word.attachments == [row.id]
        assert "attachment.taken" in [each.action for each in session.scalars(select(AuditRow))]
    assert "Kontoauszug 三月.pdf" in seat.page(path).text
    assert taken.data == PDF
    assert taken.headers["Content-Disposition"].startswith("attachment; ")
    assert taken.headers["Content-Type"] == "application/octet-stream"
    assert taken.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in taken.headers["Content-Security-Policy"]
    assert taken.headers["Cache-Control"] == "no-store"


def test_a_form_that_is_sent_twice_is_one_answer_and_another_file_under_it_is_refused(built: Built, seat: Seat) -> None:
    path = f"/conversations/{say(built)}"
    hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', seat.page(path).text))

    def send(content: bytes) -> int:
        data = {**hidden, "text": "Here it is.", "content": chosen((content, "a.pdf"))}
        return seat.browser.post(f"/desk{path}/reply", data=data).status_code

    assert [send(PDF), send(PDF), send(JPEG)] == [303, 303, 422]
    with reading() as session:
        words = session.scalars(select(ConversationMessageRow).where(ConversationMessageRow.direction == "outbound")).all()
    assert len(words) == 1


def test_a_file_that_came_stays_with_an_answer_that_is_refused(built: Built, seat: Seat) -> None:
    path = f"/conversations/{say(built)}"

    refused = seat.send(f"{path}/reply", path, text="Pay today or we tell your family.", content=chosen((PDF, "a.pdf")))
    hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', refused.text))
    again = seat.browser.post(f"/desk{path}/reply", data={**hidden, "text": "Here it is."})

    assert (refused.status_code, again.status_code) == (422, 303)
    assert "a.pdf" in refused.text
    (row,) = all_files()
    assert row.claimed_at == NOON


def test_a_file_that_somebody_else_handed_in_goes_with_no_answer_of_mine(built: Built, seat: Seat) -> None:
    path = f"/conversations/{say(built)}"
    theirs = attachments.hand_in(built.borrower_id, "conversation", "other.pdf", PDF, now=NOON, by="staff:Ben")

    refused = seat.send(f"{path}/reply", path, text="Pay today or we tell your family.", attached=theirs.id)
    sent = seat.send(f"{path}/reply", path, text="Here it is.", attached=theirs.id)

    assert (refused.status_code, sent.status_code) == (422, 303)
    assert "other.pdf" not in refused.text
    assert [each.claimed_at for each in all_files()] == [None]


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"MZ" + bytes(100), "a.pdf", "this one is none of them"),
        (b"", "empty.pdf", "1 byte to 10 MiB"),
        (PDF + bytes(10 * 1024 * 1024), "large.pdf", "1 byte to 10 MiB"),
    ],
)
def test_what_is_no_file_of_ours_is_refused_at_its_field_and_the_words_stay(
    built: Built, seat: Seat, content: bytes, name: str, why: str
) -> None:
    path = f"/conversations/{say(built)}"

    answer = seat.send(f"{path}/reply", path, text="Here it is.", content=chosen((content, name)))

    assert answer.status_code == 422
    assert 'id="content-wrong"' in answer.text
    assert why in answer.text
    assert "Here it is." in answer.text
    assert all_files() == []


def test_a_body_beyond_the_limit_is_a_page_that_says_so_also_where_no_file_is_taken(built: Built, seat: Seat) -> None:
    path = f"/conversations/{say(built)}"

    large = seat.send(f"{path}/reply", path, text="Hi", content=chosen((bytes(11 * 1024 * 1024), "a.pdf")))
    elsewhere = seat.send(f"{path}/note", path, note="Hi", content=chosen((bytes(2 * 1024 * 1024), "a.pdf")))

    assert (large.status_code, elsewhere.status_code) == (413, 413)
    assert "a file 10 MiB" in large.text


def test_bytes_of_a_form_never_lie_on_the_disk(built: Built, seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/conversations/{say(built)}"

    def on_disk(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", on_disk)
    monkeypatch.setattr("werkzeug.formparser.TemporaryFile", on_disk, raising=False)

    whole = PDF[:9] + bytes(600 * 1024) + PDF[9:]
    assert seat.send(f"{path}/reply", path, text="Here it is.", content=chosen((whole, "a.pdf"))).status_code == 303


def test_files_of_the_borrower_are_listed_and_anothers_lender_takes_none(built: Built, seat: Seat, at_noon: Flask) -> None:
    theirs = attachments.hand_in(built.borrower_id, "conversation", "receipt.jpg", JPEG, now=NOON)
    conversation_id = say(built, theirs.id)
    stranger = a_seat(at_noon, build_lender(now=NOON, code="other"), role="admin", now=NOON)

    live = seat.page(f"/conversations/{conversation_id}/now").text

    assert f"/desk/attachments/{theirs.id}/content?unscanned=true" in live
    assert "Not scanned" in live
    assert seat.page(f"/attachments/{theirs.id}/content?unscanned=true").data == JPEG
    assert seat.page(f"/attachments/{theirs.id}/content").status_code == 409
    assert stranger.page(f"/attachments/{theirs.id}/content?unscanned=true").status_code == 404


# -- visits ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def started(built: Built, seat: Seat, set_clock: Callable[[datetime], None]) -> str:
    """A visit that goes on, by three people."""
    officer_rules = seat.browser.application
    officer = a_seat(officer_rules, built.lender_id, role="compliance", now=NOON)
    officer.send("/visits/rules", "/visits", most_people="3")
    page = seat.page(f"/borrowers/{built.borrower_no}").text
    reason = re.findall(r'name="reason".*?value="([a-z_]+)"', page, re.S)[0]
    seat.send(f"/borrowers/{built.borrower_no}/opening", f"/borrowers/{built.borrower_no}", reason=reason)
    people = {f"{what}_{number}": f"{what} {number}" for what in ("name", "identity_no") for number in (1, 2, 3)}
    planned = seat.send(
        f"/borrowers/{built.borrower_no}/visits/new", place="home", begins="2026-03-17T12:10", hours="1", **people
    )
    where = planned.headers["Location"].removeprefix("/desk")
    set_clock(NOON + timedelta(minutes=11))
    assert seat.send(f"{where}/start", where).status_code == 303
    return where


def test_three_go_and_what_they_hand_in_is_evidence_of_the_visit(started: str, seat: Seat) -> None:
    handed = [
        seat.send(f"{started}/evidence", started, content=chosen((PDF, "letter.pdf"), (JPEG, "door.jpg"))) for _ in range(2)
    ]
    page = seat.page(started).text
    ended = seat.send(f"{started}/end", started, outcome="not_met")

    rows = all_files()
    assert [each.status_code for each in (*handed, ended)] == [303] * 3
    assert [each.subject_id for each in rows] == [started.rpartition("/")[2]] * 2, "the same again is no other"
    assert "name 3" in page
    assert page.count("/content?unscanned=true") == 2
    assert seat.page(f"/attachments/{rows[0].id}/content?unscanned=true").data == PDF
    with reading() as session:
        visit = session.scalars(select(VisitRow)).one()
        assert visit.evidence == [{"kind": "file", "id": each.id} for each in rows]
        assert [each.action for each in session.scalars(select(AuditRow))].count("visit.evidence") == 2
        borrower_id = rows[0].borrower_id
    assert {each.by for each in rows} == {f"staff:{seat.name}"}
    own = seat.browser.application.test_client(use_cookies=False)
    for path in (f"/v1/me/attachments/{rows[0].id}", f"/v1/me/attachments/{rows[0].id}/content"):
        assert own.get(path, headers=signed_in(borrower_id, now=NOON + timedelta(minutes=11))).status_code == 404


def test_evidence_is_taken_while_the_visit_goes_on_and_only_files(started: str, seat: Seat) -> None:
    none = seat.send(f"{started}/evidence", started)
    wrong = seat.send(f"{started}/evidence", started, content=chosen((b"hello", "a.pdf")))
    seat.send(f"{started}/end", started, outcome="met", identity_shown="true")
    late = seat.send(f"{started}/evidence", started, content=chosen((PDF, "late.pdf")))

    assert [each.status_code for each in (none, wrong, late)] == [422] * 3
    assert 'id="content-wrong"' in none.text
    assert 'id="content-wrong"' in wrong.text
    assert "evidence is handed in while it goes on" in late.text
    assert all_files() == []
