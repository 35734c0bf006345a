"""What WeChat shows of a field, and what it would refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.wechat_fields import characters, fitted, kind_of, refusal, refusals, shown


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("thing1", "您有一条新消息", "您有一条新消息"),
        ("thing1", "一" * 20, "一" * 20),
        ("thing1", "一" * 21, "一" * 19 + "…"),
        ("keyword2", "人民币260.00元", "人民币260.00元"),
        ("keyword1", "one  two\r\nthree\u2028four", "one two three four"),
        ("thing12", "谢谢😀👍🏽您❤️", "谢谢您"),
        ("thing1", "a\u200bb\u202ec\x00", "a b c"),
        ("thing1", "𠀀" * 11, "𠀀" * 9 + "…"),
        ("amount2", "人民币1,260.00元", "¥1260.00"),
        ("amount2", "￥1,260", "¥1260"),
        ("amount2", "CNY 1,260.00", "¥1260.00"),
        ("amount2", "$12,345.67", "$12345.67"),
        ("amount2", "260元", "260元"),
        ("character_string3", "B 123-4", "B123-4"),
        ("date4", "2026年3月2日", "2026年3月2日"),
        ("phrase5", "待还款", "待还款"),
    ],
)
def test_a_field_is_one_line_without_emoji_and_fits_its_kind(name: str, value: str, sent: str) -> None:
    assert fitted(name, value) == sent
    assert refusal(name, sent) is None


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("thing1", "", "empty"),
        ("thing1", "😀\n", "empty"),
        ("amount1", "1234.56 USD", "bad_form"),
        ("amount1", "12345678901", "bad_form"),
        ("date1", "Mar 10, 2026", "bad_form"),
        ("date1", "10 March 2026", "bad_form"),
        ("time1", "25:00", "bad_form"),
        ("number1", "1,5", "bad_form"),
        ("phrase1", "还款日期提醒", "too_long"),
        ("phrase1", "due", "bad_form"),
        ("character_string1", "订单", "bad_form"),
        ("character_string1", "x" * 33, "too_long"),
        ("phone_number1", "0" * 18, "too_long"),
        ("letter1", "a1", "bad_form"),
    ],
)
def test_what_cannot_be_made_to_fit_without_changing_its_meaning_is_refused_here(name: str, value: str, reason: str) -> None:
    assert refusals({name: value}) == {name: reason}


@pytest.mark.parametrize(
    "value",
    [
        "2026年3月2日",
        "2026年3月",
        "3月2日",
        "2026-03-02",
        "2026/3/2",
        "2026.03.02 15:01",
        "2026-03-02 09:00~2026-03-02 21:00",
    ],
)
def test_dates_are_taken_as_the_platform_writes_them(value: str) -> None:
    assert refusals({"date1": value, "time2": value}) == {}
    assert refusals({"time1": "15:01", "time2": "9:00~21:00:30"}) == {}


def test_what_the_platform_drops_is_not_sent_and_the_order_stays() -> None:
    fields = {"first": "还款提醒", "thing2": "b", "thing1": "a", "remark": "谢谢"}

    assert list(shown(fields).items()) == [("thing2", "b"), ("thing1", "a")]
    assert refusals({"first": ""}) == {}


@given(st.text(max_size=80), st.sampled_from(["thing1", "keyword2", "name3", "unknown"]))
def test_whatever_is_written_a_plain_field_never_grows_too_long_and_stays_as_it_is_when_done_again(
    value: str, name: str
) -> None:
    sent = fitted(name, value)

    assert characters(sent) <= kind_of(name).most
    assert "\n" not in sent
    assert fitted(name, sent) == sent
