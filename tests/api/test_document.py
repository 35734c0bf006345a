"""The OpenAPI document: valid, complete, committed, and what the routes do."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from app.factory import create_app
from app.web.auth import PUBLIC
from tests.builders.access import fresh_client
from tests.conftest import make_settings

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "api" / "openapi.json"
OUTSIDE = {
    "static",
    "pages.problem_page",
    "pages.openapi_document",
    "pages.docs",
    "metrics.metrics",
    "unsubscribe.ask",
    "unsubscribe.end",
    "pay.ask",
    "pay.answer",
    "pay.check_out",
    "bulletin_pages.published_bulletins",
    "bulletin_pages.published_bulletin",
}
"""Routes that are no part of the API: pages for people and metrics for the operator."""
CONSOLE = ("console", "console_entry")
"""Pages of the desk in a browser; tests/console walks them."""


@pytest.fixture(scope="module")
def api_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("document")
    return create_app(make_settings(f"sqlite:///{folder / 'x.db'}", folder, public_docs=True))


@pytest.fixture(scope="module")
def document(api_app: Flask) -> dict[str, Any]:
    return json.loads(api_app.extensions["duecourse.api"].document_text())


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation, with the references of its responses followed."""
    found = []
    for path, item in document["paths"].items():
        for method, op in item.items():
            answers = {
                status: document["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]] if "$ref" in answer else answer
                for status, answer in op["responses"].items()
            }
            found.append((path, method, {**op, "responses": answers}))
    return found


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    validate(document)

    assert document["openapi"] == "3.1.0"


def test_the_committed_document_is_what_the_code_says(api_app: Flask) -> None:
    text = api_app.extensions["duecourse.api"].document_text()

    assert COMMITTED.read_text() == text, "Run: flask --app wsgi api openapi > docs/api/openapi.json"


def test_every_route_is_in_the_document_and_nothing_else(api_app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in api_app.url_map.iter_rules()
        if rule.endpoint not in OUTSIDE and rule.endpoint.partition(".")[0] not in CONSOLE
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert routes == {(path, method) for path, method, _ in operations(document)}


def test_every_route_has_a_credential_bound_to_it(api_app: Flask) -> None:
    bound = api_app.extensions["duecourse.doors"]
    doors = {rule.endpoint.rpartition(".")[0] for rule in api_app.url_map.iter_rules() if rule.endpoint != "static"}

    assert doors <= bound.keys()
    assert {door for door, auth in bound.items() if auth is PUBLIC} == {
        "health",
        "pages",
        "sign-in",
        "staff-sign-in",
        "callbacks",
        "wechat-links",
        "unsubscribe",
        "pay",
        "console_entry",
        "bulletins",
        "bulletin_pages",
        "licences",
    }


def test_a_route_without_a_credential_is_refused(api_app: Flask) -> None:
    assert fresh_client(api_app).get("/static/anything").status_code == 403


def test_every_operation_names_itself_its_credential_an_example_and_its_problems(document: dict[str, Any]) -> None:
    ids = [op["operationId"] for _, _, op in operations(document)]
    assert len(ids) == len(set(ids))
    for path, method, op in operations(document):
        public = path.startswith(
            (
                "/v1/auth/otp",
                "/v1/auth/token",
                "/v1/auth/staff",
                "/v1/callbacks/",
                "/v1/bulletins",
                "/v1/lenders/",
                "/livez",
                "/readyz",
            )
        )
        assert op["summary"], path
        assert op["tags"], path
        assert bool(op["security"]) != public, path
        assert {"400", "406", "500", "503"} <= op["responses"].keys(), path
        assert ("401" in op["responses"]) or public, path
        assert ("404" in op["responses"]) == ("{" in path), path
        for status, response in op["responses"].items():
            for content in response.get("content", {}).values():
                assert "example" in content, (path, method, status)
        if "requestBody" in op:
            assert all("example" in content for content in op["requestBody"]["content"].values()), path
            assert {"413", "415", "422"} <= op["responses"].keys(), path


def test_no_amount_is_a_float(document: dict[str, Any]) -> None:
    def walk(node: Any, where: str) -> None:
        if isinstance(node, dict):
            assert node.get("type") != "number", where
            for key, below in node.items():
                walk(below, f"{where}/{key}")
        elif isinstance(node, list):
            for index, below in enumerate(node):
                walk(below, f"{where}/{index}")
        else:
            assert not isinstance(node, float), where

    walk(document, "")


def test_examples_fit_their_schemas(document: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator

    for path, _, op in operations(document):
        bodies = [op["requestBody"]] if "requestBody" in op else []
        for holder in [*bodies, *(r for r in op["responses"].values() if "content" in r)]:
            for content in holder["content"].values():
                schema = {**content["schema"], "components": document["components"]}
                errors = list(Draft202012Validator(schema).iter_errors(content["example"]))
                assert not errors, (path, errors)


def test_the_document_and_its_page_are_served_without_anything_from_elsewhere(api_app: Flask) -> None:
    client = fresh_client(api_app)

    page = client.get("/docs")
    served = client.get("/openapi.json")

    assert served.json["info"]["title"] == "Duecourse"
    assert client.get("/openapi.json", headers={"If-None-Match": served.headers["ETag"]}).status_code == 304
    assert "getBalance" in page.text or "get_balance" in page.text
    examples_apart = re.sub(r"<pre>[^<]*</pre>", "", page.text)
    assert not re.search(r"<script|https?://", examples_apart)


def test_production_keeps_the_document_to_itself_unless_told_otherwise(client: FlaskClient) -> None:
    assert client.get("/docs").status_code == 404
    assert client.get("/openapi.json").status_code == 404
    assert client.get("/metrics").status_code == 404


def test_the_command_prints_the_document(api_app: Flask) -> None:
    result = api_app.test_cli_runner().invoke(args=["api", "openapi"])

    assert result.exit_code == 0
    assert result.output == api_app.extensions["duecourse.api"].document_text()
