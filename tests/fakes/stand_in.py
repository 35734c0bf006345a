"""The provider stand-in as fixtures: one real process for the whole run, told to forget everything before each test.

A room that needs it imports the three fixtures into its conftest.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.sandbox.credentials import write_service_account
from app.sandbox.stand_in import client
from app.sandbox.stand_in.client import StandInClient

SMS_KEY = "a key that the gateway and we share"
MAIL_KEY = "a key that the mail relay and we share"
CALLBACK_BASE = "https://api.lender.example"
CALLBACK_SECRET = "an-unguessable-word-of-this-installation"
"""Where the stand-in would post to; it keeps its posts and makes none."""


@pytest.fixture(scope="session")
def stand_in_process() -> Iterator[StandInClient]:
    options = {"sms_key": SMS_KEY, "mail_key": MAIL_KEY, "callback_base": CALLBACK_BASE, "callback_secret": CALLBACK_SECRET}
    with client.running(**options) as running:
        yield running


@pytest.fixture
def stand_in(stand_in_process: StandInClient) -> StandInClient:
    """The stand-in, empty and without faults."""
    stand_in_process.reset()
    return stand_in_process


@pytest.fixture(scope="session")
def fcm_credentials_file(stand_in_process: StandInClient, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("fcm") / "service-account.json"
    return write_service_account(file, stand_in_url=stand_in_process.url)
