import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import insert, select

from app.domain.book import BorrowerValues
from app.domain.deliveries import DeliveryReport, Told
from app.domain.letters import LetterRefusedError
from app.persistence.db import session
from app.persistence.ids import new_id
from app.persistence.models.devices import EndpointRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, DecisionRow
from app.persistence.queries.cases import load_cases
from app.persistence.unit_of_work import unit_of_work
from app.services import letter_batches, letters
from app.services.borrowers import put_borrower
from app.services.letter_documents import LetterDocument, keep_letters, set_letters
from app.services.policies import load_rules
from app.wording.letter_texts import use_letterheads
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.letters import LETTERHEAD, waiting_letter, write_letterhead
from tests.conftest import START


@pytest.fixture
def letterheads(tmp_path: Path) -> Iterator[Path]:
    write_letterhead(tmp_path)
    use_letterheads(tmp_path)
    yield tmp_path
    use_letterheads(None)


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def make(message_id: str, now: datetime = START) -> None:
    with unit_of_work() as work:
        letters.make_letter(work, message_id, now=now)


def document(message_id: str, now: datetime = START) -> LetterDocument:
    """The document as it leaves: set, then stored in the claim."""
    made = set_letters([message_id], now=now)
    with unit_of_work() as work:
        assert keep_letters(work, made, now=now) == {message_id}
    return made[message_id].document


def refusal(message_id: str) -> LetterRefusedError:
    with pytest.raises(LetterRefusedError) as caught, unit_of_work() as work:
        letters.make_letter(work, message_id, now=START)
    return caught.value


def tell(message_id: str, told: Told, word: str, now: datetime = START) -> None:
    with unit_of_work() as work:
        letters.apply_event(work, DeliveryReport("e", told, message_id=message_id, raw_code=word), now=now)


def stored(message_id: str) -> LetterRow:
    session().expire_all()
    return session().scalars(select(LetterRow).where(LetterRow.message_id == message_id)).one()


def test_a_letter_says_who_writes_to_whom_about_what_and_what_is_owed(app: Flask, letterheads: Path) -> None:
    message_id, built = waiting_letter(now=START)

    made = document(message_id)

    text = text_of(made.pdf)
    for words in ("Acme Finance Ltd", "Jane Roe", "LS1 4AP", f"About loan {built.loan_no}", "$100.00", "How to pay",
                  "Free debt advice", "Ask an adviser", "1 Feb 15, 2026 15 100.00 0.00 0.00 0.00 100.00"):  # fmt: skip
        assert words in text
    assert (made.pages, made.country) == (3, "GB")
    assert made.recipient == ("Jane Roe", "2 Low Road", "Leeds", "LS1 4AP")
    assert made.sender == ("Acme Finance Ltd", "1 High Street", "London", "EC1A 1AA")


def test_the_document_is_sealed_and_kept_once(app: Flask, letterheads: Path) -> None:
    message_id, _ = waiting_letter(now=START)

    make(message_id)
    make(message_id, START + timedelta(hours=1))

    row = stored(message_id)
    assert b"%PDF" not in row.pdf_sealed
    assert document(message_id).sha256 == row.sha256
    assert row.created_at == START
    assert row.state == "made"


def test_a_letter_goes_abroad_with_its_country_in_capitals(sqlite_book: Flask, letterheads: Path) -> None:
    message_id, _ = waiting_letter(now=START, country="DE")

    assert document(message_id).recipient[-1] == "GERMANY"


@pytest.mark.parametrize(("changes", "template", "what", "named"), [
    ({"sheets": None}, "letter_arrears", "sheet", "debt_advice in en"),
    ({"sheets": LETTERHEAD["sheets"]}, "statutory_arrears_notice", "sheet", "arrears_information_sheet in en"),
    ({"sheets": {"arrears_information_sheet": {"en": {"title": "FCA sheet", "insert": "FCA-1"}}}},
     "statutory_arrears_notice", "notice_text", "notice_of_sums_in_arrears in en"),
    ({"layout": "no_such"}, "letter_arrears", "letterhead", "no_such"),
    ({"fax": "1"}, "letter_arrears", "letterhead", "fax"),
])  # fmt: skip
def test_what_the_lender_has_not_supplied_is_refused_by_name(
    sqlite_book: Flask, letterheads: Path, changes: dict[str, Any], template: str, what: str, named: str
) -> None:
    write_letterhead(letterheads, **changes)
    message_id, _ = waiting_letter(now=START, template=template)

    refused = refusal(message_id)

    assert refused.what == what
    assert named in refused.detail


def test_a_statutory_notice_has_the_lenders_words_its_rows_and_its_insert(app: Flask, letterheads: Path) -> None:
    write_letterhead(
        letterheads,
        sheets={"arrears_information_sheet": {"en": {"title": "FCA information sheet", "insert": "FCA-ARR"}}},
        notices={"notice_of_sums_in_arrears": {"en": ["These are the prescribed words."]}},
    )
    message_id, built = waiting_letter(now=START, template="statutory_arrears_notice")

    made = document(message_id)

    text = text_of(made.pdf)
    assert text.index("prescribed words") < text.index("With kind regards")
    assert "Enclosed: FCA information sheet" in text
    assert f"Loan {built.loan_no}: what is asked for" in text
    assert "1 Feb 15, 2026 15 100.00 0.00 0.00 0.00 100.00" in text
    assert made.inserts == ("FCA-ARR",)


