"""Binding WeChat through the API, with the platform's stand-in at the other end."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.channels.wechat.encryption import MessageKey
from app.channels.wechat.posts import read_post
from app.domain.deliveries import EndpointEvent
from app.domain.wechat_links import check_code, token_of_scene
from app.persistence.ids import new_id
from app.persistence.models.deliveries import ProviderTemplateRow
from app.persistence.unit_of_work import unit_of_work
from app.sandbox.stand_in.wechat import ENCODING_AES_KEY
from app.services.wechat_accounts import apply_event, bind
from tests.builders.access import a_borrower, fresh_client, signed_in
from tests.builders.wechat import APP_ID, OPENID, SECONDS, a_post, an_entry, an_event
from tests.conftest import START

BACK = "/v1/callbacks/wechat-link"


@pytest.fixture
def wechat(app: Flask) -> Any:
    """The app with a WeChat account configured."""
    plain = app.config["SETTINGS"]
    app.config["SETTINGS"] = replace(plain, providers={"wechat": (an_entry(),)}, public_url="https://api.lender.example")
    yield app
    app.config["SETTINGS"] = plain


def a_template(code: str, **changes: Any) -> None:
    given: dict[str, Any] = {
        "id": new_id(), "channel": "wechat", "provider": "wechat", "template": f"about_{code}", "locale": "zh-CN",
        "template_version": 1, "code": code, "fields": {}, "is_one_time": True, "state": "approved", "by": "t",
        "changed_at": START,
    }  # fmt: skip
    with unit_of_work() as work:
        work.session.add(ProviderTemplateRow(**{**given, **changes}))


def shown(client: FlaskClient, headers: dict[str, str]) -> dict[str, Any]:
    answer = client.get("/v1/me/wechat", headers=headers)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json
    return body


def test_a_link_is_made_opened_and_waits_for_the_engine(wechat: Flask, client: FlaskClient) -> None:
    headers = signed_in(a_borrower()[0])
    assert shown(client, headers)["state"] == "unbound"

    made = client.post("/v1/me/wechat/links", headers=headers)

    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    query = {name: values[0] for name, values in parse_qs(urlsplit(made.json["url"]).query).items()}
    assert (query["appid"], query["redirect_uri"]) == (APP_ID, f"https://api.lender.example{BACK}")
    assert query["state"] == token_of_scene(made.json["scene"])
    assert shown(client, headers)["link_expires_at"] == made.json["expires_at"] == "2026-03-02T09:10:00Z"

    back = fresh_client(wechat).get(BACK, query_string={"code": "code.1", "state": query["state"]})
    number = check_code(query["state"], "code.1")
    assert (back.status_code, back.json) == (200, {"state": "waiting", "check_code": number})
    assert shown(client, headers)["state"] == "waiting"
    assert shown(client, headers)["pending"] == {
        "check_code": number,
        "opened_at": "2026-03-02T09:00:00Z",
        "confirm_until": "2026-03-02T09:15:00Z",
        "is_ready": False,
    }
    assert shown(client, headers)["link_expires_at"] is None
    again = fresh_client(wechat).get(BACK, query_string={"code": "code.2", "state": query["state"]})
    assert (again.status_code, again.json["code"]) == (409, "conflict")


@pytest.mark.parametrize(("language", "good", "bad"), [("en", "Thank you", "not good"), ("zh-CN", "谢谢", "已失效")])
def test_a_person_in_wechat_sees_a_page(wechat: Flask, client: FlaskClient, language: str, good: str, bad: str) -> None:
    headers = signed_in(a_borrower()[0])
    state = token_of_scene(client.post("/v1/me/wechat/links", headers=headers).json["scene"])
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": language}

    first = fresh_client(wechat).get(BACK, query_string={"code": "c", "state": state}, headers=browser)
    second = fresh_client(wechat).get(BACK, query_string={"code": "c", "state": state}, headers=browser)

    assert (first.status_code, first.content_type) == (200, "text/html; charset=utf-8")
    assert good in first.text
    assert check_code(state, "c") in first.text
    assert check_code(state, "c") not in second.text
    assert (second.status_code, bad in second.text) == (409, True)
    assert first.headers["Cache-Control"] == "no-store"
    assert first.headers["Referrer-Policy"] == "no-referrer"
    assert not re.search("<script|<link|<img", first.text)


@pytest.mark.parametrize("query", [{}, {"code": "c"}, {"state": "ab" * 28}, {"code": "c", "state": "../x"}])
def test_what_did_not_come_from_a_link_is_refused(wechat: Flask, client: FlaskClient, query: dict[str, str]) -> None:
    assert client.get(BACK, query_string=query).status_code == 422


def test_only_the_newest_link_is_good_and_they_are_counted(wechat: Flask, client: FlaskClient) -> None:
    headers = signed_in(a_borrower()[0])
    first = token_of_scene(client.post("/v1/me/wechat/links", headers=headers).json["scene"])
    client.post("/v1/me/wechat/links", headers=headers)

    assert client.get(BACK, query_string={"code": "c", "state": first}).status_code == 409
    statuses = [client.post("/v1/me/wechat/links", headers=headers).status_code for _ in range(19)]
    assert statuses == [201] * 18 + [429]


def test_without_an_account_there_are_no_links(app: Flask, client: FlaskClient) -> None:
    headers = signed_in(a_borrower()[0])

    refused = client.post("/v1/me/wechat/links", headers=headers)

    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert shown(client, headers)["is_available"] is False


def test_consents_that_may_be_asked_for_are_listed_once_bound(wechat: Flask, client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)
    for code, changes in (("T1", {}), ("T2", {}), ("T3", {"state": "submitted"}), ("T4", {"is_one_time": False})):
        a_template(code, **changes)
    assert shown(client, headers)["templates"] == []
    with unit_of_work() as work:
        bind(work, borrower_id, OPENID, now=START)
    for kind, detail in (("consent_given", {"template": "T1"}), ("consent_refused", {"template": "T2", "via": "popup"})):
        with unit_of_work() as work:
            apply_event(work, EndpointEvent(kind, "wechat", "openid", OPENID, kind, detail=detail, at=START), now=START)

    body = shown(client, headers)

    assert (body["is_available"], body["state"], body["since"]) == (True, "active", "2026-03-02T09:00:00Z")
    listed = [(each["template_id"], each["credits"], each["is_refused"]) for each in body["templates"]]
    assert listed == [("T1", 1, False), ("T2", 0, True)]
    assert OPENID not in str(body)


def test_another_borrower_sees_nothing_of_it_and_unbinding_ends_it(wechat: Flask, client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    mine, theirs = signed_in(borrower_id), signed_in(a_borrower()[0])
    with unit_of_work() as work:
        bind(work, borrower_id, OPENID, now=START)

    assert client.delete("/v1/me/wechat", headers=theirs).status_code == 204
    assert (shown(client, theirs)["state"], shown(client, mine)["state"]) == ("unbound", "active")

    assert client.delete("/v1/me/wechat", headers=mine).status_code == 204
    assert client.delete("/v1/me/wechat", headers=mine).status_code == 204
    assert shown(client, mine)["state"] == "unbound"


def test_a_link_that_ran_out_is_not_shown(wechat: Flask, client: FlaskClient, set_clock: Any) -> None:
    borrower_id, _ = a_borrower()
    client.post("/v1/me/wechat/links", headers=signed_in(borrower_id))

    later = START + timedelta(minutes=10)
    set_clock(later)

    assert shown(client, signed_in(borrower_id, now=later))["link_expires_at"] is None


def test_nobody_binds_without_a_sign_in(wechat: Flask, client: FlaskClient) -> None:
    assert [
        client.get("/v1/me/wechat").status_code,
        client.post("/v1/me/wechat/links").status_code,
        client.post("/v1/me/wechat/confirm", json={"check_code": "000000"}).status_code,
        client.post("/v1/me/wechat/refuse", json={"check_code": "000000"}).status_code,
        client.delete("/v1/me/wechat").status_code,
    ] == [401] * 5


def test_without_an_address_of_our_own_there_are_no_links(wechat: Flask, client: FlaskClient) -> None:
    wechat.config["SETTINGS"] = replace(wechat.config["SETTINGS"], public_url=None)

    assert client.post("/v1/me/wechat/links", headers=signed_in(a_borrower()[0])).status_code == 409


def post(client: FlaskClient, xml: str, *, encrypted: bool = True, nonce: str = "1") -> tuple[int, bytes]:
    """Post what the platform would; return status and body."""
    at = int(clock.system_now().timestamp())
    request = a_post(xml, encrypted=encrypted, at=at, nonce=nonce)
    answer = client.post(
        "/v1/callbacks/wechat", query_string=dict(request.query), data=request.body, content_type="text/xml"
    )
    return answer.status_code, answer.data


def test_what_the_platform_posts_reaches_the_account(wechat: Flask, client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)
    a_template("T1")
    scene = client.post("/v1/me/wechat/links", headers=headers).json["scene"]
    consent = (
        "<SubscribeMsgPopupEvent><List><TemplateId>T1</TemplateId><SubscribeStatusString>accept</SubscribeStatusString>"
        "</List></SubscribeMsgPopupEvent>"
    )

    assert post(client, an_event("subscribe", f"<EventKey>qrscene_{scene}</EventKey>"))[0] == 200
    assert shown(client, headers)["state"] == "pending"
    post(client, an_event("subscribe_msg_popup_event", consent, at=SECONDS - 9))  # of an account that is nobody's yet
    number = shown(client, headers)["pending"]["check_code"]
    assert client.post("/v1/me/wechat/confirm", json={"check_code": number}, headers=headers).json["state"] == "active"
    assert [each["credits"] for each in shown(client, headers)["templates"]] == [0]

    for _ in range(2):  # the platform sends again what it thinks was lost
        post(client, an_event("subscribe_msg_popup_event", consent), nonce="2")
    assert [each["credits"] for each in shown(client, headers)["templates"]] == [1]

    at = int(clock.system_now().timestamp())
    post(client, an_event("unsubscribe", at=at + 2), nonce="3")
    assert shown(client, headers)["state"] == "blocked"
    post(client, an_event("subscribe", at=at + 1), nonce="4")
    assert shown(client, headers)["state"] == "blocked"
    post(client, an_event("subscribe", at=at + 3), nonce="5")
    assert shown(client, headers)["state"] == "active"


def test_a_plain_post_changes_no_account_and_a_forged_one_is_refused(wechat: Flask, client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    with unit_of_work() as work:
        bind(work, borrower_id, OPENID, now=START)

    assert post(client, an_event("unsubscribe"), encrypted=False) == (200, b"success")
    assert shown(client, signed_in(borrower_id))["state"] == "active"

    forged = client.post("/v1/callbacks/wechat?timestamp=1&nonce=1&signature=0", data=b"<xml/>", content_type="text/xml")
    assert (forged.status_code, forged.json["code"]) == (403, "forbidden")


def opened(client: FlaskClient, headers: dict[str, str], openid: str = OPENID, nonce: str = "1") -> str:
    """Make a link, have it scanned and return the number to compare."""
    scene = client.post("/v1/me/wechat/links", headers=headers).json["scene"]
    assert post(client, an_event("SCAN", f"<EventKey>{scene}</EventKey>", openid=openid), nonce=nonce)[0] == 200
    return check_code(token_of_scene(scene), openid)


def say(client: FlaskClient, what: str, number: str, headers: dict[str, str]) -> tuple[int, Any]:
    answer = client.post(f"/v1/me/wechat/{what}", json={"check_code": number}, headers=headers)
    return answer.status_code, answer.json


def test_what_opened_the_link_is_bound_by_the_borrowers_yes_said_once_or_twice(wechat: Flask, client: FlaskClient) -> None:
    headers = signed_in(a_borrower()[0])
    number = opened(client, headers)
    assert shown(client, headers)["pending"]["is_ready"] is True

    first, second = (say(client, "confirm", number, headers) for _ in range(2))

    assert first == second
    assert (first[0], first[1]["state"], first[1]["pending"]) == (200, "active", None)
    status, body = say(client, "refuse", number, headers)
    assert (status, body["code"], body["detail"]) == (409, "conflict", "The account was confirmed; unbind it instead.")
    assert shown(client, headers)["state"] == "active"


def test_what_is_refused_is_forgotten_and_cannot_be_confirmed_after(wechat: Flask, client: FlaskClient) -> None:
    headers = signed_in(a_borrower()[0])
    number = opened(client, headers)

    answers = [say(client, "refuse", number, headers) for _ in range(2)]

    assert [(status, body["state"], body["pending"]) for status, body in answers] == [(200, "unbound", None)] * 2
    status, body = say(client, "confirm", number, headers)
    assert (status, body["detail"]) == (409, "The account was refused; make a new link.")
    assert shown(client, headers)["state"] == "unbound"


def test_another_account_that_waits_leaves_the_bound_one_until_the_yes(wechat: Flask, client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)
    with unit_of_work() as work:
        bind(work, borrower_id, OPENID, now=START)

    number = opened(client, headers, "oStranger")

    body = shown(client, headers)
    assert (body["state"], body["pending"]["check_code"]) == ("active", number)
    assert say(client, "refuse", number, headers)[1]["state"] == "active"


def test_nobody_answers_for_another_and_no_number_is_guessed_into_a_yes(wechat: Flask, client: FlaskClient) -> None:
    mine, theirs = signed_in(a_borrower()[0]), signed_in(a_borrower()[0])
    number = opened(client, mine)
    wrong = f"{(int(number) + 1) % 1_000_000:06d}"

    for what in ("confirm", "refuse"):
        assert say(client, what, number, theirs)[0] == 409
        assert say(client, what, wrong, mine)[0] == 409
        assert say(client, what, "12345", mine)[0] == 422
    assert shown(client, mine)["state"] == "pending"


def test_a_yes_that_comes_after_a_quarter_of_an_hour_is_too_late(wechat: Flask, client: FlaskClient, set_clock: Any) -> None:
    borrower_id, _ = a_borrower()
    number = opened(client, signed_in(borrower_id))
    later = START + timedelta(minutes=15)
    set_clock(later)
    headers = signed_in(borrower_id, now=later)

    status, body = say(client, "confirm", number, headers)

    assert (status, body["code"]) == (409, "conflict")
    assert body["detail"].startswith("The 15 minutes to confirm it are over")
    assert shown(client, headers)["state"] == "unbound"


def test_who_scans_is_shown_the_number_by_the_platform(wechat: Flask, client: FlaskClient) -> None:
    scene = client.post("/v1/me/wechat/links", headers=signed_in(a_borrower()[0])).json["scene"]

    _, body = post(client, an_event("SCAN", f"<EventKey>{scene}</EventKey>"))

    sealed = read_post(body)["Encrypt"]
    assert check_code(token_of_scene(scene), OPENID) in MessageKey.of(APP_ID, ENCODING_AES_KEY).open(sealed).decode()
