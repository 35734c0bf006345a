"""Files that borrowers hand in, through the doors: announced, uploaded, taken by staff, and nobody else's."""

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.attachments import MIB, RULES, ScannerError
from app.domain.errors import ConflictError, NotFoundError, ValidationError
from app.persistence.attachment_files import FolderStore
from app.persistence.db import session
from app.persistence.ids import new_id
from app.persistence.models.attachments import AttachmentRow
from app.persistence.models.audit import AuditRow
from app.persistence.models.loans import LoanRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.attachment_stores import use_parts
from app.services.attachments import claim, forget_unclaimed
from app.services.policies import activate_document
from tests.builders.access import a_borrower, signed_in
from tests.builders.files import JPEG, PDF, a_zip, announced
from tests.builders.journey import Journey
from tests.builders.policies import a_document
from tests.conftest import START


class FakeScanner:
    """Says what it was told to; `found` an exception: it does not answer."""

    found: str | ScannerError | None = None

    def scan(self, content: bytes) -> str | None:
        if isinstance(self.found, ScannerError):
            raise self.found
        return self.found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def scanner() -> FakeScanner:
    return FakeScanner()


@pytest.fixture
def journey(app: Flask, folder: Path, scanner: FakeScanner) -> Iterator[Journey]:
    use_parts(FolderStore(folder), scanner)
    found = Journey(app)
    with unit_of_work() as work:
        activate_document(work, a_document(), author="test", now=START)
    found.put_borrower()
    found.put_loan("L1", [date(2026, 4, 1)])
    yield found
    use_parts(FolderStore(folder), None)


def _upload(
    journey: Journey, attachment_id: str, content: bytes, media_type: str = "application/pdf", **headers: str
) -> tuple[int, dict[str, Any]]:
    answer = journey.client.put(
        f"/v1/me/attachments/{attachment_id}/content",
        data=content,
        headers={**journey.session(), "Content-Type": media_type, **headers},
    )
    return answer.status_code, answer.get_json()


def _handed_in(journey: Journey, content: bytes = PDF, **changes: Any) -> str:
    """Announce and upload; return the id."""
    registered = journey.me("POST", "/attachments", announced(content, **changes))
    assert _upload(journey, registered["id"], content)[0] == 200
    found: str = registered["id"]
    return found


def _claim(journey: Journey, *ids: str, subject: str | None = None, of_all: bool = False) -> None:
    with unit_of_work() as work:
        claim(
            work, journey.borrower_id, ids, "dispute", subject or new_id(), now=journey.now,
            lender_id=None if of_all else journey.lender_id,
        )  # fmt: skip


def test_a_file_is_announced_uploaded_scanned_and_kept_sealed(journey: Journey, folder: Path) -> None:
    registered = journey.me("POST", "/attachments", announced(PDF, file_name="../../receipt.exe"))
    status, uploaded = _upload(journey, registered["id"], PDF)
    again = _upload(journey, registered["id"], PDF)

    assert registered["upload"]["path"] == f"/v1/me/attachments/{registered['id']}/content"
    assert (status, uploaded["state"], uploaded["file_name"]) == (200, "clean", "receipt.pdf")
    assert again == (200, uploaded)
    (kept,) = [path for path in folder.rglob("*") if path.is_file()]
    assert PDF not in kept.read_bytes()
    assert registered["id"] not in str(kept)
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (PDF + b" ", "application/pdf", 422),
        (PDF[:-1], "application/pdf", 422),
        (PDF[:-1] + b" ", "application/pdf", 422),
        (PDF, "image/png", 422),
        (PDF, "text/html", 415),
        (PDF, "application/json", 422),
    ],
)
def test_other_bytes_or_another_type_than_announced_are_refused(
    journey: Journey, folder: Path, content: bytes, media_type: str, status: int
) -> None:
    registered = journey.me("POST", "/attachments", announced(PDF))

    assert _upload(journey, registered["id"], content, media_type)[0] == status
    assert not folder.exists()
    assert _upload(journey, registered["id"], PDF)[0] == 200


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><script>alert(1)</script>", a_zip(), JPEG, PDF + a_zip(PDF)])
def test_a_page_an_archive_or_two_things_at_once_is_no_pdf(journey: Journey, folder: Path, content: bytes) -> None:
    registered = journey.me("POST", "/attachments", announced(content))

    status, problem = _upload(journey, registered["id"], content)

    assert (status, problem["code"]) == (422, "validation-failed")
    assert not folder.exists()


def test_what_is_refused_of_a_file_says_what_would_be_taken(journey: Journey) -> None:
    journey.me("POST", "/attachments", {**announced(PDF), "size_bytes": 99_999_999}, good=False)
    assert [each["detail"] for each in journey.answer.json["errors"]] == ["From 1 byte to 10 MiB."]

    registered = journey.me("POST", "/attachments", announced(PDF))
    _, problem = _upload(journey, registered["id"], PDF, "text/plain")
    assert "a file as the type it was announced with" in problem["detail"]


