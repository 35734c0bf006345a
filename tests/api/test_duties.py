"""Staff see duties, ask the law, and the core tells facts of a case."""

import json
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from app.persistence.queries.tasks import mark_breaches
from app.persistence.unit_of_work import unit_of_work
from app.services.duties import look_at_due
from app.services.tasks import NewTask, add_task
from tests.builders.access import a_desk_key, an_ingest_key
from tests.builders.book import build_lender
from tests.conftest import START
from tests.services.test_duties import a_british_loan
from tests.services.test_over_cap import a_loan

QUESTION = {"act": "enforce", "jurisdiction": "GB", "facts": {"lender_role": "first_party", "product_kind": "instalment"}}


def test_staff_see_their_duties_with_paragraph_day_and_what_is_missing(client: FlaskClient) -> None:
    loan = a_british_loan(loan_no="L1", borrower_no="B1")
    other = build_lender(now=START, code="other")
    look_at_due(now=START)

    items = client.get("/v1/desk/duties", headers=a_desk_key(loan.lender_id)).json["items"]

    notice = next(item for item in items if item["missing"] == ["notice_of_sums_in_arrears"] and item["due_on"])
    assert (notice["borrower_no"], notice["loan_no"], notice["due_on"]) == ("B1", "L1", "2026-03-11")
    assert (notice["breach"], notice["law"]["is_recalled"], notice["law"]["jurisdiction"]) == (False, False, "UK")
    assert notice["law"]["paragraph"]
    assert client.get("/v1/desk/duties", headers=a_desk_key(other)).json["items"] == []
    assert client.get("/v1/desk/duties?overdue=true", headers=a_desk_key(loan.lender_id)).json["items"] == []


