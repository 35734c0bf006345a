"""Every route of the document by every role and every other credential: what is not declared is refused."""

import re
from itertools import count
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain.permissions import PERMISSIONS, ROLES, roles_of
from app.web.rate_limit import ReadLimit
from tests.builders.access import a_borrower, a_desk_key, an_ingest_key, fresh_client, signed_in
from tests.builders.book import build_lender
from tests.builders.desk import a_seat
from tests.conftest import START
from tests.house.permissions import PAGE, staff_rules, write_page

Operation = tuple[str, str, dict[str, Any]]
_ids = count(1)


def operations(app: Flask, prefix: str) -> list[Operation]:
    """Return (method, path, description) of every operation below a prefix."""
    document = app.extensions["duecourse.api"].document()
    return [
        (method, path, operation)
        for path, item in document["paths"].items()
        if path.startswith(prefix)
        for method, operation in item.items()
    ]


def ask(client: FlaskClient, operation: Operation, headers: dict[str, str]) -> Any:
    """Ask for things that are not there, with the body of the document's example."""
    method, path, described = operation
    for parameter in described["parameters"]:
        if parameter.get("in") == "path":
            path = path.replace(f"{{{parameter['name']}}}", _nothing(parameter))
    body = described.get("requestBody", {}).get("content", {})
    content = body.get("application/json", {})
    query = {
        each["name"]: _given(each) for each in described["parameters"] if each.get("in") == "query" and each.get("required")
    }
    return client.open(
        path,
        method=method.upper(),
        query_string=query,
        json=content.get("example") if content else None,
        headers={**headers, "Idempotency-Key": f"matrix-{next(_ids)}", "If-Match": '"x"'},
    )


def _nothing(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    if schema.get("format") == "uuid":
        return "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
    if "enum" in schema:
        return str(schema["enum"][0])
    return "1" if schema.get("type") == "integer" else "sms" if parameter["name"] == "channel" else "none"


def _given(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    return "2026-03-02" if schema.get("format") == "date" else str(schema.get("enum", ["x"])[0])


@pytest.fixture
def desk_app(sqlite_book: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setitem(sqlite_book.extensions, "duecourse.read_limit", ReadLimit(per_second=1e9, burst=1e9))
    return sqlite_book


def test_each_role_may_do_what_the_document_declares_and_nothing_else(desk_app: Flask) -> None:
    lender_id, client = build_lender(code="harbour", now=START), fresh_client(desk_app)  # as the examples call it
    wrong = []

    for operation in operations(desk_app, "/v1/desk"):
        declared = operation[2]["x-roles"]
        for role in ROLES:
            headers = a_seat(desk_app, lender_id, role=role).headers
            status = ask(client, operation, headers).status_code
            if (status == 403) != (role not in declared) or status == 401 or status >= 500:
                wrong.append((role, *operation[:2], status, declared))

    assert wrong == []


def test_the_desk_is_shut_to_every_other_credential(desk_app: Flask) -> None:
    lender_id, client = build_lender(now=START), fresh_client(desk_app)
    borrower, feed = signed_in(a_borrower()[0]), an_ingest_key(lender_id)
    wrong = []

    for operation in operations(desk_app, "/v1/desk"):
        found = [ask(client, operation, headers).status_code for headers in ({}, borrower, feed)]
        if found != [401, 401, 403]:
            wrong.append((*operation[:2], found))

    assert wrong == []


@pytest.mark.parametrize(("prefix", "own"), [("/v1/me", "borrower"), ("/v1/ingest", "ingest")])
def test_what_opens_the_desk_opens_nothing_else(desk_app: Flask, prefix: str, own: str) -> None:
    lender_id, client = build_lender(now=START), fresh_client(desk_app)
    credentials = {
        "none": {},
        "session": a_seat(desk_app, lender_id, role="admin").headers,
        "key": a_desk_key(lender_id, role="admin"),
        "borrower": signed_in(a_borrower()[0]),
        "ingest": an_ingest_key(lender_id),
    }
    wrong = []

    for operation in operations(desk_app, prefix):
        for name, headers in credentials.items():
            if name != own and (status := ask(client, operation, headers).status_code) not in (401, 403):
                wrong.append((name, *operation[:2], status))

    assert wrong == []


def test_every_route_and_page_of_the_desk_names_a_permission_that_there_is(desk_app: Flask) -> None:
    nameless = [(route, endpoint) for route, endpoint, permission in staff_rules(desk_app) if permission not in PERMISSIONS]

    assert nameless == []


def test_the_document_says_of_each_operation_who_may(desk_app: Flask) -> None:
    for method, path, operation in operations(desk_app, "/v1/desk"):
        assert operation["x-roles"] == list(roles_of(operation["x-permission"])), (method, path)
    for method, path, operation in operations(desk_app, "/v1/"):
        assert ("x-roles" in operation) == path.startswith("/v1/desk"), (method, path)


def test_pages_outside_the_sign_in_are_behind_it(desk_app: Flask) -> None:
    client = fresh_client(desk_app)
    pages = [rule for rule in desk_app.url_map.iter_rules() if rule.rule.startswith("/desk")]
    public = {rule.rule for rule in pages if rule.endpoint.startswith("console_entry.")}

    assert public == {
        "/desk/static/<path:filename>",
        "/desk/sign-in",
        "/desk/sign-in/code",
        "/desk/invitations",
        "/desk/invitations/accept",
    }
    for rule in pages:
        if rule.rule not in public and "GET" in (rule.methods or ()):
            path = re.sub(r"<(\w+)(?:\([^)]*\))?:\w+>", lambda m: _SAMPLES.get(m.group(1), "sms"), rule.rule)
            answer = client.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["Location"].startswith("/desk/sign-in"), path


_SAMPLES = {"id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10", "number": "none", "int": "1"}


def test_the_page_of_permissions_is_true(desk_app: Flask) -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(desk_app), "run: python -m tests.house.permissions"


def test_each_permission_is_asked_for_somewhere_and_stands_in_the_table_once() -> None:
    from app.domain import permissions
    from tests.house.map import ROOT

    code = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*") if path.suffix in (".py", ".html")
    )
    names = [each.name for each in permissions._TABLE]

    assert sorted(names) == sorted(set(names))
    assert {name for name in names if code.count(f'"{name}"') < 2} == set()