def test_a_large_file_is_taken_here_and_nowhere_else_and_ten_mib_are_the_most(journey: Journey) -> None:
    large = PDF[:-6] + bytes(3 * MIB) + PDF[-6:]
    _handed_in(journey, large)
    journey.me("POST", "/attachments", announced(PDF, size_bytes=10 * MIB + 1), good=False)
    assert journey.answer.status_code == 422

    registered = journey.me("POST", "/attachments", announced(PDF))
    assert _upload(journey, registered["id"], bytes(10 * MIB + 1))[0] == 413
    assert journey.client.post("/v1/me/attachments", data=large, headers=journey.session()).status_code in (413, 415)


def test_what_is_not_uploaded_in_time_is_announced_anew(journey: Journey) -> None:
    registered = journey.me("POST", "/attachments", announced(PDF))
    journey.now += timedelta(hours=1)

    assert _upload(journey, registered["id"], PDF)[0] == 409
    assert journey.me("GET", f"/attachments/{registered['id']}")["state"] == "expired"


def test_a_harmful_file_is_refused_and_its_bytes_are_gone(journey: Journey, folder: Path, scanner: FakeScanner) -> None:
    scanner.found = "Win.Test.EICAR_HDB-1"
    attachment_id = _handed_in(journey)

    assert journey.me("GET", f"/attachments/{attachment_id}")["state"] == "refused"
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    with pytest.raises(ValidationError):
        _claim(journey, attachment_id)


def test_a_scanner_that_does_not_answer_is_asked_again(journey: Journey, scanner: FakeScanner) -> None:
    scanner.found = ScannerError("not now")
    attachment_id = _handed_in(journey)
    _claim(journey, attachment_id)
    journey.desk("GET", f"/attachments/{attachment_id}/content", good=False)
    assert journey.answer.status_code == 409

    scanner.found = None
    journey.until(journey.now + timedelta(minutes=2))

    assert journey.me("GET", f"/attachments/{attachment_id}")["state"] == "clean"
    journey.desk("GET", f"/attachments/{attachment_id}/content")


def test_staff_take_a_file_to_be_kept_and_never_shown(journey: Journey) -> None:
    attachment_id = _handed_in(journey, file_name='收据".html')
    journey.desk("GET", f"/attachments/{attachment_id}/content", good=False)
    assert journey.answer.status_code == 404  # it belongs to nothing yet
    _claim(journey, attachment_id)

    journey.desk("GET", f"/attachments/{attachment_id}/content")

    headers = journey.answer.headers
    assert hashlib.sha256(journey.answer.data).hexdigest() == hashlib.sha256(PDF).hexdigest()
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == "attachment; filename=\"__.pdf\"; filename*=UTF-8''%E6%94%B6%E6%8D%AE.pdf"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    session().rollback()
    taken = session().scalars(select(AuditRow).where(AuditRow.action == "attachment.taken")).one()
    assert (taken.actor, taken.borrower_id, taken.facts["attachment_id"]) == (
        "staff:Wang Fang", journey.borrower_id, attachment_id,
    )  # fmt: skip


def test_without_a_scanner_staff_must_say_that_they_know(journey: Journey, folder: Path) -> None:
    use_parts(FolderStore(folder), None)
    attachment_id = _handed_in(journey)
    _claim(journey, attachment_id)

    problem = journey.desk("GET", f"/attachments/{attachment_id}/content", good=False)
    journey.desk("GET", f"/attachments/{attachment_id}/content?unscanned=true")

    assert problem["code"] == "conflict"
    assert journey.answer.data == PDF
    assert "No scanner" in journey.answer.headers["Warning"]
    assert journey.desk("GET", f"/attachments/{attachment_id}")["state"] == "unscanned"


def test_another_borrower_and_another_lender_see_nothing(journey: Journey) -> None:
    attachment_id = _handed_in(journey)
    _claim(journey, attachment_id)
    other, _ = a_borrower(borrower_no="OTHER")
    theirs = {**signed_in(other), "Content-Type": "application/pdf"}
    foreign = Journey(journey.app, code="other")

    path = f"/v1/me/attachments/{attachment_id}"
    assert journey.client.get(path, headers=theirs).status_code == 404
    assert journey.client.put(f"{path}/content", data=PDF, headers=theirs).status_code == 404
    for tail in ("", "/content"):
        foreign.desk("GET", f"/attachments/{attachment_id}{tail}", good=False)
        assert foreign.answer.status_code == 404
    with unit_of_work() as work, pytest.raises(NotFoundError):
        claim(work, other, [attachment_id], "dispute", new_id(), now=START)


