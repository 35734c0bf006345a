"""Policies on the command line, as a compliance officer uses them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from flask import Flask

from app.persistence.db import db
from app.services.policy_documents import CONTENT
from tests.builders.policies import a_document, with_step


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(document: Any, name: str = "policy.yaml") -> str:
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")
        return str(path)

    return write


def run(app: Flask, *arguments: str) -> Result:
    db.session.remove()
    return app.test_cli_runner().invoke(args=["policy", *arguments])


def test_a_policy_that_calls_at_23_is_refused_with_its_paragraph(sqlite_book: Flask, written: Any) -> None:
    action = {"task": "call", "queue": "early", "sla": "PT8H"}
    path = written(with_step(ladder=None, at="23:00", action=action) | {"jurisdictions": ["CN"]})

    result = run(sqlite_book, "check", path)

    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "/steps/0/at: Step 'd+3' makes a call task at 23:00; contact is allowed from 08:00 to 22:00. CN law: Quiet hours "
        "(CN-QUIET; GB/T 45251-2025 cl. 5.3; NIFA self-discipline pact (trial) 2018 art. 16).",
        "Error: policy.yaml has 1 problem.",
    ]


def test_a_policy_in_order_says_which_law_it_was_held_against(sqlite_book: Flask) -> None:
    result = run(sqlite_book, "check", str(CONTENT / "consumer-uk.yaml"))

    assert (result.exit_code, result.output) == (0, "consumer-uk@1 is in order: 12 steps; held against the law of UK.\n")


def test_every_problem_of_a_file_is_printed(sqlite_book: Flask, written: Any) -> None:
    traps = run(sqlite_book, "check", written("policy: no\nat: 10:30\n"))
    form = run(sqlite_book, "check", written(with_step(offset_day=1, at="9:00")))
    unknown = run(sqlite_book, "check", written(a_document()), "--jurisdiction", "XX")

    assert (traps.exit_code, len(traps.output.splitlines())) == (1, 3)
    assert "/steps/0/offset_day: 'offset_day' is not known; did you mean 'offset_days'?" in form.output
    assert (unknown.exit_code, "no law pack 'XX'" in unknown.output) == (1, True)


def test_from_submission_to_force_and_back(sqlite_book: Flask, written: Any) -> None:
    first = written(a_document(jurisdictions=["UK"]), "first.yaml")
    second = written(a_document(version=2, jurisdictions=["UK"], not_after_margin="PT20M"), "second.yaml")

    outputs = [
        run(sqlite_book, *line.split()).output.strip()
        for line in (
            f"submit {first} --by Ann", "approve acme@1 --by ann", "approve acme@1 --by Ben", "activate acme@1 --by Ben",
            f"submit {second} --by Ben", "return acme@2 --by Ann", f"submit {second} --by Ben", "approve acme@2 --by Ann",
            "activate acme@2 --by Ann", "activate acme@1 --by Ann", "retire acme@1 --by Ann", "approve acme@9 --by Ann",
            "diff acme@1 acme@2",
        )
    ]  # fmt: skip
    listed = run(sqlite_book, "list").output.splitlines()
    shown = run(sqlite_book, "show", "acme@2")

    assert outputs == [
        "acme@1 waits for approval by somebody other than Ann.",
        "Error: staff:ann wrote acme@1; somebody else approves it.",
        "acme@1 is approved.",
        "acme@1 is active.",
        "acme@2 waits for approval by somebody other than Ben.",
        "acme@2 is draft.",
        "acme@2 waits for approval by somebody other than Ben.",
        "acme@2 is approved.",
        "acme@2 is active.",
        "acme@1 is active.",
        "Error: acme@1 is in force for every lender without its own; activate another in its place.",
        "Error: There is no policy acme@9.",
        "changed\tMargin before a window closes: 5 min -> 20 min.",
    ]
    assert sorted(line.split("\t")[:5] for line in listed) == [
        ["acme@1", "active", "everyone else", "staff:Ann", "staff:Ben"],
        ["acme@2", "retired", "everyone else", "staff:Ben", "staff:Ann"],
    ]
    assert yaml.safe_load(shown.output)["not_after_margin"] == "PT20M"


def test_what_is_not_a_version_is_a_mistake_of_use(sqlite_book: Flask) -> None:
    assert run(sqlite_book, "show", "acme").exit_code == 2
    assert run(sqlite_book, "activate", "acme@x", "--by", "Ann").exit_code == 2


def test_files_are_compared_without_being_kept(sqlite_book: Flask, written: Any) -> None:
    same = run(sqlite_book, "diff", written(a_document(), "a.yaml"), written(a_document(version=2), "b.yaml"))

    assert (same.exit_code, same.output) == (0, "No difference: both decide the same.\n")
