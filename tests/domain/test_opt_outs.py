"""Which texts are an opt-out: whole messages, however they are written; the rest is for a person or for nobody."""

import pytest

from app.domain.opt_outs import meaning_of


@pytest.mark.parametrize(
    "text",
    [
        "STOP", " stop. ", "Stop!", "S.T.O.P", "ＳＴＯＰ", "STOP ALL", "stop\n", "“STOP”", "STOP 🙏", "s\u200btop",
        "UNSUBSCRIBE", "Cancel", "END", "quit", "REVOKE", "Opt out", "OPT-OUT", "optout",
        "ARRET", "Arrêt", "ARRE\u0302T", "stopp", "退订",
        "退订。", " 退 订 ", "退訂", "拒收", "T", "t.", "TD", "td", "Ｔ", "R",
    ],
)  # fmt: skip
def test_a_whole_message_that_says_stop_is_an_opt_out(text: str) -> None:
    assert meaning_of(text) == "stop"


@pytest.mark.parametrize("text", ["START", "start!", "Unstop", "恢复", "恢复。", "恢复订阅"])
def test_a_whole_message_that_says_start_takes_it_back(text: str) -> None:
    assert meaning_of(text) == "start"


@pytest.mark.parametrize(
    "text",
    [
        "don't stop",
        "please don't text me any more",
        "Please don’t call me again",
        "I'll cancel Tuesday and pay Friday",
        "stop it, I have paid",
        "请不要再发了",
        "我要退订这个短信",
    ],
)
def test_what_sounds_like_a_stop_is_for_a_person_to_read(text: str) -> None:
    assert meaning_of(text) == "unclear"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "!!!",
        "ok",
        "I paid",
        "nonstop",
        "The weekend",
        "restart",
        "TT",
        "1",
        "是",
        "已还款",
        "yes",
        "bus stopping",
    ],
)
def test_other_texts_are_neither(text: str) -> None:
    assert meaning_of(text) == "other"


def test_a_text_without_end_is_read_to_a_bound() -> None:
    assert meaning_of("a" * 5_000_000) == "other"
    assert meaning_of("stop " + "x" * 5_000_000) == "unclear"
