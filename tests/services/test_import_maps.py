"""A map is checked whole before its file is opened, and says where it is wrong."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.domain.errors import RefusedError
from app.services.imports.maps import load_map, parse_map, shipped_maps
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


def test_a_date_column_must_declare_its_formats() -> None:
    document = _document()
    del document["columns"]["due_on"]["formats"]

    assert "/columns/due_on: 'formats' is a required property" in _refusal(document)


def test_a_map_that_is_no_mapping_is_refused() -> None:
    assert "is not of type 'object'" in _refusal(["about"])


def test_the_map_in_the_manual_is_sound() -> None:
    manual = (Path(__file__).resolve().parents[2] / "docs" / "import-maps.md").read_text(encoding="utf-8")

    _compiled(yaml.safe_load(manual.split("```yaml\n")[1].split("```")[0]))
