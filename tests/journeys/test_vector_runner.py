"""The vector runner's own manners: what it cannot read, does not understand or did not compare is never passed over.

All figures here are made up and small enough to work out by hand.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import replay_vectors


def accrual(**changes: Any) -> dict[str, Any]:
    """1,000.00 at 3.65 % is 0.10 a day: ten days are 1.00."""
    inputs = {
        "principal": "1000.00", "annual_rate_percent": "3.65", "from": "2021-01-01", "to_inclusive": "2021-01-10",
        "days": 10, "year_days": 365,
    }  # fmt: skip
    return {"id": "ten-days", "kind": "accrual", "inputs": inputs, "expected": {"interest": "1.00"}, **changes}


def loan(**changes: Any) -> dict[str, Any]:
    """300.00 without interest in three months of 100.00."""
    return {
        "submitted_on": "2021-01-01", "principal": "300.00", "annual_rate_percent": "0", "currency": "EUR",
        "interest_type": "declining_balance", "interest_calculation_period": "same_as_repayment_period",
        "amortization": "equal_installments", "term": 3, "term_unit": "months", "repay_every": 1, "repay_unit": "months",
        "number_of_repayments": 3, "allocation_strategy": "penalties_fees_interest_principal_order", **changes,
    }  # fmt: skip


ROWS = [
    {"n": 0, "date": "2021-01-01", "disbursement_balance": "300.00"},
    {"n": 1, "date": "2021-02-01", "balance": "200.00", "principal": "100.00", "interest": "0.00", "due": "100.00"},
    {"n": 2, "date": "2021-03-01", "balance": "100.00", "principal": "100.00", "interest": "0.00", "due": "100.00"},
    {"n": 3, "date": "2021-04-01", "balance": "0.00", "principal": "100.00", "interest": "0.00", "due": "100.00"},
]
PAID_OUT = {"do": "disburse", "date": "2021-01-01", "amount": "300.00"}


def timeline(*more: dict[str, Any], **terms: Any) -> dict[str, Any]:
    events = more or ({"expect": "schedule", "rows": ROWS},)
    today = {"do": "set_today", "date": "2021-01-01"}
    return {"id": "three-months", "kind": "schedule", "loan": loan(**terms), "timeline": [today, PAID_OUT, *events]}


def changed(vector: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """Return a copy with one value set, at a path of keys and places."""
    copy: Any = json.loads(json.dumps(vector))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return copy  # type: ignore[no-any-return]


Ran = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ran:
    """Return a function that runs files of these texts; it returns the exit code and the lines printed."""

    def run(*documents: str | bytes) -> tuple[int, list[str]]:
        for number, document in enumerate(documents):
            content = document if isinstance(document, bytes) else document.encode()
            (tmp_path / f"{number}.json").write_bytes(content)
        code = replay_vectors.main(str(tmp_path))
        return code, capsys.readouterr().out.splitlines()

    return run


def document(*vectors: Any, **fields: Any) -> str:
    return json.dumps({"format": "loan-vector/1", "vectors": list(vectors), **fields})


# --- what passes ---------------------------------------------------------------------------------------------------------


def test_vectors_that_hold_pass(ran: Ran) -> None:
    assert ran(document(accrual(), timeline())) == (0, ["2 passed, 0 failed, 0 skipped"])


@pytest.mark.parametrize("text", [json.dumps([accrual()]), document(accrual(), format="loan-vector/1")])
def test_a_bare_list_and_a_byte_order_mark_are_read(ran: Ran, text: str) -> None:
    assert ran(b"\xef\xbb\xbf" + text.encode()) == (0, ["1 passed, 0 failed, 0 skipped"])


def test_figures_written_as_numbers_keep_their_digits(ran: Ran) -> None:
    text = document(accrual()).replace('"1.00"', "1.00").replace('"1000.00"', "1000.00")

    assert ran(text)[1] == ["1 passed, 0 failed, 0 skipped"]


# --- what cannot be read -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param('{"format": "loan-vector/1", "vectors": [', "Expecting value", id="not JSON"),
        pytest.param(b'{"vectors": ["\xff"]}', "utf-8", id="not UTF-8"),
        pytest.param('{"format": "loan-vector/1"}', "no list of vectors", id="no vectors"),
        pytest.param('{"format": "loan-vector/1", "vectors": null}', "no list of vectors", id="null"),
        pytest.param('{"format": "loan-vector/1", "vectors": {"id": "x"}}', "no list of vectors", id="an object"),
        pytest.param("7", "no list of vectors", id="a number"),
        pytest.param("[]", "empty", id="an empty list"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_failure_and_the_next_is_run(ran: Ran, content: str | bytes, why: str) -> None:
    code, lines = ran(content, document(accrual()))

    assert code == 1
    assert len(lines) == 2
    assert lines[0].startswith("failed: ? (None, 0.json): not read: ")
    assert why in lines[0]
    assert lines[1] == "1 passed, 1 failed, 0 skipped"


def test_another_format_is_refused_by_name(ran: Ran) -> None:
    _, lines = ran(document(accrual(), format="loan-vector/2"))

    assert lines[0] == "skipped: ? (None, 0.json): refused: the format 'loan-vector/2'; this reads loan-vector/1"


def test_what_is_no_vector_fails_by_name(ran: Ran) -> None:
    no_id = {key: value for key, value in accrual().items() if key != "id"}

    code, lines = ran(document("x", None, no_id, accrual(kind=["accrual"]), {"id": "y"}, accrual(inputs=3)))

    assert code == 1
    assert [line.split("): ")[1] for line in lines[:-1]] == [
        "a vector is an object", "a vector is an object", "id is missing", "kind is not a text", "kind is missing",
        "inputs is not an object",
    ]  # fmt: skip
    assert lines[-1] == "0 passed, 6 failed, 0 skipped"


def outcome(vector: dict[str, Any]) -> tuple[str, str]:
    return replay_vectors.run(vector)


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        (changed(accrual(), "inputs", "from", to="2021-02-30"), "'2021-02-30' is not a date"),
        (changed(accrual(), "inputs", "principal", to="1,00"), "'1,00' is not an amount"),
        (changed(accrual(), "inputs", "annual_rate_percent", to="low"), "'low' is not a rate"),
        (changed(timeline(), "timeline", 1, "amount", to="0.001"), "0.001 is not in whole minor units"),
        (changed(timeline(), "timeline", 2, to="x"), "timeline is not a list of objects"),
        (changed(timeline(), "timeline", 2, to={}), "timeline[2].expect is missing"),
        (changed(timeline(), "timeline", to=None), "timeline is not a list of objects"),
        (changed(timeline(), "loan", to={"submitted_on": "2021-01-01"}), "loan.allocation_strategy is missing"),
    ],
)
def test_what_is_malformed_inside_a_vector_fails_by_name(vector: dict[str, Any], why: str) -> None:
    assert outcome(vector) == ("failed", why)


# --- what is not understood ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vector", "path"),
    [
        (changed(accrual(), "inputs", "balloon", to="1.00"), "inputs.balloon"),
        (changed(accrual(), "expected", "fees", to="0.00"), "expected.fees"),
        (changed(accrual(), "twist", to=1), "twist"),
        (changed(timeline(), "loan", "balloon", to="1.00"), "loan.balloon"),
        (changed(timeline(), "timeline", 1, "discount", to="0.00"), "timeline[1].discount"),
        (changed(timeline(), "timeline", 2, "rows", 2, "waived", to="0.00"), "timeline[2].rows[2].waived"),
        (changed(timeline(), "timeline", 2, "of", to="all"), "timeline[2].of"),
    ],
)
def test_a_field_that_nobody_read_is_refused_by_its_path(vector: dict[str, Any], path: str) -> None:
    assert outcome(vector) == ("skipped", f"refused: {path}: not understood")


def test_an_unknown_input_is_named_even_where_a_figure_is_off() -> None:
    vector = changed(changed(accrual(), "inputs", "balloon", to="1.00"), "expected", "interest", to="2.00")

    assert outcome(vector) == ("skipped", "refused: inputs.balloon: not understood")


@pytest.mark.parametrize(
    ("vector", "why"),
    [
        (changed(accrual(), "kind", to="tea-leaves"), "vectors of kind tea-leaves"),
        (changed(timeline(), "kind", to="tea-leaves"), "a timeline of kind tea-leaves"),
        (timeline({"do": "dance"}), "dance in a timeline"),
        (timeline({"expect": "rain"}), "the expectation rain"),
        (timeline(interest_type="odd"), "loan.interest_type 'odd'"),
        (timeline(repay_unit="fortnights"), "loan.repay_unit 'fortnights'"),
        (timeline(term=4), "a term of 4 months that is not that of its instalments"),
    ],
)
def test_a_value_that_is_not_understood_is_refused(vector: dict[str, Any], why: str) -> None:
    assert outcome(vector) == ("skipped", f"refused: {why}")


def test_what_only_describes_a_vector_needs_no_reader() -> None:
    assert outcome(accrual(notes="made up", source={"title": "by hand"}, verified="0.10 a day"))[0] == "passed"


# --- what was not compared, or is not equal ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vector",
    [
        {
            **accrual(),
            "kind": "schedule_dates",
            "inputs": {"start": "2021-01-01", "number_of_repayments": 3},
            "expected": {},
        },
        changed(timeline(), "timeline", to=[]),
        timeline({"do": "end_of_day"}),
    ],
)
def test_a_vector_that_compares_nothing_fails(vector: dict[str, Any]) -> None:
    assert outcome(vector) == ("failed", "nothing was compared")


@pytest.mark.parametrize(("key", "other"), [("balance", "100.01"), ("interest", "0.01"), ("date", "2021-03-02"), ("n", 4)])
def test_every_figure_of_a_row_is_compared(key: str, other: Any) -> None:
    result, why = outcome(changed(timeline(), "timeline", 2, "rows", 2, key, to=other))

    assert result == "failed"
    assert key in why


def test_a_row_too_few_or_too_many_fails() -> None:
    assert outcome(timeline({"expect": "schedule", "rows": ROWS[:3]}))[0] == "failed"
    assert outcome(timeline({"expect": "schedule", "rows": [*ROWS, {**ROWS[3], "n": 4}]}))[0] == "failed"


# --- what the kernel refuses, and chosen differences ---------------------------------------------------------------------


def test_what_the_kernel_refuses_is_a_refusal_in_its_words() -> None:
    more = {"do": "disburse", "date": "2021-01-15", "amount": "30.00"}

    result, why = outcome(timeline(more, interest_type="flat", annual_rate_percent="12"))

    assert result == "skipped"
    assert why.startswith("refused: Flat interest allows no parts paid out later")


def test_money_paid_out_after_a_new_plan_is_refused_and_not_lost() -> None:
    again = {"do": "reschedule", "reschedule_from_date": "2021-03-01", "extra_terms": 1}
    more = {"do": "disburse", "date": "2021-03-15", "amount": "30.00"}

    assert outcome(timeline(again, more)) == (
        "skipped", "refused: money paid out after a new plan: the plan agreed stands",
    )  # fmt: skip


def test_money_paid_out_on_a_due_date_differs_by_choice_alone() -> None:
    """Of 30.00 paid out on 1 February, ours adds 15.00 to each row after it; the other way 10.00 to that day's row too."""
    more = {"do": "disburse", "date": "2021-02-01", "amount": "30.00"}
    principal = [{"n": n, "principal": "110.00"} for n in (1, 2, 3)]
    rows = [{"n": 0}, {"n": 0, "date": "2021-02-01"}, *principal]

    result, why = outcome(timeline(more, {"expect": "schedule", "rows": rows}))
    assert (result, why.split(";")[0]) == ("skipped", "chosen difference: money paid out on a due date comes after that row")

    wrong = changed(timeline(more, {"expect": "schedule", "rows": rows}), "timeline", 3, "rows", 4, "principal", to="110.01")
    assert outcome(wrong)[0] == "failed"