def test_a_notice_that_a_jurisdiction_does_not_know_is_refused(sqlite_book: Flask, letterheads: Path) -> None:
    lender_id = build_lender(now=START, jurisdiction="US")
    write_letterhead(letterheads, sheets={"arrears_information_sheet": {"en": {"title": "A", "insert": "A"}}})
    message_id, _ = waiting_letter(now=START, template="statutory_arrears_notice", lender_id=lender_id)

    assert "notice_of_sums_in_arrears as a letter in US" in refusal(message_id).detail


def test_without_an_address_or_a_letterhead_a_letter_is_refused(sqlite_book: Flask, letterheads: Path) -> None:
    nowhere, _ = waiting_letter(now=START, address_lines=())
    assert refusal(nowhere).what == "address"

    use_letterheads(None)
    assert refusal(nowhere).what == "address"
    somewhere, _ = waiting_letter(now=START)
    assert refusal(somewhere).what == "letterhead"


@pytest.mark.parametrize("name", [None, " "])
def test_a_letter_to_no_name_is_refused(sqlite_book: Flask, letterheads: Path, name: str | None) -> None:
    message_id, _ = waiting_letter(now=START, name=name)

    refused = refusal(message_id)

    assert (refused.what, letters.reason_of(refused)) == ("recipient", "NO_ENDPOINT")


def test_a_letter_that_was_made_before_the_address_changed_leaves_with_the_new_one(app: Flask, letterheads: Path) -> None:
    message_id, built = waiting_letter(now=START)
    make(message_id)
    before = stored(message_id).sha256
    move_house(built)

    made = document(message_id)

    assert made.recipient == ("Jane Roe", "9 New Street", "York")
    assert "9 New Street" in text_of(made.pdf)
    assert stored(message_id).sha256 == made.sha256 != before


def test_a_letter_that_was_handed_over_stays_as_it_was(app: Flask, letterheads: Path) -> None:
    message_id, built = waiting_letter(now=START)
    make(message_id)
    before = stored(message_id).sha256
    with unit_of_work() as work:
        letters.mark_handed_over(work, [message_id], now=START)
    pay(built, 4_000, now=START)

    assert document(message_id).sha256 == before


def test_events_in_any_order_end_in_the_same_state(app: Flask, letterheads: Path) -> None:
    message_id, _ = waiting_letter(now=START)
    make(message_id)

    seen = []
    events = [
        (Told.ACCEPTED, "letter.rendered_pdf"),
        (Told.SENT, "letter.in_transit"),
        (Told.SENT, "letter.mailed"),
        (Told.DELIVERED, "letter.delivered"),
        (Told.ACCEPTED, "printed"),
    ]
    for told, word in events:
        tell(message_id, told, word)
        seen.append(stored(message_id).state)

    assert seen == ["handed_over", "in_transit", "in_transit", "delivered", "delivered"]


def test_a_returned_letter_makes_the_address_unusable_until_there_is_another(app: Flask, letterheads: Path) -> None:
    message_id, built = waiting_letter(now=START)
    make(message_id)
    session().expire_all()
    version = session().get_one(AgendaRow, built.borrower_id).case_version

    tell(message_id, Told.FAILED, "letter.returned_to_sender")
    tell(message_id, Told.FAILED, "letter.returned_to_sender")

    assert stored(message_id).state == "returned"
    assert session().get_one(AgendaRow, built.borrower_id).case_version == version + 1
    assert [row.state for row in session().scalars(select(EndpointRow))] == ["invalid"]
    assert blocked(built) == "ENDPOINT_INVALID"
    move_house(built)
    assert blocked(built) is None


def test_a_return_that_is_not_proven_to_be_the_printers_leaves_the_address_in_use(app: Flask, letterheads: Path) -> None:
    message_id, built = waiting_letter(now=START)
    make(message_id)

    with unit_of_work() as work:
        told = DeliveryReport("e", Told.FAILED, message_id=message_id, raw_code="letter.returned_to_sender")
        letters.apply_event(work, told, now=START, is_signed=False)

    assert stored(message_id).state == "returned"
    assert session().scalars(select(EndpointRow.state)).all() == []
    assert blocked(built) is None


def test_a_letter_that_went_to_an_address_of_before_says_nothing_of_the_one_of_now(app: Flask, letterheads: Path) -> None:
    message_id, built = waiting_letter(now=START)
    make(message_id)
    move_house(built, now=START + timedelta(days=1))

    tell(message_id, Told.FAILED, "letter.returned_to_sender", now=START + timedelta(days=2))

    assert stored(message_id).state == "returned"
    assert blocked(built) is None


def move_house(built: Built, now: datetime = START) -> None:
    new = {"name": "Jane Roe", "address_lines": ("9 New Street", "York"), "country": "GB", "locale": "en"}
    with unit_of_work() as work:
        put_borrower(work, BorrowerValues(built.borrower_no, **new), now=now, origin="test")  # type: ignore[arg-type]