def test_missed_duties_come_first_on_every_page(client: FlaskClient) -> None:
    loan = a_british_loan()
    with unit_of_work() as work:
        for number, is_breach in enumerate([False, True, False, True]):
            task = NewTask(f"duty/{number}", loan.borrower_id, "duty", "duties", loan_id=loan.loan_id, rule=f"R{number}")
            result = add_task(work, task, now=START)
            if is_breach:
                mark_breaches(work.session, [task.natural_key])
            assert result.created
    key = a_desk_key(loan.lender_id)

    found: list[bool] = []
    cursor = ""
    for _ in range(4):
        page = client.get(f"/v1/desk/duties?limit=1{cursor}", headers=key).json
        found += [item["breach"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"

    assert found == [True, True, False, False]
    assert page["next_cursor"] is None


def test_staff_ask_the_law_and_get_every_rule_s_answer(client: FlaskClient) -> None:
    key = a_desk_key(build_lender(now=START))

    answer = client.post("/v1/desk/law/ask", json=QUESTION, headers=key).json

    assert (answer["pack"], answer["verdict"], answer["may_proceed"]) == ("UK", "block", False)
    deciding = answer["answers"][0]
    assert deciding["rule"] in answer["sentence"]
    assert "Missing: default_notice." in deciding["sentence"]
    assert deciding["paragraph"] in answer["sentence"]


def test_a_fact_nobody_knows_is_refused_by_its_place_with_the_nearest(client: FlaskClient) -> None:
    key = a_desk_key(build_lender(now=START))

    wrong = client.post("/v1/desk/law/ask", json={**QUESTION, "facts": {"holdz": []}}, headers=key)
    no_act = client.post("/v1/desk/law/ask", json={**QUESTION, "act": "enforc"}, headers=key)

    assert wrong.status_code == no_act.status_code == 422
    assert (wrong.json["errors"][0]["pointer"], "'holds'" in wrong.json["errors"][0]["detail"]) == ("/facts/holdz", True)
    assert (no_act.json["errors"][0]["pointer"], "'enforce'" in no_act.json["errors"][0]["detail"]) == ("/act", True)


def test_a_question_about_a_loan_is_answered_from_the_book(client: FlaskClient) -> None:
    loan = a_british_loan(loan_no="L1")
    other = build_lender(now=START, code="other")
    question = {"act": "enforce", "loan_no": "L1"}

    answer = client.post("/v1/desk/law/ask", json=question, headers=a_desk_key(loan.lender_id)).json
    theirs = client.post("/v1/desk/law/ask", json=question, headers=a_desk_key(other))

    assert (answer["pack"], answer["verdict"]) == ("UK", "block")
    assert theirs.status_code == 404


def test_the_core_tells_a_fact_once_and_anew(client: FlaskClient) -> None:
    loan = a_british_loan(borrower_no="B1")
    key = an_ingest_key(loan.lender_id)
    told: dict[str, Any] = {"list": "requests", "facts": {"kind": "access", "received_at": "2026-03-01T09:00:00Z"}}

    def put(body: dict[str, Any], headers: dict[str, str] = key) -> Any:
        return client.put("/v1/ingest/borrowers/B1/records/R-7", json=body, headers=headers)

    assert put(told).status_code == 201
    assert put(told).json["changed"] is False
    answered = {**told, "facts": {**told["facts"], "answered_at": "2026-03-01T12:00:00Z"}}
    assert put(answered).json["changed"] is True
    wrong = put({"list": "events", "facts": {"kind": "rate_resett", "on": "2026-03-01"}})
    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/facts/kind")
    assert put(told, an_ingest_key(build_lender(now=START, code="other"))).status_code == 404


def run(app: Flask, line: str, stdin: str | None = None) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=line.split(), input=stdin)
    return result.exit_code, result.output


def test_the_command_line_checks_lists_records_and_asks(sqlite_book: Flask) -> None:
    a_british_loan(loan_no="L1", borrower_no="B1")

    checked = run(sqlite_book, "duty check B1")
    listed = run(sqlite_book, "duty list")
    overdue = run(sqlite_book, "duty list --overdue")
    facts = json.dumps({"kind": "complaint", "received_at": "2026-03-01T09:00:00Z"})
    recorded = run(sqlite_book, "law record B1 --list requests --facts - --by Ann", facts)
    asked = run(sqlite_book, "law ask --act enforce --loan L1 --lender acme")
    refused = run(sqlite_book, "law ask --act enforce --jurisdiction UK --facts -", '{"holdz": []}')

    assert checked[0] == 0
    assert "due\t2026-03-11\tduty\tL1\tUK-NOSIA\tnotice_of_sums_in_arrears" in checked[1]
    assert "2026-03-11\tduty\tB1\tL1\tUK-NOSIA\tnotice_of_sums_in_arrears\t" in listed[1]
    assert overdue == (0, "")
    assert recorded[1].endswith("of B1: recorded.\n")
    assert asked[1].startswith("block: It must not happen now. UK-")
    assert (refused[0], "did you mean 'holds'?" in refused[1]) == (1, True)


def test_duties_are_counted_by_rule_and_found_by_what_is_near(client: FlaskClient) -> None:
    loan = a_british_loan()
    look_at_due(now=START)
    key = a_desk_key(loan.lender_id)

    rules = client.get("/v1/desk/duties/rules", headers=key).json["items"]
    nosia = next(each for each in rules if each["rule"] == "UK-NOSIA")
    assert (nosia["open"], nosia["missed"], nosia["first_due_on"], nosia["days_ahead"]) == (1, 0, "2026-03-11", 5)
    assert (nosia["law"]["paragraph"], nosia["law"]["evidence"]) == ("CCA 1974 s86B(1)-(2)(a)", "primary")
    assert client.get("/v1/desk/duties?when=due_soon", headers=key).json["items"] == []
    of_rule = client.get("/v1/desk/duties?rule=UK-NOSIA", headers=key).json["items"]
    assert [each["due_on"] for each in of_rule] == ["2026-03-11"]


def test_stops_of_interest_and_loans_over_their_cap_are_listed_for_their_lender_alone(client: FlaskClient) -> None:
    loan = a_british_loan()
    look_at_due(now=START)
    look_at_due(now=datetime(2026, 3, 12, 0, 30, tzinfo=UTC))
    lender = build_lender(
        now=START, code="cn", jurisdiction="CN", currency="USD", licence_kind="private_lender", zone="Asia/Shanghai"
    )
    over = a_loan(lender=lender)
    other = a_desk_key(over.lender_id)

    (stop,) = client.get("/v1/desk/interest-stops", headers=a_desk_key(loan.lender_id)).json["items"]
    assert (stop["loan_no"], stop["rule"], stop["from_on"], stop["until_on"]) == (
        loan.loan_no, "UK-NOSIA-FAIL", "2026-03-12", None
    )  # fmt: skip
    assert client.get("/v1/desk/interest-stops", headers=other).json["items"] == []
    (capped,) = client.get("/v1/desk/caps", headers=other).json["items"]
    assert (capped["loan_no"], capped["code"]) == ("L1", "four-times-lpr")
    assert client.get("/v1/desk/caps?state=unknown", headers=other).json["items"] == []
    shown = client.get(f"/v1/desk/borrowers/{over.borrower_no}/loans/L1/disclosures", headers=other).json
    assert shown["cap"]["to_date"]["above"] == capped["above"]
    path = f"/v1/desk/borrowers/{over.borrower_no}/loans/L1/disclosures"
    assert client.get(path, headers=a_desk_key(loan.lender_id)).status_code == 404
