"""What every answer has in common: problems, media, ids, headers, health."""

import io
import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.contextvars import get_contextvars

from app import clock, logs
from app.domain import errors
from app.persistence.db import db
from app.persistence.models.running import LeaseRow
from app.persistence.unit_of_work import unit_of_work
from app.web import request_context
from app.web.problems import CODE_OF_STATUS, PROBLEMS
from tests.builders.access import a_borrower, a_desk_key, an_ingest_key, signed_in
from tests.builders.book import build_lender
from tests.conftest import START

ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
OTP = {"phone": "+8613800138000", "installation_id": "d1"}


def test_every_domain_error_has_a_problem() -> None:
    def kinds(base: type) -> list[type]:
        return [base, *(kind for below in base.__subclasses__() for kind in kinds(below))]

    codes = {kind.code for kind in kinds(errors.DomainError)} - {errors.RefusedError.code}

    assert codes <= PROBLEMS.keys()
    assert all(PROBLEMS[code].status == status for status, code in CODE_OF_STATUS.items())


def test_a_problem_carries_the_request_id_as_its_instance(client: FlaskClient) -> None:
    answer = client.get("/v1/nothing", headers={"X-Request-Id": "trace-me-123"})

    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.json["instance"] == answer.headers["X-Request-Id"] == "trace-me-123"
    assert (answer.json["type"], answer.json["status"]) == ("/problems/not-found", 404)


@pytest.mark.parametrize("given", ["short", "with spaces in it", "+8613800138000", "x" * 65])
def test_a_request_id_that_is_malformed_or_personal_is_replaced(client: FlaskClient, given: str) -> None:
    assert client.get("/livez", headers={"X-Request-Id": given}).headers["X-Request-Id"] != given


def test_problems_speak_the_language_asked_for(client: FlaskClient) -> None:
    answer = client.get("/v1/nothing", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.1"})

    assert answer.headers["Content-Language"] == "zh-CN"
    assert (answer.json["title"], answer.json["code"]) == ("未找到", "not-found")


@pytest.mark.parametrize(
    ("header", "spoken"),
    [
        ("zh-Hans-CN,en-CN;q=0.9", "zh-CN"),  # what an iPhone set to Chinese sends
        ("zh-Hant-TW", "zh-CN"),
        ("zh", "zh-CN"),
        ("en-GB,zh-CN;q=0.9", "en"),
        ("fr-FR,zh-Hans;q=0.5", "zh-CN"),
        ("zh;q=0,en;q=0.1", "en"),
        ("fr", "en"),
        ("*", "en"),
        (";;,=q", "en"),
    ],
)
def test_an_accept_language_is_met_by_its_language_whatever_its_script_and_region(
    client: FlaskClient, header: str, spoken: str
) -> None:
    assert client.get("/v1/nothing", headers={"Accept-Language": header}).headers["Content-Language"] == spoken


def test_any_language_means_the_stored_one(client: FlaskClient) -> None:
    headers = signed_in(a_borrower(locale="zh-CN")[0])

    assert client.get("/v1/me", headers={**headers, "Accept-Language": "*"}).headers["Content-Language"] == "zh-CN"


def test_the_stored_preference_counts_when_no_language_is_asked_for(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(locale="zh-CN")

    answer = client.get("/v1/me", headers=signed_in(borrower_id))

    assert answer.headers["Content-Language"] == "zh-CN"


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [("/v1/auth/otp", "GET", {"POST"}), ("/v1/me", "OPTIONS", {"GET", "HEAD"}), ("/v1/me", "TRACE", {"GET", "HEAD"})],
)
def test_a_method_outside_the_route_is_405_with_allow(
    client: FlaskClient, path: str, method: str, allowed: set[str]
) -> None:
    answer = client.open(path, method=method)

    assert (answer.status_code, answer.json["code"]) == (405, "method-not-allowed")
    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", None]
)
def test_a_body_that_is_not_json_in_utf8_is_415(client: FlaskClient, content_type: str | None) -> None:
    answer = client.post("/v1/auth/otp", data=b'{"phone": "x"}', content_type=content_type)

    assert (answer.status_code, answer.json["code"]) == (415, "unsupported-media-type")


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=0.9", "application/json;q=0"])
def test_an_accept_that_cannot_be_met_is_406(client: FlaskClient, accept: str) -> None:
    answer = client.get("/v1/me", headers={"Accept": accept, **signed_in(a_borrower()[0])})

    assert (answer.status_code, answer.json["code"]) == (406, "not-acceptable")


