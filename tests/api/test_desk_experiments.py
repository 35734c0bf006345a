"""Staff read experiments of their lender's loans."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from tests.builders.access import a_desk_key, an_ingest_key
from tests.builders.book import build_lender, build_loan
from tests.conftest import START
from tests.services.test_experiments import document, in_force

DUE = [START.date() + timedelta(days=3)]


@pytest.fixture
def lender_id(app: Flask) -> str:
    ensure_default_policy(now=START)
    in_force(document(), now=START)
    lender_id = build_lender(now=START)
    build_loan(now=START, due=DUE, borrower_no="E-1", lender_id=lender_id)
    sweep(now=START + timedelta(hours=2))
    return lender_id


def test_staff_list_experiments_with_their_own_borrowers(client: FlaskClient, lender_id: str) -> None:
    mine = client.get("/v1/desk/experiments", headers=a_desk_key(lender_id))
    theirs = client.get("/v1/desk/experiments", headers=a_desk_key(build_lender(now=START, code="other")))

    assert mine.status_code == 200
    assert [(item["key"], item["is_live"]) for item in mine.json["items"]] == [("tone", True)]
    assert sum(arm["borrowers"] for arm in mine.json["items"][0]["arms"]) == 1
    assert sum(arm["borrowers"] for arm in theirs.json["items"][0]["arms"]) == 0


def test_staff_read_a_report(client: FlaskClient, lender_id: str) -> None:
    pytest.importorskip("statsmodels")

    answer = client.get("/v1/desk/experiments/tone?within_days=5&from=2026-03-01", headers=a_desk_key(lender_id))

    assert answer.status_code == 200
    assert (answer.json["within_days"], answer.json["first_on"], answer.json["control"]) == (5, "2026-03-01", "control")
    assert sum(arm["borrowers"] for arm in answer.json["arms"]) == 1
    assert answer.json["sample_ratio"] == {"p_value": "0.317311", "is_off": False}
    assert "E-1" not in answer.text


def test_an_experiment_that_is_none_is_not_found(client: FlaskClient, lender_id: str) -> None:
    assert client.get("/v1/desk/experiments/other", headers=a_desk_key(lender_id)).status_code == 404


@pytest.mark.parametrize("query", ["within_days=400", "within_days=-1", "from=yesterday", "unknown=1"])
def test_a_question_that_is_none_is_refused(client: FlaskClient, lender_id: str, query: str) -> None:
    assert client.get(f"/v1/desk/experiments/tone?{query}", headers=a_desk_key(lender_id)).status_code == 422


def test_no_other_credential_reads_experiments(client: FlaskClient, lender_id: str) -> None:
    for path in ("/v1/desk/experiments", "/v1/desk/experiments/tone"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=an_ingest_key(lender_id)).status_code == 403


def test_without_the_extra_the_answer_says_how_to_install_it(
    client: FlaskClient, lender_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scipy.stats", None)

    answer = client.get("/v1/desk/experiments/tone", headers=a_desk_key(lender_id))

    assert (answer.status_code, answer.json["code"]) == (503, "maintenance")
    assert "pip install" in answer.json["detail"]
