"""What a process loads when it starts: a command only what it uses, a server all that it answers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

ROOT = Path(__file__).resolve().parents[2]
TELLING_MODULES = """
import atexit, sys
atexit.register(lambda: print("\\nloaded:", *sys.modules))
from flask.cli import cli
cli.main(["--app", "wsgi", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a sandbox whose database is migrated, so that no command has it to do."""
    variables = {**os.environ, "DUECOURSE_MODE": "sandbox", "DUECOURSE_VAR_DIR": str(tmp_path_factory.mktemp("var"))}
    _run(variables, "-m", "flask", "--app", "wsgi", "db", "upgrade")
    return variables


def _run(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("noun", ["engine", "keys"])
def test_a_command_loads_neither_routes_nor_other_commands(noun: str, environment: dict[str, str]) -> None:
    loaded = set(_run(environment, "-c", TELLING_MODULES, noun, "--help").rsplit("loaded: ")[1].split())

    assert f"app.cli.{noun}" in loaded
    assert not {"app.api.doors", "app.web.plumbing", "app.services.imports.runs", "app.cli.book"} & loaded
    assert not {"flask_smorest", "marshmallow", "alembic", "jsonschema", "firebase_admin", "phonenumbers"} & loaded


@pytest.mark.parametrize(
    "arguments",
    [("-m", "flask", "--app", "wsgi", "routes"), ("-c", "import wsgi; print(*wsgi.app.url_map.iter_rules())")],
    ids=["flask routes", "a server"],
)
def test_whoever_serves_or_shows_routes_has_all_of_them(
    arguments: tuple[str, ...], environment: dict[str, str], sqlite_app: Flask
) -> None:
    shown = _run(environment, *arguments)

    assert [rule.rule for rule in sqlite_app.url_map.iter_rules() if rule.rule not in shown] == []


def test_the_document_is_printed_by_a_command_that_starts_without_routes(environment: dict[str, str]) -> None:
    printed = _run(environment, "-m", "flask", "--app", "wsgi", "api", "openapi")

    assert printed == (ROOT / "docs" / "api" / "openapi.json").read_text(encoding="utf-8")
