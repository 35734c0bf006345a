"""What opened a borrower's link is nobody's until the borrower says yes, and never after a no."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.channels.wechat.oauth import Exchanged
from app.domain.deliveries import EndpointEvent
from app.domain.errors import ConflictError
from app.domain.wechat_links import check_code, token_of_scene
from app.engine.wechat_links import exchange_links
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.deliveries import EndpointLinkRow
from app.persistence.models.devices import EndpointRow
from app.persistence.queries.endpoint_links import lock_opened
from app.persistence.unit_of_work import close_session, unit_of_work
from app.services.wechat_accounts import apply_event, bind, keep_code, make_link, unbind
from app.services.wechat_confirmations import confirm, refuse
from tests.builders.access import a_borrower
from tests.builders.locks import wait_until_blocked
from tests.builders.wechat import OPENID, credits_left
from tests.conftest import START

OTHER = "oABCD0000000000000000000000B"
LATE = START + timedelta(minutes=15)


class Platform:
    """Says that every code is this openid's; runs `meanwhile` before it answers."""

    def __init__(self, openid: str = OPENID, meanwhile: object = None) -> None:
        self.openid, self.meanwhile = openid, meanwhile

    def openid_of(self, _code: str) -> Exchanged:
        if callable(self.meanwhile):
            self.meanwhile()
        return Exchanged(self.openid)


def opened(borrower_id: str, openid: str = OPENID, *, now: datetime = START) -> str:
    """Have a new link scanned by this account; return the number to compare."""
    token = token_of_scene(make_link(borrower_id, app_id="wx1", redirect_uri="https://api.example", now=now).scene)
    assert tell("link", openid, token=token) == "applied"
    return check_code(token, openid)


def returned(borrower_id: str) -> str:
    """Have a new link opened, with its code still to be looked up; return the number to compare."""
    token = token_of_scene(make_link(borrower_id, app_id="wx1", redirect_uri="https://api.example", now=START).scene)
    number = keep_code(token, "code-1", now=START)
    assert number is not None
    return number


def tell(kind: str, openid: str, **detail: str) -> str:
    with unit_of_work() as work:
        return apply_event(work, EndpointEvent("key", "wechat", "openid", openid, kind, detail=detail, at=START), now=START)


def states(borrower_id: str) -> list[str]:
    db.session().rollback()
    rows = select(EndpointRow.state).where(EndpointRow.borrower_id == borrower_id).order_by(EndpointRow.id)
    return list(db.session().scalars(rows))


def link() -> EndpointLinkRow:
    db.session().rollback()
    return db.session().scalars(select(EndpointLinkRow)).one()


def acts(borrower_id: str) -> list[tuple[str, str]]:
    db.session().rollback()
    rows = select(AuditRow.actor, AuditRow.action).where(AuditRow.borrower_id == borrower_id).order_by(AuditRow.id)
    return [(actor.partition(":")[0], action) for actor, action in db.session().execute(rows) if "wechat" in action]


@pytest.mark.both
def test_a_yes_binds_at_once_moves_the_openid_and_leaves_no_copy_of_it(app: Flask) -> None:
    former, present = a_borrower()[0], a_borrower()[0]
    with unit_of_work() as work:
        bind(work, former, OPENID, now=START)
    number = opened(present)
    assert (states(former), states(present)) == (["active"], [])

    confirm(present, number, now=LATE - timedelta(seconds=1))
    confirm(present, number, now=LATE)

    assert (states(former), states(present)) == (["replaced"], ["active"])
    assert (link().ended_as, link().address_sealed) == ("confirmed", None)
    assert acts(present) == [("provider", "wechat.opened"), ("borrower", "wechat.bound")]


