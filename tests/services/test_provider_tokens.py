"""A token of a provider is asked for once, however many processes need it, and renewed once when it is refused."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import clock
from app.domain.provider_tokens import IssuedToken, TokenUnavailableError
from app.persistence.db import db
from app.persistence.models.deliveries import ProviderTokenRow
from app.persistence.unit_of_work import close_session, unit_of_work
from app.services.provider_tokens import SharedTokens

KEY = ("wechat", "wx1")


class Provider:
    """Gives numbered tokens, slowly, and counts."""

    def __init__(self, *, seconds: float = 7200, pause: float = 0.1) -> None:
        self.asked: list[str | None] = []
        self.error: TokenUnavailableError | None = None
        self._seconds = seconds
        self._pause = pause
        self._lock = threading.Lock()

    def __call__(self, refused: str | None) -> IssuedToken:
        with self._lock:
            self.asked.append(refused)
            number = len(self.asked)
        threading.Event().wait(self._pause)
        if self.error is not None:
            raise self.error
        return IssuedToken(f"token-{number}", self._seconds)


def together(app: Flask, stores: list[SharedTokens], provider: Provider, *, refused: str | None = None) -> list[str]:
    """Ask each store at the same moment, each in a thread of its own as a process would."""
    gate = threading.Barrier(len(stores))

    def one(store: SharedTokens) -> str:
        with app.app_context():
            gate.wait()
            try:
                return store.token(*KEY, provider) if refused is None else store.renew(*KEY, refused, provider)
            finally:
                close_session()

    close_session()
    with ThreadPoolExecutor(len(stores)) as pool:
        return list(pool.map(one, stores))


def age(**changes: object) -> None:
    with unit_of_work() as work:
        work.session.execute(update(ProviderTokenRow).values(**changes))


def row() -> ProviderTokenRow:
    db.session().rollback()
    return db.session().scalars(select(ProviderTokenRow)).one()


@pytest.mark.both
def test_many_processes_with_a_cold_token_make_one_request(app: Flask) -> None:
    provider = Provider()

    tokens = together(app, [SharedTokens() for _ in range(6)], provider)

    assert (tokens, provider.asked) == (["token-1"] * 6, [None])


@pytest.mark.both
def test_a_refused_token_is_renewed_once_by_however_many_found_it_refused(app: Flask) -> None:
    provider = Provider()
    stores = [SharedTokens() for _ in range(6)]
    together(app, stores, provider)

    tokens = together(app, stores, provider, refused="token-1")

    assert (tokens, provider.asked) == (["token-2"] * 6, [None, "token-1"])


def test_threads_of_one_process_share_its_store(sqlite_book: Flask) -> None:
    provider, store = Provider(), SharedTokens()

    assert together(sqlite_book, [store] * 4, provider) == ["token-1"] * 4
    assert len(provider.asked) == 1


def test_the_copy_in_the_process_asks_neither_table_nor_provider(sqlite_book: Flask) -> None:
    provider, store = Provider(pause=0), SharedTokens()
    store.token(*KEY, provider)
    with unit_of_work() as work:
        work.session.delete(work.session.get(ProviderTokenRow, KEY))

    assert store.token(*KEY, provider) == "token-1"
    assert len(provider.asked) == 1


def test_the_token_is_sealed_and_ends_five_minutes_early(sqlite_book: Flask) -> None:
    SharedTokens().token(*KEY, Provider(pause=0))

    kept = row()
    assert b"token-1" not in (kept.token_sealed or b"")
    assert kept.expires_at is not None
    left = kept.expires_at - clock.system_now()
    assert timedelta(seconds=6880) < left <= timedelta(seconds=6900)


def test_a_token_that_was_near_its_end_when_given_is_still_used_for_half_of_it(sqlite_book: Flask) -> None:
    assert IssuedToken("t", 300).useful_seconds == 150
    assert IssuedToken("t", 7200).useful_seconds == 6900


def test_while_one_renews_the_others_use_the_old_token(sqlite_book: Flask) -> None:
    provider = Provider(pause=0)
    SharedTokens().token(*KEY, provider)
    now = clock.system_now()
    age(expires_at=now - timedelta(seconds=1), renewing_by="another", renewing_until=now + timedelta(seconds=30))

    assert SharedTokens().token(*KEY, provider) == "token-1"
    assert len(provider.asked) == 1


def test_while_the_provider_is_down_the_old_token_is_used_to_its_end(sqlite_book: Flask) -> None:
    provider = Provider(pause=0)
    SharedTokens().token(*KEY, provider)
    age(expires_at=clock.system_now() - timedelta(seconds=1))
    provider.error = TokenUnavailableError(refused=False)

    assert SharedTokens().token(*KEY, provider) == "token-1"
    assert SharedTokens().token(*KEY, provider) == "token-1"
    assert len(provider.asked) == 2


def test_an_old_token_that_was_refused_is_not_used_meanwhile(sqlite_book: Flask) -> None:
    provider = Provider(pause=0)
    SharedTokens().token(*KEY, provider)
    age(renewing_by="another", renewing_until=clock.system_now() + timedelta(seconds=30))

    with pytest.raises(TokenUnavailableError):
        SharedTokens(wait_seconds=0.2).renew(*KEY, "token-1", provider)
    assert len(provider.asked) == 1


def test_a_process_that_died_while_renewing_holds_nobody_up_for_long(sqlite_book: Flask) -> None:
    provider = Provider(pause=0)
    SharedTokens().token(*KEY, provider)
    past: datetime = clock.system_now() - timedelta(seconds=1)
    age(expires_at=past - timedelta(hours=1), renewing_by="dead", renewing_until=past)

    assert SharedTokens().token(*KEY, provider) == "token-2"


def test_what_comes_after_its_turn_has_run_out_does_not_overwrite_a_newer_one(sqlite_book: Flask) -> None:
    provider, slow = Provider(pause=0), SharedTokens()

    def overtaken(refused: str | None) -> IssuedToken:
        age(renewing_until=clock.system_now() - timedelta(seconds=1))
        SharedTokens().token(*KEY, provider)
        return IssuedToken("late", 7200)

    assert slow.token(*KEY, overtaken) == "late"
    assert SharedTokens().token(*KEY, provider) == "token-1"


def test_a_provider_that_fails_is_left_alone_for_a_while(sqlite_book: Flask) -> None:
    provider = Provider(pause=0)
    provider.error = TokenUnavailableError(refused=True, raw_code="40125")
    with pytest.raises(TokenUnavailableError) as told:
        SharedTokens().token(*KEY, provider)
    assert told.value.refused

    with pytest.raises(TokenUnavailableError) as told:
        SharedTokens().token(*KEY, provider)
    assert (told.value.refused, len(provider.asked)) == (False, 1)

    provider.error = None
    age(renewing_until=clock.system_now() - timedelta(seconds=1))
    assert SharedTokens().token(*KEY, provider) == "token-2"


def test_a_token_sealed_with_a_key_that_is_gone_is_fetched_anew(sqlite_book: Flask) -> None:
    provider = Provider(pause=0)
    SharedTokens().token(*KEY, provider)
    age(token_sealed=b"gone\0" + bytes(40))

    assert SharedTokens().token(*KEY, provider) == "token-2"
