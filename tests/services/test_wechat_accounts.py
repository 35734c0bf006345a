"""Whose WeChat is whose, what the platform tells of it, and consents that are good for one message each."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.channels.wechat.oauth import Exchanged
from app.domain.deliveries import EndpointEvent
from app.domain.wechat_links import authorize_url, check_code, scene_of, token_of_scene
from app.engine.wechat_links import CODE_LIFE, exchange_links
from app.persistence.db import db, vault
from app.persistence.models.audit import AuditRow
from app.persistence.models.deliveries import EndpointLinkRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.unit_of_work import close_session, in_unit_of_work, unit_of_work
from app.services.subscription_credits import MOST_CREDITS, accept, give_back, refuse, take_credit
from app.services.tidying import tidy
from app.services.wechat_accounts import apply_event, bind, keep_code, make_link, shown_account, unbind
from app.services.wechat_confirmations import confirm
from tests.builders.access import a_borrower
from tests.builders.wechat import OPENID
from tests.builders.wechat import credits_left as credits
from tests.conftest import START

OTHER = "oABCD0000000000000000000000B"


def linked(borrower_id: str, *, now: datetime = START) -> str:
    """Make a link and return its token."""
    link = make_link(borrower_id, app_id="wx1", redirect_uri="https://api.example/back", now=now)
    return token_of_scene(link.scene)


def bound(borrower_id: str, openid: str = OPENID, *, now: datetime = START) -> None:
    with unit_of_work() as work:
        bind(work, borrower_id, openid, now=now)


def tell(kind: str, openid: str = OPENID, *, at: datetime | None = START, **detail: str) -> str:
    event = EndpointEvent("key", "wechat", "openid", openid, kind, detail=detail, at=at)
    with unit_of_work() as work:
        return apply_event(work, event, now=START)


def states(borrower_id: str) -> list[tuple[str, str | None]]:
    db.session().rollback()
    statement = select(EndpointRow.state, EndpointRow.reason).where(EndpointRow.borrower_id == borrower_id)
    return [tuple(row) for row in db.session().execute(statement.order_by(EndpointRow.id))]


def case_version(borrower_id: str) -> int:
    db.session().rollback()
    return db.session().scalars(select(AgendaRow.case_version).where(AgendaRow.borrower_id == borrower_id)).one()


def waits(borrower_id: str, *, now: datetime = START) -> tuple[str, bool | None]:
    """State shown, and whether what waits can be confirmed; None: nothing waits."""
    db.session().rollback()
    shown = shown_account(db.session().connection(), borrower_id, now=now)
    db.session().rollback()
    return shown.state, shown.pending.is_ready if shown.pending else None


class Platform:
    """Says whose codes are; what it was asked is kept."""

    def __init__(self, *answers: Exchanged) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def openid_of(self, code: str) -> Exchanged:
        self.asked.append(code)
        return self.answers.pop(0)


@pytest.mark.both
def test_a_link_opened_in_wechat_binds_its_borrower_once_they_have_said_yes(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    before = case_version(borrower_id)
    platform = Platform(Exchanged(OPENID))
    number = keep_code(linked(borrower_id), "code-1", now=START)
    assert number is not None
    assert waits(borrower_id) == ("waiting", False)
    assert b"code-1" not in (db.session().scalars(select(EndpointLinkRow)).one().code_sealed or b"")
    db.session().rollback()

    assert exchange_links(platform, now=START) == 1
    link = db.session().scalars(select(EndpointLinkRow)).one()
    assert OPENID.encode() not in (link.address_sealed or b"")
    assert states(borrower_id) == []
    assert case_version(borrower_id) == before
    assert waits(borrower_id) == ("pending", True)
    db.session().rollback()

    confirm(borrower_id, number, now=START)

    row = db.session().scalars(select(EndpointRow)).one()
    assert (row.channel, row.address_kind, row.state) == ("wechat", "openid", "active")
    assert vault().open(row.address_sealed, place=f"endpoints.address:{row.id}") == OPENID
    assert OPENID.encode() not in row.address_sealed
    assert case_version(borrower_id) > before
    assert platform.asked == ["code-1"]
    assert exchange_links(platform, now=START) == 0
    assert [row.action for row in db.session().scalars(select(AuditRow)) if "wechat" in row.action] == [
        "wechat.opened",
        "wechat.bound",
    ]


@pytest.mark.both
def test_a_link_is_good_once_for_ten_minutes_and_only_the_newest(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    old, used, late = linked(borrower_id), linked(borrower_id), ""

    assert not keep_code(old, "code", now=START)
    assert keep_code(used, "code", now=START + timedelta(minutes=10) - timedelta(seconds=1))
    assert not keep_code(used, "code", now=START)
    late = linked(borrower_id)
    assert not keep_code(late, "code", now=START + timedelta(minutes=10))
    assert not keep_code("00" * 28, "code", now=START)


@pytest.mark.both
def test_of_two_who_open_one_link_one_is_seen(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    token, gate = linked(borrower_id), Barrier(4)

    def one(number: int) -> bool:
        with app.app_context():
            gate.wait()
            try:
                return keep_code(token, f"code-{number}", now=START) is not None
            finally:
                close_session()

    close_session()
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [False, False, False, True]


def test_a_link_holds_no_id_and_is_kept_as_a_hash(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()

    link = make_link(borrower_id, app_id="wx1", redirect_uri="https://api.example/back?x=1", now=START)

    token = token_of_scene(link.scene)
    assert link.url.startswith("https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx1&redirect_uri=https%3A%2F%2F")
    assert link.url.endswith(f"&response_type=code&scope=snsapi_base&state={token}#wechat_redirect")
    assert borrower_id not in link.url
    assert len(scene_of(token)) <= 64
    assert token not in repr(link)
    assert db.session().get(EndpointLinkRow, token) is None
    assert authorize_url("wx1", "https://x", "t", base="http://stand-in/a").startswith("http://stand-in/a?")


@pytest.mark.both
def test_an_openid_moves_to_who_bound_it_last_with_no_consent_of_the_former(app: Flask) -> None:
    former, _ = a_borrower()
    present, _ = a_borrower()
    bound(former)
    tell("consent_given", template="T1")
    before = case_version(former)

    bound(present)

    assert states(former) == [("replaced", "TARGET_MOVED")]
    assert states(present) == [("active", None)]
    assert (credits(former), credits(present)) == ({}, {})
    assert case_version(former) > before


@pytest.mark.both
def test_two_borrowers_who_bind_one_openid_at_once_do_not_both_have_it(app: Flask) -> None:
    borrowers, gate = [a_borrower()[0] for _ in range(3)], Barrier(3)

    def one(borrower_id: str) -> None:
        with app.app_context():
            gate.wait()
            try:
                in_unit_of_work(lambda work: bind(work, borrower_id, OPENID, now=START))
            finally:
                close_session()

    close_session()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(one, borrowers))

    assert [state for each in borrowers for state, _ in states(each)].count("active") == 1


def test_another_openid_takes_the_place_of_the_first_and_may_come_back(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    bound(borrower_id)
    tell("consent_given", template="T1")

    bound(borrower_id, OTHER)
    assert states(borrower_id) == [("replaced", "TARGET_REPLACED"), ("active", None)]
    assert credits(borrower_id) == {}

    bound(borrower_id)
    assert states(borrower_id) == [("active", None), ("replaced", "TARGET_REPLACED")]


def test_binding_the_same_openid_again_keeps_its_consents(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    bound(borrower_id)
    tell("consent_given", template="T1")

    bound(borrower_id)

    assert credits(borrower_id) == {"T1": 1}
    assert states(borrower_id) == [("active", None)]


def test_unbinding_ends_it_with_its_consents(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    bound(borrower_id)
    tell("consent_given", template="T1")
    before = case_version(borrower_id)

    unbind(borrower_id, now=START)
    unbind(borrower_id, now=START)

    assert states(borrower_id) == [("replaced", "UNBOUND")]
    assert credits(borrower_id) == {}
    assert case_version(borrower_id) > before


def test_a_scanned_code_waits_for_a_yes_and_is_then_used_up(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    token = linked(borrower_id)
    before = case_version(borrower_id)

    assert tell("link", token=token) == "applied"
    assert tell("link", OTHER, token=token) == "no_change"

    assert (states(borrower_id), case_version(borrower_id)) == ([], before)
    assert not keep_code(token, "code", now=START)
    confirm(borrower_id, check_code(token, OPENID), now=START)
    assert states(borrower_id) == [("active", None)]


@pytest.mark.parametrize(
    ("answer", "goes_back"),
    [(Exchanged(raw_code="40029"), False), (Exchanged(raw_code="timeout"), False), (Exchanged(may_ask_again=True), True)],
)
def test_a_code_is_asked_about_again_only_when_it_was_surely_not_used_up(
    sqlite_book: Flask, answer: Exchanged, goes_back: bool
) -> None:
    borrower_id, _ = a_borrower()
    keep_code(linked(borrower_id), "code-1", now=START)
    platform = Platform(answer, Exchanged(OPENID))

    exchange_links(platform, now=START)
    again = exchange_links(platform, now=START + timedelta(seconds=2))

    assert again == int(goes_back)
    assert platform.asked == ["code-1"] * (1 + goes_back)
    assert waits(borrower_id) == (("pending", True) if goes_back else ("unbound", None))


def test_a_code_that_has_run_out_is_not_asked_about(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    keep_code(linked(borrower_id), "code-1", now=START)
    platform = Platform()

    exchange_links(platform, now=START + CODE_LIFE)

    assert (platform.asked, waits(borrower_id)) == ([], ("unbound", None))


def test_one_code_that_fails_does_not_hold_up_the_next(sqlite_book: Flask) -> None:
    first, second = a_borrower()[0], a_borrower()[0]
    for each in (first, second):
        keep_code(linked(each), f"code-{each}", now=START)

    class Broken(Platform):
        def openid_of(self, code: str) -> Exchanged:
            if code == f"code-{first}":
                raise RuntimeError("defect")
            return Exchanged(OPENID)

    exchange_links(Broken(), now=START)

    assert (waits(first), waits(second)) == (("waiting", False), ("pending", True))


@pytest.mark.both
def test_who_leaves_is_not_written_to_until_they_follow_again(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    bound(borrower_id)
    before = case_version(borrower_id)

    assert tell("blocked", at=START) == "applied"
    assert states(borrower_id) == [("blocked", "USER_BLOCKED")]
    assert case_version(borrower_id) > before
    assert tell("subscribed", at=START + timedelta(seconds=9)) == "applied"
    assert states(borrower_id) == [("active", "FOLLOWS")]


def test_late_news_do_not_undo_newer_ones(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    bound(borrower_id)

    tell("subscribed", at=START + timedelta(seconds=9))
    tell("blocked", at=START + timedelta(seconds=5))
    assert states(borrower_id)[0][0] == "active"

    tell("blocked", at=START + timedelta(seconds=20))
    tell("subscribed", at=START + timedelta(seconds=15))
    assert states(borrower_id)[0][0] == "blocked"


def test_the_same_news_again_changes_nothing(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    bound(borrower_id)

    assert [tell("blocked"), tell("blocked")] == ["applied", "no_change"]


def test_news_of_someone_who_is_no_borrower_are_ignored(sqlite_book: Flask) -> None:
    assert [tell("blocked", OTHER), tell("consent_given", OTHER, template="T1")] == ["ignored", "ignored"]
    borrower_id, _ = a_borrower()
    bound(borrower_id)
    assert tell("letter_returned") == "ignored"


@pytest.mark.both
def test_each_consent_is_good_for_one_message(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    bound(borrower_id)
    before = case_version(borrower_id)

    tell("consent_given", template="T1", count="1")
    tell("consent_given", template="T1", count="1")
    assert credits(borrower_id) == {"T1": 2}
    assert case_version(borrower_id) > before

    with unit_of_work() as work:
        taken = [take_credit(work, borrower_id, "T1", now=START) for _ in range(3)]
        assert not take_credit(work, borrower_id, "T2", now=START)
    assert taken == [True, True, False]
    with unit_of_work() as work:
        assert give_back(work, borrower_id, "T1", now=START)
        assert not give_back(work, borrower_id, "T2", now=START)
    assert credits(borrower_id) == {"T1": 1}


@pytest.mark.both
def test_many_claims_at_once_take_no_more_than_there_are(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    with unit_of_work() as work:
        accept(work, borrower_id, "T1", now=START, count=3)
    gate = Barrier(6)

    def one(_number: int) -> bool:
        with app.app_context():
            gate.wait()
            try:
                with unit_of_work() as work:
                    return take_credit(work, borrower_id, "T1", now=START)
            finally:
                close_session()

    close_session()
    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(one, range(6))) == 3


def test_a_refusal_holds_over_older_consents_until_the_next_yes(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    bound(borrower_id)
    tell("consent_given", template="T1")

    tell("consent_refused", template="T1", via="popup")
    assert credits(borrower_id) == {}
    with unit_of_work() as work:
        assert not take_credit(work, borrower_id, "T1", now=START)

    tell("consent_given", template="T1")
    assert credits(borrower_id) == {"T1": 2}


def test_a_refusal_in_the_platforms_settings_drops_older_consents(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    bound(borrower_id)
    tell("consent_given", template="T1")

    tell("consent_refused", template="T1", via="settings")
    tell("consent_given", template="T1")

    assert credits(borrower_id) == {"T1": 1}


def test_consents_do_not_pile_up_for_ever(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    with unit_of_work() as work:
        accept(work, borrower_id, "T1", now=START, count=999)
        refuse(work, borrower_id, "T2", now=START)

    assert credits(borrower_id) == {"T1": MOST_CREDITS}


def test_old_links_are_forgotten(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    linked(borrower_id)

    gone: dict[str, Any] = tidy(now=START + timedelta(days=2))

    assert gone["endpoint_links"] == 1


def test_the_platforms_clock_may_be_missing(sqlite_book: Flask) -> None:
    borrower_id, _ = a_borrower()
    bound(borrower_id, now=datetime(2026, 3, 2, 9, 0, tzinfo=UTC))

    assert tell("blocked", at=None) == "applied"
