"""A map is checked whole before its file is opened, and says where it is wrong."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.domain.errors import RefusedError
from app.services.imports.maps import load_map, load_maps, parse_map, shipped_maps
from app.services.imports.values import Records


def _document(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "about": "A plan.",
        "lender": {"code": "x", "name": "X", "jurisdiction": "US", "zone": "UTC", "currency": "USD"},
        "columns": {
            "loan_no": {"header": "Loan", "type": "text"},
            "row_no": {"header": "No", "type": "whole"},
            "due_on": {"header": "Due", "type": "date", "formats": ["%Y-%m-%d"]},
            "principal": {"header": "Principal", "type": "amount"},
        },
        "key": ["loan_no", "row_no"],
        "records": {"plan_row": {"row_no": "row_no", "due_on": "due_on", "principal": "principal"}},
    }
    return given | changes


def _refusal(document: Any) -> str:
    with pytest.raises(RefusedError) as refused:
        _compiled(document)
    return refused.value.detail


def _compiled(document: Any) -> Records:
    parsed = parse_map("mine", document)
    return Records(parsed, parsed.lender)


@pytest.mark.parametrize("name", sorted(shipped_maps()))
def test_every_map_we_ship_is_sound(name: str) -> None:
    parsed = load_map(name)

    assert parsed.about
    Records(parsed, parsed.lender)


def test_an_unknown_map_lists_the_known_ones() -> None:
    with pytest.raises(RefusedError, match=r"Did you mean payments\?.*Known maps: 01_ppdai"):
        load_map("paymants")


def test_a_map_of_ones_own_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(_document()))

    assert load_map(str(path)).name == "mine"


def test_a_map_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("about: [")

    with pytest.raises(RefusedError, match="is not YAML"):
        load_map(str(path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encodng": "gbk"}, "/encodng: unknown key; did you mean 'encoding'?"),
        ({"numbers": {"decimel": ","}}, "/numbers/decimel: unknown key; did you mean 'decimal'?"),
        ({"key": ["loan_nr", "row_no"]}, "/key/0: there is no column 'loan_nr'; did you mean 'loan_no'?"),
        ({"encoding": "utf-9"}, "'utf-9' is not an encoding"),
        ({"currency": "USS"}, "not an ISO 4217 currency"),
        (
            {"records": {"plan_row": {"row_no": "row_no", "due_on": "due_on", "principal": "due_on"}}},
            "/records/plan_row/principal: is of type date; expected amount",
        ),
        (
            {"records": {"plan_row": {"row_no": "row_no", "due_on": "due_on", "principal": {"times": ["principal", 2]}}}},
            "/records/plan_row/principal: must be a column name, or one of constant, sum",
        ),
        (
            {"records": {"plan_row": {"row_no": "row_no", "due_on": "due_on", "principal": {"sum": ["principl"]}}}},
            "there is no column 'principl'; did you mean 'principal'?",
        ),
    ],
)
def test_what_is_wrong_with_a_map_is_said_with_its_place(changes: dict[str, Any], message: str) -> None:
    assert message in _refusal(_document(**changes))


_ENTRY = {"name": "paid", "kind": {"constant": "repayment"}, "amount": "principal", "effective_on": "due_on"}


def _entries(*given: dict[str, Any]) -> dict[str, Any]:
    records = _document()["records"]
    return {"records": records | {"entries": [_ENTRY | entry for entry in given]}}


def _columns(**changes: dict[str, Any]) -> dict[str, Any]:
    return {"columns": _document()["columns"] | changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoding": "rot13"}, "/encoding: 'rot13' is not an encoding"),
        ({"encoding": "undefined"}, "/encoding"),
        ({"delimiter": '"'}, "/delimiter: must be neither"),
        ({"numbers": {"decimal": ",", "group": ","}}, "/numbers/group: must differ from the decimal sign"),
        ({"key": ["loan_no", "loan_no"]}, "/key: names the same column twice"),
        ({"as_of": "loan_no"}, "/as_of: must be a column of type date"),
        ({"currency": {"column": "principal"}}, "/currency/column: must be a column of type currency"),
        (_columns(due_on={"header": "Due", "type": "date", "formats": ["%Y-%Q"]}), "'%Y-%Q' is not a strptime format"),
        (_columns(due_on={"header": "Due", "type": "date", "formats": ["%Y-%m"]}), "does not say day, month and year"),
        (_columns(due_on={"header": "Due", "type": "date", "formats": ["rfc3339"]}), "is an instant"),
        (_columns(due_on={"header": "D", "type": "instant", "formats": ["excel"]}), "no time of day"),
        (_entries({"kind": {"constant": "repaiment"}}), "/entries/0/kind: 'repaiment' is not one of"),
        (_entries({"kind": "loan_no"}), "must be a constant or a column of type code"),
        (_entries({"row_no": {"constant": "one"}}), "/entries/0/row_no: must be a column or a whole number"),
        (_entries({}, {}), "/entries/1/name: 'paid' is used twice"),
        (
            _columns(state={"header": "S", "type": "code", "codes": {"1": "paid"}})
            | _entries({"when": {"column": "state", "in": ["payd"]}}),
            "/entries/0/when/in: 'payd' is none of the codes",
        ),
        ({"records": _document()["records"] | {"tape": {"facts": ["principal"]}}}, "/records/tape: needs to know its day"),
        ({"as_of": {"constant": "2026-02-30"}}, "/as_of/constant: is not a day"),
        ({"loan_by": "account"}, "/loan_by: is for files of payments or standing orders"),
        (
            _columns(principal={"header": "P", "type": "amount", "day": 1}),
            "/columns/principal/day: is for columns of type date",
        ),
        (_columns(due_on={"header": "D", "type": "date", "day": 1, "formats": ["%Y"]}), "'%Y' does not say month and year"),
        (
            _columns(due_on={"header": "D", "type": "date", "day": 1, "formats": ["%Y-%m-%d"]}),
            "says the day; leave out `day`",
        ),
        ({"skip": {"where": [{"column": "state", "in": ["x"], "as": "y"}]}}, "/skip/where/0/column: there is no column"),
        (
            _columns(days_past_due={"header": "D", "type": "text"})
            | {
                "as_of": {"with_the_file": True},
                "records": _document()["records"] | {"tape": {"facts": ["days_past_due"]}},
            },
            "/records/tape/facts/0: days_past_due is held against our figures: its column must be of type whole",
        ),
        (
            {"records": _document()["records"] | {"loan": {"loan_no": "loan_no", "status": {"constant": "aktive"}}}},
            "/records/loan/status: 'aktive' is not one of active, closed, written_off, cancelled; did you mean 'active'?",
        ),
    ],
)
def test_what_could_only_be_guessed_or_would_fail_at_every_row_is_refused_at_once(
    changes: dict[str, Any], message: str
) -> None:
    assert message in _refusal(_document(**changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("about: a\nabout: b\n", "line 2: the key 'about' is there twice"),
        ("about: a\nnulls: {0: x}\n", 'line 2: the key 0 must be text; write "0"'),
        ("[" * 20_000, "nested too deeply"),
    ],
)
def test_yaml_that_would_be_misread_in_silence_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)

    with pytest.raises(RefusedError) as refused:
        load_map(str(path))
    assert message in refused.value.detail


def test_every_part_of_a_map_we_ship_is_sound() -> None:
    parts = [part for name in shipped_maps() for part in load_maps(name)]

    assert {"berka/loans", "berka/orders", "berka/statement"} < {part.name for part in parts}
    assert all(Records(part, part.lender) for part in parts)


def test_a_part_of_a_map_can_be_named() -> None:
    assert [part.name for part in load_maps("berka/orders")] == ["berka/orders"]
    with pytest.raises(RefusedError, match="has no part 'order'; it has loans, orders, statement"):
        load_maps("berka/order")


def test_a_date_column_must_declare_its_formats() -> None:
    document = _document()
    del document["columns"]["due_on"]["formats"]

    assert "/columns/due_on: 'formats' is a required property" in _refusal(document)


def test_a_map_that_is_no_mapping_is_refused() -> None:
    assert "is not of type 'object'" in _refusal(["about"])


def test_the_map_in_the_manual_is_sound() -> None:
    manual = (Path(__file__).resolve().parents[2] / "docs" / "import-maps.md").read_text(encoding="utf-8")

    _compiled(yaml.safe_load(manual.split("```yaml\n")[1].split("```")[0]))
