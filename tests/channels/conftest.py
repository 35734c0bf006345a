"""Channels are tested against the stand-in process: real bytes over real HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.channels.http_transport import PooledTransport
from app.channels.push import FcmPush
from app.channels.push_credentials import ServiceAccount
from app.channels.sms import GatewaySms
from app.sandbox.stand_in.client import StandInClient
from tests.fakes.stand_in import SMS_KEY, fcm_credentials_file, stand_in, stand_in_process

__all__ = ["fcm_credentials_file", "stand_in", "stand_in_process"]


@pytest.fixture
def push(stand_in: StandInClient, fcm_credentials_file: Path) -> Iterator[FcmPush]:
    """Push with a total time-out short enough to be waited for."""
    channel = FcmPush(ServiceAccount(fcm_credentials_file), PooledTransport(stand_in.url, threads=8, total_seconds=0.5))
    yield channel
    channel.close()


@pytest.fixture
def sms(stand_in: StandInClient) -> Iterator[GatewaySms]:
    channel = GatewaySms(SMS_KEY, PooledTransport(stand_in.url, threads=2, total_seconds=0.5), path="/sms")
    yield channel
    channel.close()
