"""Which passwords of staff are refused, and why."""

import unicodedata

import pytest

from app.domain.errors import ValidationError
from app.domain.passwords import LONGEST, SHORTEST, check_password
from app.services.passwords import common_passwords

NAMES = ("Wang Fang 王芳", "w.fang@harbour.example")


def check(text: str) -> str:
    return check_password(text, common=common_passwords(), names=NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "correct horse battery",
        "tr0ub4dor&3xyz",
        "纸上得来终觉浅绝知此事要躬行",
        ("plümage " * 16)[:LONGEST].replace("ge p", "g3 q", 3),
        "  blanks count, too  ",
    ],
)
def test_long_ones_nobody_guesses_are_taken_as_they_are(text: str) -> None:
    assert check(text) == unicodedata.normalize("NFC", text)


def test_two_ways_to_type_a_letter_are_one_password() -> None:
    assert check("u\u0308bermorgen im Nebel") == check("\u00fcbermorgen im Nebel")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("k7#pQ2!mxz9"[: SHORTEST - 1], "12 to 128"),
        ("ab7 " * 33, "12 to 128"),
        ("FangFang-8817x", "holds your name"),
        ("my-HARBOUR-pass9", "holds your name"),
        ("duecourse-desk-1", "holds your name"),
        ("王芳喜欢在河边散步看书", "12 to 128"),
        ("王芳喜欢在河边散步看书写字", "holds your name"),
        ("password2026!!", "first that are tried"),
        ("P4ssw0rd2026!", "first that are tried"),
        ("qwertyuiop12", "first that are tried"),
        ("passwordpassword", "first that are tried"),
        ("abcdefghijklmn", "first that are tried"),
        ("abababababab", "first that are tried"),
        ("8817-2264-9921", "first that are tried"),
    ],
)
def test_what_is_guessed_first_is_refused_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        check(text)
