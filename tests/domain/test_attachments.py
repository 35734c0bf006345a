"""Files that borrowers hand in: what passes for one of the types, and what no name and no content may do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.attachments import KEPT, KINDS, MEDIA_TYPES, MOVES, State, content_problem, shown_name
from tests.builders.files import HEIC, JPEG, PDF, PNG, a_zip

GOOD = {"application/pdf": PDF, "image/jpeg": JPEG, "image/png": PNG, "image/heic": HEIC}
HTML = b"<!DOCTYPE html><script>alert(1)</script>"


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_plain_file_of_each_type_passes_and_no_other_type_does_for_it(media_type: str) -> None:
    assert content_problem(media_type, GOOD[media_type]) is None
    for other in GOOD.keys() - {media_type}:
        assert content_problem(media_type, GOOD[other]) == "wrong_type"
    for content in (b"", HTML, a_zip(), b"MZ\x90", b"\x7fELF", b"GIF89a", GOOD[media_type][1:]):
        assert content_problem(media_type, content) == "wrong_type"


@pytest.mark.parametrize(
    ("media_type", "content", "problem"),
    [
        ("application/pdf", HTML + PDF, "wrong_type"),
        ("application/pdf", b"\n" + PDF, "wrong_type"),
        ("application/pdf", PDF[:9] + b"%<ScRipt>alert(1)</script>\n" + PDF[9:], "holds_markup"),
        ("application/pdf", PDF + a_zip(), "wrong_type"),
        ("application/pdf", PDF + a_zip(PDF), "is_archive_too"),
        ("image/jpeg", JPEG + a_zip(), "is_archive_too"),
        ("image/jpeg", JPEG + a_zip(b"x" * 60_000), "is_archive_too"),
        ("image/jpeg", JPEG[:20] + PDF + JPEG[20:], "is_pdf_too"),
        ("image/jpeg", JPEG[:20] + b"<svg onload=alert(1)>" + JPEG[20:], "holds_markup"),
        ("image/png", PNG + b"<script>", "wrong_type"),
        ("image/png", PNG + a_zip(), "wrong_type"),
        ("image/heic", HEIC + a_zip(), "is_archive_too"),
        ("image/heic", HEIC.replace(b"heic", b"isom").replace(b"mif1", b"mp41"), "wrong_type"),
    ],
)
def test_a_file_that_is_two_things_at_once_is_refused(media_type: str, content: bytes, problem: str) -> None:
    assert content_problem(media_type, content) == problem


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_a_file_that_ends_anywhere_is_looked_at_all_the_same(media_type: str) -> None:
    for end in range(16):
        assert content_problem(media_type, GOOD[media_type][:end]) == "wrong_type"


def test_what_a_camera_writes_after_its_picture_does_no_harm() -> None:
    assert content_problem("image/jpeg", JPEG + b"SEFHk\0\0\0\x01\0\0\0SEFT" + b"PK\x05\x06 by chance" + bytes(30)) is None


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("receipt.pdf", "receipt.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("..\\..\\windows\\win.ini", "win.pdf"),
        ("invoice.exe", "invoice.pdf"),
        (".htaccess", "htaccess.pdf"),
        ("a\r\nSet-Cookie: x=1.pdf", "a Set-Cookie x=1.pdf"),
        ('x"; filename="evil.html', "x filename= evil.pdf"),
        ("收据 2026.pdf", "收据 2026.pdf"),
        ("/", "attachment.pdf"),
        ("...", "attachment.pdf"),
        ("\u202egpj.exe", "gpj.pdf"),
    ],
)
def test_a_name_is_no_path_and_ends_as_what_the_file_is(given_name: str, shown: str) -> None:
    assert shown_name(given_name, "application/pdf") == shown


@given(st.text(max_size=200), st.sampled_from(MEDIA_TYPES))
def test_no_name_escapes(name: str, media_type: str) -> None:
    found = shown_name(name, media_type)

    assert not set(found) & set('/\\\0\r\n"<>;')
    assert not found.startswith(".")
    assert found.endswith(f".{KINDS[media_type].extension}")
    assert len(found) <= 90


def test_only_what_was_kept_moves_on() -> None:
    assert set(MOVES) == set(State)
    assert {state for state in State if MOVES[state]} == {State.REGISTERED, State.SCANNING, State.UNSCANNED}
    assert State.REFUSED not in KEPT
