"""One request for a token, however many want one."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from app import clock
from app.channels.base import Outcome
from app.channels.push import FcmPush
from app.channels.push_credentials import ServiceAccount, TokenUnavailableError
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW, an_outgoing
from tests.channels.conftest import MakeTransport


@pytest.fixture
def account(stand_in: StandInClient, fcm_credentials_file: Path) -> ServiceAccount:
    return ServiceAccount(fcm_credentials_file)


@pytest.fixture
def patient_push(stand_in: StandInClient, account: ServiceAccount, a_transport: MakeTransport) -> Iterator[FcmPush]:
    channel = FcmPush(account, a_transport(stand_in.url))
    yield channel
    channel.close()


def expires_in(account: ServiceAccount, seconds: float) -> None:
    account._credential.expiry = clock.system_now().replace(tzinfo=None) + timedelta(seconds=seconds)


def test_many_threads_with_a_cold_token_ask_for_one(stand_in: StandInClient, fcm_credentials_file: Path) -> None:
    stand_in.program({"on": "token", "act": "delay", "delay_ms": 100})
    account = ServiceAccount(fcm_credentials_file)
    tokens: list[str] = []
    threads = [threading.Thread(target=lambda: tokens.append(account.token())) for _ in range(16)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(tokens)) == 1
    assert len(tokens) == 16
    assert stand_in.counts()["requests"] == {"token:200": 1}


def test_many_threads_whose_token_was_refused_renew_it_once(stand_in: StandInClient, fcm_credentials_file: Path) -> None:
    account = ServiceAccount(fcm_credentials_file)
    spent = account.token()
    threads = [threading.Thread(target=account.renewed, args=(spent,)) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert stand_in.counts()["requests"] == {"token:200": 2}


def test_two_hundred_messages_with_a_cold_token_and_a_slow_endpoint_ask_once(
    patient_push: FcmPush, stand_in: StandInClient
) -> None:
    stand_in.program({"on": "token", "act": "delay", "delay_ms": 300})

    with ThreadPoolExecutor(4) as workers:
        batches = list(workers.map(lambda _: patient_push.send([an_outgoing() for _ in range(50)], now=NOW), range(4)))

    assert {result.outcome for results in batches for result in results} == {Outcome.ACCEPTED}
    assert stand_in.counts()["requests"] == {"token:200": 1, "send:200": 200}


def test_a_token_about_to_expire_is_renewed_once_for_a_batch_before_it_is_refused(
    patient_push: FcmPush, account: ServiceAccount, stand_in: StandInClient
) -> None:
    patient_push.send([an_outgoing()], now=NOW)
    expires_in(account, 100)

    for _ in range(2):
        patient_push.send([an_outgoing() for _ in range(20)], now=NOW)

    assert stand_in.counts()["requests"] == {"token:200": 2, "send:200": 41}


def test_while_the_endpoint_fails_a_token_with_a_minute_left_is_used_and_the_endpoint_left_alone(
    patient_push: FcmPush, account: ServiceAccount, stand_in: StandInClient
) -> None:
    patient_push.send([an_outgoing()], now=NOW)
    expires_in(account, 60)
    stand_in.program({"on": "token", "answer": "unavailable"})

    results = [patient_push.send([an_outgoing()], now=NOW)[0] for _ in range(3)]

    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert stand_in.counts()["requests"] == {"token:200": 1, "token:503": 1, "send:200": 4}


def test_an_expired_token_is_not_used(account: ServiceAccount, stand_in: StandInClient) -> None:
    account.token()
    expires_in(account, -1)
    stand_in.program({"on": "token", "answer": "unavailable"})

    with pytest.raises(TokenUnavailableError):
        account.token()
