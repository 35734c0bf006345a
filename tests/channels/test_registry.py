from pathlib import Path

import pytest

from app.channels.registry import build_channels


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