def test_a_file_for_all_lenders_is_for_those_the_borrower_has_a_loan_with(journey: Journey) -> None:
    attachment_id = _handed_in(journey)
    _claim(journey, attachment_id, of_all=True)
    foreign = Journey(journey.app, code="other")

    foreign.desk("GET", f"/attachments/{attachment_id}", good=False)

    assert foreign.answer.status_code == 404
    assert journey.desk("GET", f"/attachments/{attachment_id}")["id"] == attachment_id


def test_a_file_belongs_to_one_thing(journey: Journey) -> None:
    attachment_id, subject = _handed_in(journey), new_id()
    _claim(journey, attachment_id, subject=subject)
    _claim(journey, attachment_id, subject=subject)

    with pytest.raises(ConflictError):
        _claim(journey, attachment_id)
    registered = journey.me("POST", "/attachments", announced(PDF))
    with pytest.raises(ValidationError):
        _claim(journey, registered["id"])


def test_a_dispute_takes_its_file_and_a_hardship_request_cannot_take_it_again(journey: Journey) -> None:
    with reading() as reads:
        loan_id = reads.scalars(select(LoanRow.id).where(LoanRow.loan_no == "L1")).one()
    attachment_id, own = _handed_in(journey), "/hardship-requests"
    said = {"ground": "already_paid", "words": "See the receipt.", "attachments": [attachment_id]}
    dispute_id = journey.me("POST", f"/loans/{loan_id}/disputes", said)["id"]

    journey.me("POST", own, {"change": "illness", "attachments": [attachment_id]}, good=False)
    assert journey.answer.status_code == 409, journey.answer.text
    journey.me("POST", own, {"change": "illness", "attachments": [new_id()]}, good=False)
    assert journey.answer.status_code == 422

    shown = journey.desk("GET", f"/attachments/{attachment_id}")
    assert (shown["subject_kind"], shown["subject_id"]) == ("dispute", dispute_id)
    journey.desk("GET", f"/attachments/{attachment_id}/content")
    assert forget_unclaimed(now=journey.now + timedelta(days=2)) == 0


def test_what_nothing_uses_is_forgotten_after_a_day(journey: Journey, folder: Path) -> None:
    used, unused = _handed_in(journey), _handed_in(journey)
    _claim(journey, used)

    assert forget_unclaimed(now=journey.now + timedelta(hours=23)) == 0
    assert forget_unclaimed(now=journey.now + timedelta(hours=25)) == 1

    session().rollback()
    assert session().scalars(select(AttachmentRow.id)).all() == [used]
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1
    assert unused != used


def test_a_borrower_cannot_fill_the_store(journey: Journey) -> None:
    for _ in range(20):
        journey.me("POST", "/attachments", announced(PDF))

    journey.me("POST", "/attachments", announced(PDF), good=False)

    assert journey.answer.status_code == 409


def test_a_dispute_and_a_request_for_help_take_files_along_each_once(journey: Journey) -> None:
    receipt, letter = _handed_in(journey), _handed_in(journey, purpose="hardship")
    loan_id = journey.me("GET", "/loans")["items"][0]["id"]
    said = {"ground": "already_paid", "words": "Here is the receipt."}

    dispute = journey.me("POST", f"/loans/{loan_id}/disputes", {**said, "attachments": [receipt]})
    request = journey.me("POST", "/hardship-requests", {"change": "illness", "attachments": [letter]})

    assert (dispute["attachments"], request["attachments"]) == ([receipt], [letter])
    kept = {row.id: (row.subject_kind, row.subject_id, row.lender_id) for row in session().scalars(select(AttachmentRow))}
    assert kept == {
        receipt: ("dispute", dispute["id"], journey.lender_id), letter: ("hardship", request["id"], journey.lender_id)
    }  # fmt: skip
    for attachments, status, code in ([receipt], 409, "conflict"), ([new_id()], 422, "validation-failed"):
        refused = journey.me("POST", f"/loans/{loan_id}/disputes", {**said, "attachments": attachments}, good=False)
        assert (journey.answer.status_code, refused["code"]) == (status, code)
    assert len(journey.me("GET", f"/loans/{loan_id}/disputes")["items"]) == 1, "what was refused left nothing behind"


def test_files_that_are_used_are_bounded_too_and_a_day_later_more_may_come(journey: Journey) -> None:
    for _ in range(RULES.most_in_a_day // 20):
        _claim(journey, *(_handed_in(journey, PDF) for _ in range(20)))

    refused = journey.me("POST", "/attachments", announced(PDF), good=False)

    assert (journey.answer.status_code, refused["code"]) == (409, "conflict")
    assert "tomorrow" in refused["detail"]
    journey.now += timedelta(days=1)
    _handed_in(journey, PDF)
