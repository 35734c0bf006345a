import pytest

from app.channels.base import EndpointVerdict, Outcome
from app.channels.numbers import country_of, refused_number
from app.channels.provider_settings import sender_of


@pytest.mark.parametrize(
    ("phone", "code"),
    [
        ("+8613800138000", None),
        ("+447400123456", None),
        ("+12025550100", None),  # in North America a number does not say whether it is mobile
        ("+861088886666", "landline"),
        ("+442083661177", "landline"),
        ("+449012345678", "premium_number"),
        ("+447012345678", "premium_number"),  # a "personal number": the caller pays for the forwarding
        ("+448001111111", "landline"),
        ("+861", "bad_address"),
        ("13800138000", "bad_address"),
        ("", "bad_address"),
        ("+8619900000000", None),
    ],
)
def test_no_text_goes_to_a_number_that_cannot_take_it(phone: str, code: str | None) -> None:
    refused = refused_number(phone, for_text=True)

    assert (refused.error_code if refused else None) == code
    if refused:
        assert (refused.outcome, refused.verdict) == (Outcome.REFUSED, EndpointVerdict.INVALID)


@pytest.mark.parametrize(
    ("phone", "code"), [("+861088886666", None), ("+449012345678", "premium_number"), ("+1", "bad_address")]
)
def test_a_landline_can_be_called(phone: str, code: str | None) -> None:
    refused = refused_number(phone, for_text=False)

    assert (refused.error_code if refused else None) == code


def test_a_number_tells_its_country() -> None:
    assert [country_of(phone) for phone in ("+8613800138000", "+85251234567", "+447400123456", "nothing")] == [
        "CN", "HK", "GB", "",
    ]  # fmt: skip


def test_the_sender_is_that_of_the_country_or_the_default() -> None:
    senders = {"CN": "某银行", "default": "+15005550006"}

    assert sender_of(senders, "+8613800138000") == "某银行"
    assert sender_of(senders, "+447400123456") == "+15005550006"
    assert sender_of({"CN": "x"}, "+447400123456") is None