@pytest.mark.both
def test_a_no_leaves_nothing_of_the_stranger(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    number = opened(borrower_id)

    refuse(borrower_id, number, now=START)
    refuse(borrower_id, number, now=START)

    assert (link().ended_as, link().address_sealed) == ("refused", None)
    assert acts(borrower_id) == [("provider", "wechat.opened"), ("borrower", "wechat.refused")]
    with pytest.raises(ConflictError, match="was refused"):
        confirm(borrower_id, number, now=START)
    assert states(borrower_id) == []


def test_nothing_that_an_account_does_counts_before_the_yes(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    number = opened(borrower_id)

    assert [tell("consent_given", OPENID, template="T1"), tell("blocked", OPENID)] == ["ignored", "ignored"]

    confirm(borrower_id, number, now=START)
    assert (credits_left(borrower_id), states(borrower_id)) == ({}, ["active"])


def test_a_yes_comes_too_early_while_the_platform_is_asked_and_too_late_after_a_quarter_of_an_hour(
    sqlite_book: Flask,
) -> None:
    borrower_id, _ = a_borrower()
    number = returned(borrower_id)

    with pytest.raises(ConflictError, match="still being asked"):
        confirm(borrower_id, number, now=START)
    exchange_links(Platform(), now=START)
    with pytest.raises(ConflictError, match="15 minutes"):
        confirm(borrower_id, number, now=LATE)
    refuse(borrower_id, number, now=LATE)

    assert (link().ended_as, states(borrower_id)) == (None, [])


def test_a_no_while_the_platform_is_asked_holds(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    number = returned(borrower_id)

    exchange_links(Platform(meanwhile=lambda: refuse(borrower_id, number, now=START)), now=START)

    assert (link().ended_as, link().address_sealed, link().code_sealed) == ("refused", None, None)


def test_a_no_before_the_platform_is_asked_spares_the_question(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    refuse(borrower_id, returned(borrower_id), now=START)

    assert exchange_links(Platform(), now=START) == 0


def test_who_opens_a_link_second_is_turned_away_and_the_first_keeps_waiting(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    token = token_of_scene(make_link(borrower_id, app_id="wx1", redirect_uri="https://api.example", now=START).scene)
    tell("link", OPENID, token=token)

    assert tell("link", OTHER, token=token) == "no_change"
    assert keep_code(token, "code-of-other", now=START) is None

    with pytest.raises(ConflictError, match="shown this number"):
        confirm(borrower_id, check_code(token, OTHER), now=START)
    confirm(borrower_id, check_code(token, OPENID), now=START)
    assert states(borrower_id) == ["active"]


@pytest.mark.both
def test_a_newer_link_takes_the_place_of_what_waits(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    number = opened(borrower_id)

    make_link(borrower_id, app_id="wx1", redirect_uri="https://api.example", now=START)

    with pytest.raises(ConflictError, match="newer link"):
        confirm(borrower_id, number, now=START)
    assert acts(borrower_id) == [("provider", "wechat.opened"), ("borrower", "wechat.superseded")]


def test_unbinding_forgets_what_waits_too(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    number = opened(borrower_id)

    unbind(borrower_id, now=START)

    with pytest.raises(ConflictError, match="was refused"):
        confirm(borrower_id, number, now=START)


def test_a_code_that_the_platform_does_not_know_waits_for_nobody(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    number = returned(borrower_id)

    class Unknowing(Platform):
        def openid_of(self, _code: str) -> Exchanged:
            return Exchanged(raw_code="40029")

    exchange_links(Unknowing(), now=START)

    with pytest.raises(ConflictError, match="did not say"):
        confirm(borrower_id, number, now=START)


@pytest.mark.both
def test_a_no_that_comes_while_the_yes_is_being_kept_is_told_that_it_is_too_late(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    number = opened(borrower_id)

    def no() -> None:
        with app.app_context():
            try:
                refuse(borrower_id, number, now=START)
            finally:
                close_session()

    with ThreadPoolExecutor(1) as pool:
        with unit_of_work() as work:
            row = lock_opened(work.session, borrower_id, "wechat", number)
            assert row is not None
            answer = pool.submit(no)
            wait_until_blocked(answer)
            row.ended_as = "confirmed"
        with pytest.raises(ConflictError, match="was confirmed"):
            answer.result()

    assert link().ended_as == "confirmed"