def test_a_calculator_that_keeps_fractions_differs_by_choice_alone() -> None:
    """100.00 in three parts without interest: 33.33 and 33.34 of whole cents, thrice 33.33 of rows that keep fractions."""
    inputs = {"principal": "100", "annual_rate_percent": "0", "number_of_repayments": 3}
    vector = {"id": "thirds", "kind": "schedule_summary", "inputs": inputs, "expected": {"last_instalment": "33.34"}}
    assert outcome(vector)[0] == "passed"

    assert "rows are whole minor units" in outcome(changed(vector, "expected", "last_instalment", to="33.33"))[1]
    assert outcome(changed(vector, "expected", "last_instalment", to="33.32"))[0] == "failed"


def test_a_rate_named_on_its_own_day_differs_by_choice_alone() -> None:
    """In a year of 360 days 3,600.00 at 10 % bear 1.00 a day, at 20 % 2.00: a row of 31 days with the change on the 16th."""
    terms = {
        "annual_rate_percent": "10", "days_in_month": "actual", "days_in_year": "360", "repay_every": 1,
        "repay_unit": "months", "periods": [{"n": 1, "from": "2021-01-01", "due": "2021-02-01"}],
    }  # fmt: skip
    row = {"n": 1, "from": "2021-01-01", "due": "2021-02-01", "principal": "3600.00", "balance": "0.00"}
    events = [
        {"do": "disburse", "date": "2021-01-01", "amount": "3600.00"},
        {"do": "change_rate", "date": "2021-01-16", "annual_rate_percent": "20"},
        {"expect": "periods", "rows": [{**row, "interest": "47.00"}]},  # 15 days of 1.00, 16 of 2.00
    ]
    vector = {"id": "dearer", "kind": "progressive_schedule", "loan": terms, "timeline": events}
    assert outcome(vector)[0] == "passed"

    a_day_earlier = changed(vector, "timeline", 2, "rows", 0, "interest", to="48.00")
    assert "chosen difference: a rate holds from its day on" in outcome(a_day_earlier)[1]
    assert outcome(changed(vector, "timeline", 2, "rows", 0, "interest", to="49.00"))[0] == "failed"
