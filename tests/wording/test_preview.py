"""How a message looks where it arrives: cut as the platform cuts, counted as the provider bills."""

import pytest

from app.wording.catalogue import Rendered, shipped
from app.wording.preview import View, views_of

TEXT = shipped().text("due_soon", "push", "en")


def shown(channel: str, body: str, title: str = "", **options: str) -> list[View]:
    return views_of(Rendered(title, body, "en", 1, TEXT, True), channel, **options)


def test_a_push_is_cut_in_one_line_on_a_collapsed_android_and_in_four_on_an_iphone() -> None:
    collapsed, expanded, iphone = shown("push", "word " * 60, title="A title")

    assert [view.is_cut for view in (collapsed, expanded, iphone)] == [True, False, True]
    assert [len(view.lines) for view in (collapsed, iphone)] == [2, 5]
    assert collapsed.lines[-1].endswith("…")
    assert iphone.lines[-1].endswith("…")


def test_a_chinese_character_takes_two_columns() -> None:
    assert [view.is_cut for view in shown("push", "信" * 23)] == [False] * 3
    assert [view.is_cut for view in shown("push", "信" * 24)] == [True, False, False]


@pytest.mark.parametrize(
    ("body", "signature", "notes"),
    [
        ("a" * 160, "", ["1 SMS, 160 units of gsm7"]),
        ("a" * 161, "", ["2 SMS, 161 units of gsm7"]),
        ("信" * 71, "", ["2 SMS, 71 units of ucs2"]),
        ("信" * 65, "港湾信贷", ["1 SMS, 65 units of ucs2", "2 SMS, 71 characters"]),
    ],
)
def test_an_sms_is_counted_as_it_is_billed(body: str, signature: str, notes: list[str]) -> None:
    assert [view.note for view in shown("sms", body, signature=signature)] == notes


def test_a_wechat_field_ends_at_twenty_characters() -> None:
    title, body = shown("wechat", "信" * 21, title="信" * 20)

    assert (title.is_cut, body.is_cut, body.lines) == (False, True, ("信" * 20,))


def test_the_other_channels_show_what_is_read_first() -> None:
    (app,) = shown("in_app", "one\ntwo", title="t")
    inbox, text = shown("email", "Hello,\nthere is a message", title="x" * 50)
    (call,) = shown("voice", "信" * 240 + " word" * 150)
    (letter,) = shown("letter", "word " * 200, title="t")

    assert app.lines == ("t", "one", "two")
    assert (inbox.is_cut, inbox.lines[1]) == (True, "Hello, there is a message")
    assert text.lines == ("Hello,", "there is a message")
    assert call.note == "about 120 seconds"
    assert (len(letter.lines), letter.note) == (8, "13 lines, about 1 page(s)")
