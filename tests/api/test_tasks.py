"""Tasks for people: one an occasion, listed by queue, closed once."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.domain.errors import ValidationError
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.unit_of_work import unit_of_work
from app.services.tasks import NewTask, add_task, add_tasks, close_task
from tests.api.test_inbox import DUE
from tests.builders.access import a_desk_key
from tests.builders.book import Built, build_lender, build_loan
from tests.conftest import START


def a_task(loan: Built, key: str = "call/1", **changes: Any) -> NewTask:
    given: dict[str, Any] = {"loan_id": loan.loan_id, "due_on": date(2026, 3, 4), "rule": "d+5-human"}
    return NewTask(key, loan.borrower_id, "call", "early", **{**given, **changes})


def add(*tasks: NewTask) -> list[Any]:
    with unit_of_work() as work:
        return add_tasks(work, tasks, now=START)


def test_one_occasion_is_one_task_also_when_it_is_closed(app: Flask) -> None:
    loan = build_loan(now=START, due=DUE)

    first = add(a_task(loan), a_task(loan), a_task(loan, "call/2"))
    with unit_of_work() as work:
        close_task(work, first[0].id, outcome="done", reason="called", by="staff:Ann", now=START)
        again = add_task(work, a_task(loan), now=START)

    assert [each.created for each in first] == [True, False, True]
    assert first[0].id == first[1].id == again.id
    assert not again.created


def test_a_task_that_says_nothing_is_refused(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=DUE)

    for wrong in ({"key": ""}, {"key": "x" * 161}, {"rule": "x" * 81}):
        with pytest.raises(ValidationError, match="characters"):
            add(a_task(loan, **wrong))


def test_staff_see_the_tasks_of_their_lender_by_queue(client: FlaskClient) -> None:
    ours = build_loan(now=START, due=DUE, borrower_no="B1", loan_no="L1")
    other = build_lender(now=START, code="other")
    theirs = build_loan(now=START, due=DUE, borrower_no="B2", loan_no="L2", lender_id=other)
    both = build_loan(now=START, due=DUE, borrower_no="B1", loan_no="L3", lender_id=other)
    key = a_desk_key(ours.lender_id)
    add(a_task(ours, "1"), a_task(theirs, "2"), a_task(both, "3"), a_task(ours, "4", loan_id=None))
    add(NewTask("5", ours.borrower_id, "review_by_person", "opt_outs"))

    def listed(query: str = "", headers: dict[str, str] = key) -> list[tuple[str, str]]:
        items = client.get(f"/v1/desk/tasks{query}", headers=headers).json["items"]
        return sorted((item["queue"], item["loan_no"] or "") for item in items)

    assert listed() == [("early", ""), ("early", "L1"), ("opt_outs", "")]
    assert listed("?queue=opt_outs") == [("opt_outs", "")]
    assert listed("?borrower_no=B2") == []
    assert listed("?state=done") == []
    page = client.get("/v1/desk/tasks?limit=1", headers=key).json
    rest = client.get(f"/v1/desk/tasks?limit=100&cursor={page['next_cursor']}", headers=key).json["items"]
    assert (len(page["items"]), len(rest)) == (1, 2)
    assert page["items"][0]["id"] not in [item["id"] for item in rest]


def test_a_task_is_closed_once_and_by_name(client: FlaskClient) -> None:
    loan = build_loan(now=START, due=DUE)
    other = build_lender(now=START, code="other")
    (task,) = add(a_task(loan))
    key, path = a_desk_key(loan.lender_id, staff="Ann", role="agent"), f"/v1/desk/tasks/{task.id}/close"

    def close(outcome: str = "done", reason: str = "called", headers: dict[str, str] = key) -> Any:
        return client.post(path, json={"outcome": outcome, "reason": reason}, headers=headers)

    assert close(headers=a_desk_key(other)).status_code == 404
    assert [error["pointer"] for error in close("open").json["errors"]] == ["/outcome"]
    assert close(reason="x" * 41).status_code == 422
    done = close()
    assert (done.status_code, done.json["state"], done.json["closed_by"]) == (200, "done", "staff:Ann")
    assert close().json == done.json
    assert close("cancelled").json["code"] == "conflict"
    assert client.get("/v1/desk/tasks", headers=key).json["items"] == []
    assert len(client.get("/v1/desk/tasks?state=done", headers=key).json["items"]) == 1
    trail = db.session().scalars(select(AuditRow.action).where(AuditRow.action == "task.closed"))
    assert len(list(trail)) == 1


def test_the_command_lists_and_closes(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=DUE, borrower_no="B1", loan_no="L1")
    (task,) = add(a_task(loan, due_at=START + timedelta(days=1)))
    run = sqlite_book.test_cli_runner().invoke

    listed = run(args=["task", "list", "--queue", "early"]).output.strip().split("\t")
    assert listed == [task.id, "early", "call", "B1", "L1", "2026-03-04", "d+5-human", "open"]
    closed = run(args=["task", "close", task.id, "--reason", "called", "--by", "Eve"])
    assert closed.output == f"Task {task.id} is done, by operator:Eve.\n"
    refused = run(args=["task", "close", task.id, "--cancelled", "--reason", "no", "--by", "Eve"])
    assert (refused.exit_code, "closed before, as done by operator:Eve" in refused.output) == (1, True)
    assert run(args=["task", "list"]).output == ""
