from pathlib import Path

import pytest

from app.channels.registry import ProviderSettingsError, build_channels
from app.engine.routes import Routes


def test_a_channel_that_is_not_configured_is_absent() -> None:
    assert build_channels(fcm_base_url="https://fcm.googleapis.com") == {}


def test_configured_channels_are_there_under_their_names(fcm_credentials_file: Path) -> None:
    channels = build_channels(
        fcm_base_url="http://127.0.0.1:9",
        fcm_credentials_file=fcm_credentials_file,
        sms_url="http://127.0.0.1:9/texts?unit=1",
        sms_key="k",
    )

    assert {name: (channel.name, channel.provider) for name, channel in channels.items()} == {
        "push": ("push", "fcm"),
        "sms": ("sms", "gateway"),
    }
    for channel in channels.values():
        channel.close()


def test_a_file_that_is_no_service_account_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"type": "authorized_user"}')

    with pytest.raises(ValueError, match="service account"):
        build_channels(fcm_base_url="https://x", fcm_credentials_file=file)


TWILIO = {"provider": "twilio", "account_sid": "AC1", "auth_token": "t", "senders": {"default": "+15005550006"}}
ALIYUN = {"provider": "aliyun", "access_key_id": "i", "access_key_secret": "s", "senders": {"CN": "x"}}


@pytest.mark.parametrize(
    ("channel", "entry"),
    [
        ("sms", TWILIO), ("voice", TWILIO), ("sms", ALIYUN), ("voice", ALIYUN),
        ("sms", {"provider": "gateway", "url": "https://texts.example/in?unit=1", "key": "k"}),
    ],
)  # fmt: skip
def test_a_provider_of_the_file_is_built_with_its_name(channel: str, entry: dict[str, object]) -> None:
    built = build_channels(fcm_base_url="https://x", providers={channel: [entry]})[channel]
    built.close()

    assert (built.name, built.provider) == (channel, entry["provider"])


WECHAT = {"provider": "wechat", "app_id": "a", "app_secret": "s"}
SMTP = {
    "provider": "smtp", "url": "smtp://127.0.0.1", "security": "none", "from": "a@lender.example", "key": "k" * 32,
    "bounce_domain": "mail.lender.example",
}  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "entry"),
    [
        ("sms", TWILIO), ("voice", TWILIO), ("sms", ALIYUN), ("voice", ALIYUN), ("wechat", WECHAT), ("email", SMTP),
        ("letter", {"provider": "lob", "api_key": "k"}),
        ("sms", {"provider": "gateway", "url": "https://texts.example/in", "key": "k"}),
    ],
)  # fmt: skip
def test_no_more_messages_are_compared_with_the_facts_together_than_go_to_the_wire_together(
    channel: str, entry: dict[str, object]
) -> None:
    """One that waits for another's answer would leave after a payment that came meanwhile, or in quiet hours."""
    built = build_channels(fcm_base_url="https://x", providers={channel: [entry]}, threads=3)[channel]
    built.close()

    assert Routes({channel: built}).batch(channel) == 3


@pytest.mark.parametrize(
    ("channel", "entry", "missing"),
    [("sms", TWILIO, "auth_token"), ("sms", TWILIO, "senders"), ("voice", TWILIO, "account_sid"),
     ("sms", ALIYUN, "access_key_secret"), ("voice", ALIYUN, "access_key_id")],
)  # fmt: skip
def test_a_setting_that_is_missing_is_named(channel: str, entry: dict[str, object], missing: str) -> None:
    without = {name: value for name, value in entry.items() if name != missing}

    with pytest.raises(ProviderSettingsError, match=missing):
        build_channels(fcm_base_url="https://x", providers={channel: [without]})