@pytest.mark.parametrize("body", [b"{", b"", b'{"a": NaN}', b'"\xff"', b'{"phone": "\\ud800"}'])
def test_a_body_that_is_no_json_is_400(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/v1/auth/otp", data=body, content_type="application/json")

    assert (answer.status_code, answer.json["code"]) == (400, "malformed-json")


@pytest.mark.parametrize("body", ["[]", '"text"', "1", "null"])
def test_a_body_that_is_no_object_is_422(client: FlaskClient, body: str) -> None:
    assert client.post("/v1/auth/otp", data=body, content_type="application/json").status_code == 422


def test_an_unknown_field_is_named(client: FlaskClient) -> None:
    answer = client.post("/v1/auth/otp", json={**OTP, "admin": True})

    assert answer.status_code == 422
    assert answer.json["errors"] == [{"pointer": "/admin", "code": "unknown-field", "detail": "Unknown field."}]


def test_of_many_wrong_fields_the_first_hundred_are_named(client: FlaskClient) -> None:
    answer = client.post("/v1/auth/otp", json={**OTP, **{f"field{n}": 1 for n in range(5000)}})

    assert answer.status_code == 422
    assert len(answer.json["errors"]) == 100


def test_an_unknown_or_malformed_query_parameter_is_named(client: FlaskClient) -> None:
    headers = signed_in(a_borrower()[0])

    unknown = client.get("/v1/me/loans?page=2", headers=headers)

    assert [e["pointer"] for e in unknown.json["errors"]] == ["/query/page"]
    for limit in ("101", "0", "-1", "1_0", "%2B5", "１０", "%2010", "1.0", "9" * 3000, ""):
        wrong = client.get(f"/v1/me/loans?limit={limit}", headers=headers)
        assert [e["pointer"] for e in wrong.json["errors"]] == ["/query/limit"], limit


def test_what_is_not_asked_for_is_named_with_what_may_be_meant(client: FlaskClient) -> None:
    near = client.get("/v1/me/loans?limt=2", headers=signed_in(a_borrower()[0])).json["errors"]
    field = client.post("/v1/auth/otp", json={**OTP, "fone": 1}).json["errors"]

    assert near == [{"pointer": "/query/limt", "code": "unknown-field", "detail": "Unknown field. Did you mean limit?"}]
    assert field == [{"pointer": "/fone", "code": "unknown-field", "detail": "Unknown field. Did you mean phone?"}]


def test_no_route_ignores_a_query_parameter_it_does_not_know(client: FlaskClient, app: Flask) -> None:
    lender = build_lender(now=START)
    headers = {
        "borrower": signed_in(a_borrower()[0]),
        "ingest": an_ingest_key(lender),
        "desk": a_desk_key(lender),
        "public": {},
    }
    doors = app.extensions["duecourse.doors"]
    values = {"loan_no": "L-1", "borrower_no": "B-1", "installation_id": "d1", "version_no": 1}
    answers = {}
    for rule in app.url_map.iter_rules():
        door = rule.endpoint.rpartition(".")[0]
        if door in ("", "health", "pages", "pay", "callbacks", "unsubscribe", "console", "console_entry", "bulletin_pages"):
            # providers and mail programs add theirs; a page is opened from links that carry something of their own
            continue
        _, path = rule.build({name: values.get(name, ID) for name in rule.arguments})
        for method in rule.methods - {"OPTIONS"}:
            body = {"json": {}} if method in ("POST", "PUT") else {}
            answer = client.open(f"{path}?as_off=2020-01-01", method=method, headers=headers[doors[door].audience], **body)
            errors = (answer.json or {}).get("errors", []) if method != "HEAD" else [{"pointer": "/query/as_off"}]
            answers[method, rule.rule] = (answer.status_code, "/query/as_off" in [error["pointer"] for error in errors])

    assert len(answers) > 40
    assert {route: given for route, given in answers.items() if given != (422, True)} == {}


def test_a_route_without_query_parameters_says_so(client: FlaskClient) -> None:
    headers = signed_in(a_borrower()[0])

    answer = client.get(f"/v1/me/loans/{ID}/schedule?as_of=2020-01-01", headers=headers)

    detail = "Unknown field. Nothing is asked for in the query here."
    assert answer.json["errors"] == [{"pointer": "/query/as_of", "code": "unknown-field", "detail": detail}]
    assert client.get("/v1/me?", headers=headers).status_code == 200
    assert client.options("/v1/me?as_of=1").status_code == 405


def test_a_probe_may_add_what_it_likes_to_its_query(client: FlaskClient) -> None:
    assert client.get("/livez?probe=7").status_code == 200


def test_a_body_over_one_mebibyte_is_413(client: FlaskClient) -> None:
    answer = client.post("/v1/auth/otp", data=b" " * (1024 * 1024 + 1), content_type="application/json")

    assert (answer.status_code, answer.json["code"]) == (413, "payload-too-large")


def test_a_body_without_a_length_over_one_mebibyte_is_413_too(client: FlaskClient) -> None:
    body = json.dumps(OTP).encode() + b" " * 1024 * 1024

    answer = client.post(
        "/v1/auth/otp",
        input_stream=io.BytesIO(body),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert (answer.status_code, answer.json["code"]) == (413, "payload-too-large")


def test_a_request_leaves_nothing_of_itself_to_what_the_thread_logs_next(client: FlaskClient) -> None:
    client.get("/livez", headers={"X-Request-Id": "line-0001"})

    assert get_contextvars() == {}


def test_an_unexpected_error_is_generic(client: FlaskClient, app: Flask) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)
    view = app.view_functions["profile.get_me"]

    def broken() -> None:
        raise KeyError("+8613800138000")

    app.view_functions["profile.get_me"] = broken
    try:
        answer = client.get("/v1/me", headers=headers)
    finally:
        app.view_functions["profile.get_me"] = view

    assert (answer.status_code, answer.json["code"]) == (500, "internal")
    assert "8613800138000" not in answer.text


def test_every_answer_carries_the_security_headers(client: FlaskClient) -> None:
    for answer in (
        client.get("/livez"),
        client.get("/problems/internal"),
        client.get("/v1/nothing"),
        client.get("/v1/me"),
        client.open("/v1/me", method="TRACE"),
        client.post("/v1/auth/otp", data="{", content_type="application/json"),
        client.post("/v1/auth/otp", json=OTP),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_reads_of_one_session_are_limited_per_process(client: FlaskClient, app: Flask) -> None:
    from app.web.rate_limit import ReadLimit

    kept = app.extensions["duecourse.read_limit"]
    app.extensions["duecourse.read_limit"] = ReadLimit(per_second=0.001, burst=2)
    headers = signed_in(a_borrower()[0])
    try:
        answers = [client.get("/v1/me", headers=headers) for _ in range(3)]
    finally:
        app.extensions["duecourse.read_limit"] = kept

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 900


def test_health_says_only_ok_or_not(client: FlaskClient) -> None:
    assert client.get("/livez").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok"}


def test_an_installation_whose_engine_is_silent_is_not_ready(client: FlaskClient) -> None:
    with unit_of_work() as work:
        work.session.add(LeaseRow(name="engine:test", owner="gone", fence=1, expires_at=START))

    answer = client.get("/readyz")

    assert clock.system_now() > START
    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "maintenance", "5")


def test_metrics_name_routes_by_their_template(client: FlaskClient) -> None:
    from prometheus_client import generate_latest

    from app.persistence.ids import new_id

    loan_id = new_id()
    client.get(f"/v1/me/loans/{loan_id}/balance", headers=signed_in(a_borrower()[0]))

    text = generate_latest().decode()
    assert 'route="/v1/me/loans/<id:loan_id>/balance"' in text
    assert loan_id not in text


def test_the_metrics_server_answers_on_loopback() -> None:
    from urllib.request import urlopen

    from app.web.health import serve_metrics

    server, thread = serve_metrics(0)
    try:
        with urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
            assert b"duecourse_requests_total" in answer.read()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_problem_pages_explain_each_code(client: FlaskClient) -> None:
    for code, problem in PROBLEMS.items():
        page = client.get(f"/problems/{code}")
        assert page.status_code == 200
        assert page.content_type == "text/html; charset=utf-8"
        assert problem.zh.title in page.text
    assert client.get("/problems/what").status_code == 404


def test_the_database_being_away_is_503_with_retry_after(client: FlaskClient, app: Flask) -> None:
    from sqlalchemy.exc import OperationalError

    view = app.view_functions["health.live"]

    def broken() -> None:
        raise OperationalError("SELECT 1", None, Exception("gone"))

    app.view_functions["health.live"] = broken
    try:
        answer = client.get("/livez")
    finally:
        app.view_functions["health.live"] = view

    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "maintenance", "5")
    assert db.engine is not None


def test_the_access_log_has_one_line_per_request_with_the_route_and_the_reason(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    logs.configure("INFO", written)
    monkeypatch.setattr(request_context, "_log", logs.logger())  # the old one keeps the stream it first wrote to
    try:
        client.get("/v1/me", headers={"X-Request-Id": "line-0001", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    finally:
        logs.configure("INFO")

    (line,) = [json.loads(text) for text in written.getvalue().splitlines()]
    assert (line["event"], line["method"], line["route"], line["status"]) == ("request", "GET", "/v1/me", 401)
    assert (line["request_id"], line["trace_id"], line["problem"]) == ("line-0001", "a" * 32, "unauthenticated")
