"""Channels are tested against the stand-in process: real bytes over real HTTP."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from app.channels.curl_transport import CurlTransport
from app.channels.http_transport import PooledTransport, Transport
from app.channels.push import FcmPush
from app.channels.push_credentials import ServiceAccount
from app.channels.sms import GatewaySms
from app.sandbox.stand_in.client import StandInClient
from tests.builders.certificates import write_certificate
from tests.builders.patience import PATIENT
from tests.fakes.stand_in import SMS_KEY, fcm_credentials_file, stand_in, stand_in_process

MakeTransport = Callable[..., Transport]

__all__ = ["fcm_credentials_file", "stand_in", "stand_in_process"]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 signed by itself, and its key."""
    return write_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["curl", "pooled"])
def a_transport(request: pytest.FixtureRequest) -> MakeTransport:
    """Makes a transport: every test that asks for it runs over libcurl and over the standard library."""
    if request.param == "curl":
        return CurlTransport
    return partial(PooledTransport, threads=8)


@pytest.fixture
def patience() -> float:
    """How long channels wait for an answer, in seconds; a test that meets silence is parametrized with less."""
    return PATIENT


@pytest.fixture
def push(
    stand_in: StandInClient, fcm_credentials_file: Path, a_transport: MakeTransport, patience: float
) -> Iterator[FcmPush]:
    channel = FcmPush(ServiceAccount(fcm_credentials_file), a_transport(stand_in.url, total_seconds=patience))
    yield channel
    channel.close()


@pytest.fixture
def sms(stand_in: StandInClient, patience: float) -> Iterator[GatewaySms]:
    channel = GatewaySms(SMS_KEY, PooledTransport(stand_in.url, threads=2, total_seconds=patience), path="/sms")
    yield channel
    channel.close()