def blocked(built: Built) -> str | None:
    session().expire_all()
    rules = load_rules(session())
    assert rules is not None
    reason = load_cases(session(), [built.borrower_id], now=START, rules=rules)[built.borrower_id].case.blocks.get("letter")
    return None if reason is None else reason.value


def test_a_letter_that_is_not_known_yet_changes_nothing(sqlite_book: Flask, letterheads: Path) -> None:
    with unit_of_work() as work:
        assert not letters.apply_event(work, DeliveryReport("e", Told.SENT, reference="ltr_1"), now=START)


def batch(name: str = "March") -> str:
    with unit_of_work() as work:
        return letter_batches.begin_batch(work, name, by="operator:Ann", now=START)


def run(batch_id: str, **options: Any) -> letter_batches.Progress:
    return letter_batches.run_batch(batch_id, clock=lambda: START, **options)


def test_a_batch_makes_what_waits_and_says_what_it_could_not(app: Flask, letterheads: Path) -> None:
    made = [waiting_letter(now=START)[0] for _ in range(7)]
    nowhere, built = waiting_letter(now=START, address_lines=())

    told: list[letter_batches.Progress] = []
    done = run(batch(), chunk=3, told=told.append)

    assert (done.state, done.total, done.made, done.failed) == ("ready", 8, 7, 1)
    assert sum(each.made for each in told) > 7
    assert {row.message_id for row in session().scalars(select(LetterRow))} == set(made)
    message = session().get_one(MessageRow, nowhere)
    assert (message.state, message.state_reason) == ("failed", "NO_ENDPOINT")
    assert session().get_one(AgendaRow, built.borrower_id).wake_at is not None


def test_a_batch_goes_on_where_a_killed_worker_left_it(app: Flask, letterheads: Path) -> None:
    for _ in range(6):
        waiting_letter(now=START)
    batch_id = batch()

    def die(progress: letter_batches.Progress) -> None:
        if progress.made == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(batch_id, chunk=2, told=die)
    assert letter_batches.progress_of(batch_id).state == "making"
    done = run(batch_id, chunk=2)

    assert (done.state, done.made) == ("ready", 6)


def test_workers_at_once_make_each_letter_once(app: Flask, letterheads: Path) -> None:
    ids = {waiting_letter(now=START)[0] for _ in range(12)}
    batch_id = batch()

    def work_on(_: int) -> letter_batches.Progress:
        with app.app_context():
            return run(batch_id, chunk=2)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work_on, range(3)))

    done = letter_batches.progress_of(batch_id)
    assert (done.state, done.made, done.failed) == ("ready", 12, 0)
    assert {row.message_id for row in session().scalars(select(LetterRow))} == ids


def test_a_batch_leaves_alone_what_came_later_and_what_was_stopped(app: Flask, letterheads: Path) -> None:
    waiting_letter(now=START)
    batch_id = batch()
    waiting_letter(now=START + timedelta(minutes=1))

    assert run(batch_id).made == 1
    stopped = batch("April")
    with unit_of_work() as work:
        letter_batches.stop_batch(work, stopped, by="operator:Ann", now=START)
    with pytest.raises(Exception, match="stopped"):
        run(stopped)


def test_documents_of_a_batch_are_given_out_with_their_hashes(app: Flask, letterheads: Path) -> None:
    ids = [waiting_letter(now=START)[0] for _ in range(3)]
    batch_id = batch()
    run(batch_id)

    found = list(letter_batches.iterate_documents(batch_id, page=2))

    assert {entry["message_id"] for entry, _ in found} == set(ids)
    assert all(pdf.startswith(b"%PDF") for _, pdf in found)


def test_two_loans_of_a_letter_add_up(sqlite_book: Flask, letterheads: Path, set_clock: Callable[[datetime], None]) -> None:
    message_id, built = waiting_letter(now=START)
    other = build_loan(
        now=START, due=[(START - timedelta(days=20)).date()], borrower_no=built.borrower_no, lender_id=built.lender_id,
        amount_minor=2_550, name="Jane Roe", address_lines=("2 Low Road", "Leeds", "LS1 4AP"), country="GB", locale="en",
    )  # fmt: skip
    join(message_id, other)

    text = text_of(document(message_id).pdf)

    assert "Total 125.50 0.00 0.00 0.00 125.50" in text


def join(message_id: str, built: Built) -> None:
    with unit_of_work() as work:
        contact_id = work.session.get_one(MessageRow, message_id).contact_id
        work.session.execute(
            insert(DecisionRow).values(
                id=new_id(), borrower_id=built.borrower_id, loan_id=built.loan_id, subject_kind="instalment",
                subject_id=f"{built.loan_id}/1", row_no=1, anchor_no=1, step_key="d+15", policy_id=new_id(), occurs_at=START,
                local_date=START.date(), outcome="CONSOLIDATED", reason="CONSOLIDATED_INTO", contact_id=contact_id,
                decided_at=START, event_count=1,
            )
        )  # fmt: skip
