"""The table of loan prime rates: what comes with Duecourse, and what is refused."""

import csv
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from app.domain.errors import ValidationError
from app.services.base_rates import load_fixings
from config import LPR_FILE, Settings, SettingsError


def test_the_table_that_comes_with_duecourse_has_every_month() -> None:
    fixings = load_fixings(LPR_FILE)

    assert fixings[0] == (date(2019, 8, 20), Decimal("0.0425"), Decimal("0.0485"))
    assert len(fixings) >= 86
    assert all(20 < (later.fixed_on - earlier.fixed_on).days <= 36 for earlier, later in pairwise(fixings))


def test_the_table_is_the_reference_data(shared: Path) -> None:
    with (shared / "data" / "reference" / "lpr.csv").open(encoding="utf-8") as file:
        given = {row["date"]: Decimal(row["four_times_one_year_pct"]) / 100 for row in csv.DictReader(file)}
    ours = {fixing.fixed_on.isoformat(): fixing.one_year * 4 for fixing in load_fixings(LPR_FILE)}

    assert given.items() <= ours.items()


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "newer.csv"
    path.write_text("\n".join(("# from somewhere", "date,one_year,five_year,remark", *lines)) + "\n", encoding="utf-8")
    return path


def test_a_newer_table_may_have_remarks_blank_lines_and_any_order(tmp_path: Path) -> None:
    path = written(tmp_path, "2026-10-20,3.00,3.50,a", "", "# cut", "2026-09-20,3.10,3.50,b", "2026-10-20,3.0,3.5,again")

    assert [(fixing.fixed_on.month, fixing.one_year) for fixing in load_fixings(path)] == [
        (9, Decimal("0.031")),
        (10, Decimal("0.03")),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "2026-13-20,3.00,3.50",
        "2026-10-20,3;00,3.50",
        "2026-10-20,3.00",
        "2026-10-20,300,3.50",
        "2026-10-20,-1,3.5",
        "x,y,nan",
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValidationError, match=r"newer.csv, line 4"):
        load_fixings(written(tmp_path, "2026-09-20,3.00,3.50", line))


def test_two_rates_for_one_day_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="another rate for 2026-09-20"):
        load_fixings(written(tmp_path, "2026-09-20,3.00,3.50", "2026-09-20,3.10,3.50"))


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.csv"
    path.write_text("date,rate\n2026-09-20,3.00\n", encoding="utf-8")

    with pytest.raises(ValidationError, match="no column one_year, five_year"):
        load_fixings(path)


def test_a_newer_table_is_named_by_a_setting_and_must_be_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, "2026-09-20,3.00,3.50")
    environment = {"DUECOURSE_VAR_DIR": str(tmp_path), "DUECOURSE_LPR_FILE": str(path)}

    assert Settings.from_env(environment).lpr_file == path
    assert Settings.from_env({"DUECOURSE_VAR_DIR": str(tmp_path)}).lpr_file == LPR_FILE
    with pytest.raises(SettingsError, match="DUECOURSE_LPR_FILE"):
        Settings.from_env({**environment, "DUECOURSE_LPR_FILE": str(tmp_path / "none.csv")})
