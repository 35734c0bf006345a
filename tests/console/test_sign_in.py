"""Signing in to the console without script: invitation, password, code, and back to where one wanted to go."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import clock
from app.factory import create_app
from app.persistence.db import db
from app.persistence.models.staff import StaffSessionRow
from app.persistence.unit_of_work import unit_of_work
from app.services import staff
from app.services.staff_factors import STEP, code_at
from app.services.staff_sessions import IDLE
from app.web.auth import POLL
from tests.builders.book import build_lender
from tests.builders.desk import a_seat
from tests.builders.staff import PASSWORD, Colleague, a_colleague
from tests.conftest import START, make_settings

COOKIE = "__Host-duecourse_desk"


@pytest.fixture
def browser(sqlite_book: Flask) -> FlaskClient:
    return sqlite_book.test_client()


def hidden(answer: TestResponse) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', answer.text))


def first_step(browser: FlaskClient, who: Colleague, after: str = "/desk", **changes: str) -> TestResponse:
    form = hidden(browser.get(f"/desk/sign-in?next={after}"))
    return browser.post("/desk/sign-in", data={**form, "email": who.email, "password": who.password, **changes})


def signed_in(browser: FlaskClient, who: Colleague, after: str = "/desk", steps: int = 0) -> TestResponse:
    second = first_step(browser, who, after)
    return browser.post("/desk/sign-in/code", data={**hidden(second), "code": who.code(START + steps * STEP)})


def token_of(browser: FlaskClient) -> str:
    cookie = browser.get_cookie(COOKIE)
    assert cookie is not None
    return cookie.value


def knows(app: Flask, token: str) -> bool:
    answer = app.test_client().get("/v1/desk/me", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code == 200


def test_a_password_and_a_code_lead_to_the_page_one_came_for(browser: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))

    second = first_step(browser, who, "/desk/profile")
    assert "one-time-code" in second.text
    answer = browser.post("/desk/sign-in/code", data={**hidden(second), "code": who.code(START)})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/profile")
    (cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith(COOKIE)]
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert who.name in browser.get("/desk/profile").text


@pytest.mark.parametrize(
    "after",
    [
        "//evil.example",
        "https://evil.example",
        "/desk//evil.example",
        "/desk\\evil",
        "/v1/me",
        "/desk/sign-out",
        "/desk/x\r\nX: y",
        "/desk/" + "a" * 500,
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(browser: FlaskClient, after: str) -> None:
    who = a_colleague(build_lender(now=START))
    second = first_step(browser, who)

    answer = browser.post("/desk/sign-in/code", data={**hidden(second), "next": after, "code": who.code(START)})

    assert answer.headers.get("Location", "/desk") == "/desk"


def test_a_wrong_password_and_an_unknown_address_show_the_same_page(browser: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))

    wrong = first_step(browser, who, password="wrong one")
    unknown = first_step(browser, who, email="nobody@example.test")

    assert wrong.status_code == unknown.status_code == 422
    assert re.sub(r'value="[^"]*"', "", wrong.text) == re.sub(r'value="[^"]*"', "", unknown.text)
    assert "wrong one" not in wrong.text
    assert "do not fit" in wrong.text


def test_a_wrong_code_asks_again_and_a_late_one_begins_anew(browser: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    second = first_step(browser, who)

    again = browser.post("/desk/sign-in/code", data={**hidden(second), "code": "000000"})
    assert (again.status_code, hidden(again)["challenge"]) == (422, hidden(second)["challenge"])
    clock.use(lambda: START + timedelta(minutes=6))
    late = browser.post("/desk/sign-in/code", data={**hidden(second), "code": who.code(START)})
    assert (late.status_code, 'name="password"' in late.text) == (422, True)


def test_the_first_admin_signs_up_by_the_link_of_the_command(sqlite_book: Flask, browser: FlaskClient) -> None:
    build_lender(now=START)
    made = sqlite_book.test_cli_runner().invoke(
        args=["staff", "create-admin", "--lender", "acme", "--name", "Li Na", "--email", "li.na@example.test"]
    )
    path, token = made.output.split()[-1].split("#")
    assert path.endswith("/desk/invitations")

    opened = browser.post("/desk/invitations", data={**hidden(browser.get("/desk/invitations")), "token": token})
    assert "<svg" in opened.text
    secret = "".join(re.findall(r"<code>([A-Z2-7 ]+)</code>", opened.text)).replace(" ", "")
    form = {**hidden(opened), "password": PASSWORD, "password_again": PASSWORD, "code": code_at(secret, START)}
    differ = browser.post("/desk/invitations/accept", data={**form, "password_again": "another one"})
    assert (differ.status_code, "differ" in differ.text) == (422, True)
    done = browser.post("/desk/invitations/accept", data={**form, "locale": "zh-CN"})
    codes = re.findall(r"<code>([a-z2-7-]{27})</code>", done.text)
    assert len(codes) == 10
    assert done.headers["Cache-Control"] == "no-store"
    who = Colleague("", "Li Na", "li.na@example.test", secret, codes)
    assert signed_in(browser, who, steps=1).status_code == 303
    assert "员工" in browser.get("/desk/staff").text
    spent = browser.post("/desk/invitations", data={"token": token})
    assert (spent.status_code, "<svg" in spent.text) == (422, False)


def test_a_token_of_an_invitation_is_in_no_address(browser: FlaskClient) -> None:
    rules = {rule.rule for rule in browser.application.url_map.iter_rules() if "invitation" in rule.rule}

    assert rules
    assert all("<" not in rule for rule in rules)


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_a_sign_in_that_another_site_sends_is_refused(browser: FlaskClient, headers: dict[str, str]) -> None:
    who = a_colleague(build_lender(now=START))

    answer = browser.post("/desk/sign-in", data={"email": who.email, "password": who.password}, headers=headers)

    assert answer.status_code == 403


def test_signing_out_ends_the_session_at_once(browser: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    signed_in(browser, who)
    token = token_of(browser)
    assert knows(browser.application, token)

    answer = browser.post("/desk/sign-out", data=hidden(browser.get("/desk/profile")))

    assert answer.headers["Location"] == "/desk/sign-in"
    assert browser.get_cookie(COOKIE) is None
    assert not knows(browser.application, token)


def test_a_session_idles_out_and_a_page_that_polls_does_not_keep_it(browser: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    signed_in(browser, who)

    for minutes in (10, 20, 29):
        at = START + timedelta(minutes=minutes)
        clock.use(lambda at=at: at)  # type: ignore[misc]
        assert browser.get("/desk/profile", headers={POLL: "1"}).status_code == 200
    clock.use(lambda: START + IDLE)
    assert browser.get("/desk/profile").headers["Location"].startswith("/desk/sign-in")


def test_a_session_in_use_ends_after_twelve_hours(browser: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    signed_in(browser, who)

    for quarter in range(1, 48):
        at = START + timedelta(minutes=15 * quarter)
        clock.use(lambda at=at: at)  # type: ignore[misc]
        assert browser.get("/desk/profile").status_code == 200
    clock.use(lambda: START + timedelta(hours=12))
    assert browser.get("/desk/profile").status_code == 303


def test_a_moved_book_clock_throws_nobody_out(browser: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    signed_in(browser, who)

    clock.use(lambda: START + timedelta(days=40), machine=lambda: START + STEP)

    assert browser.get("/desk/profile").status_code == 200
    assert signed_in(browser.application.test_client(), who, steps=1).status_code == 303


def test_who_is_signed_in_need_not_sign_in(browser: FlaskClient) -> None:
    signed_in(browser, a_colleague(build_lender(now=START)))

    assert browser.get("/desk/sign-in?next=/desk/profile").headers["Location"] == "/desk/profile"


def test_a_fresh_code_renews_the_proof_under_a_new_token(browser: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    signed_in(browser, who)
    before = token_of(browser)
    at = START + timedelta(minutes=11)
    clock.use(lambda: at)
    form = hidden(browser.get("/desk/profile"))
    asked = browser.post("/desk/profile/recovery-codes", data=form, headers={"Referer": "http://localhost/desk/profile"})
    assert asked.headers["Location"] == "/desk/proof?next=/desk/profile"

    proof = hidden(browser.get(asked.headers["Location"]))
    assert browser.post("/desk/proof", data={**proof, "code": "000000"}).status_code == 422
    done = browser.post("/desk/proof", data={**proof, "code": who.code(at)})

    assert done.headers["Location"] == "/desk/profile"
    assert token_of(browser) != before
    assert not knows(browser.application, before)
    codes = browser.post("/desk/profile/recovery-codes", data=form).text
    assert len(re.findall(r"<code>([a-z2-7-]{27})</code>", codes)) == 10
    assert browser.post("/desk/proof", data={**proof, "code": who.code(at)}).status_code == 422


def test_language_and_password_are_kept_on_the_profile(sqlite_book: Flask, browser: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    other = sqlite_book.test_client()
    signed_in(browser, who)
    signed_in(other, who, steps=1)
    form = hidden(browser.get("/desk/profile"))
    change = {**form, "password": who.password, "new_password": "eight loud magpies"}

    wrong = {**change, "password": "wrong one", "new_password_again": "eight loud magpies"}
    assert browser.post("/desk/profile/password", data=wrong).status_code == 422
    assert browser.post("/desk/profile/password", data={**change, "new_password_again": "nine"}).status_code == 422
    assert other.get("/desk/profile").status_code == 200
    done = browser.post("/desk/profile/password", data={**change, "new_password_again": "eight loud magpies"})
    assert done.status_code == 303
    assert other.get("/desk/profile").status_code == 303
    assert browser.post("/desk/profile/language", data={**form, "locale": "zh-CN"}).status_code == 303
    assert '<html lang="zh-CN">' in browser.get("/desk/profile").text


def test_one_ends_one_s_own_sessions_and_nobody_else_s(sqlite_book: Flask, browser: FlaskClient) -> None:
    lender_id = build_lender(now=START)
    who, stranger = a_colleague(lender_id), a_seat(sqlite_book, lender_id)
    signed_in(browser, who)
    other = sqlite_book.test_client()
    signed_in(other, who, steps=1)
    form = hidden(browser.get("/desk/profile"))
    theirs = db.session().scalar(select(StaffSessionRow.id).where(StaffSessionRow.staff_id == stranger.staff_id))
    db.session.remove()

    assert browser.post(f"/desk/profile/sessions/{theirs}/end", data=form).status_code == 404
    (mine,) = re.findall(r"/desk/profile/sessions/([0-9a-f-]{36})/end", browser.get("/desk/profile").text)
    assert browser.post(f"/desk/profile/sessions/{mine}/end", data=form).status_code == 303
    assert other.get("/desk/profile").status_code == 303


def test_who_works_for_two_lenders_goes_on_at_the_other(sqlite_book: Flask, browser: FlaskClient) -> None:
    who = a_colleague(build_lender(now=START))
    other = build_lender(code="harbour", now=START)
    with unit_of_work() as work:
        new = staff.NewMember(who.name, who.email, "compliance")
        staff.invite(work, other, new, manager=staff.Manager("operator:test"), now=START)
    signed_in(browser, who)
    before = token_of(browser)

    answer = browser.post("/desk/profile/lender", data={**hidden(browser.get("/desk/profile")), "lender": "harbour"})

    assert answer.status_code == 303
    assert not knows(sqlite_book, before)
    me = browser.get("/v1/desk/me", headers={"Authorization": f"Bearer {token_of(browser)}"}).json
    assert (me["lender"], me["role"], me["lenders"]) == ("harbour", "compliance", ["acme", "harbour"])


def test_public_pages_load_only_their_own_and_speak_the_browser_s_language(browser: FlaskClient) -> None:
    for path in ("/desk/sign-in", "/desk/invitations"):
        answer = browser.get(path, headers={"Accept-Language": "zh-CN"})
        assert answer.status_code == 200
        assert '<html lang="zh-CN">' in answer.text
        assert not re.search(r"<script(?![^>]*\bsrc=)| style=| on\w+=", answer.text)
        assert answer.text.count("<h1>") == 1


def test_the_sandbox_s_cookie_is_of_the_desk_alone_and_needs_no_https(tmp_path: Path) -> None:
    app = create_app(make_settings(f"sqlite:///{tmp_path}/x.db", tmp_path, mode="sandbox"))

    with app.app_context():
        clock.use(lambda: START)
        who = a_colleague(build_lender(now=START))
        answer = signed_in(app.test_client(), who)
        db.session.remove()
        db.engine.dispose()
    clock.use(clock.system_now)

    (cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith("duecourse_desk")]
    assert {"HttpOnly", "SameSite=Strict", "Path=/desk"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
