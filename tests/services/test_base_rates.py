"""The table of loan prime rates: what comes with Duecourse, and what is refused."""

import csv
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from app.domain.caps import CN_RULE, cap_for
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


CHANGES = [
    ("2019-08-20", "4.25"), ("2019-09-20", "4.20"), ("2019-11-20", "4.15"), ("2020-02-20", "4.05"), ("2020-04-20", "3.85"),
    ("2021-12-20", "3.80"), ("2022-01-20", "3.70"), ("2022-08-22", "3.65"), ("2023-06-20", "3.55"), ("2023-08-21", "3.45"),
    ("2024-07-22", "3.35"), ("2024-10-21", "3.10"), ("2025-05-20", "3.00"),
]  # fmt: skip
"""Every change of the one-year rate, as published. Source: the study of contact law, §8."""


def test_the_table_has_every_change_of_the_one_year_rate_and_no_other() -> None:
    found, last = [], None
    for fixing in load_fixings(LPR_FILE):
        if fixing.one_year != last:
            found.append((fixing.fixed_on.isoformat(), f"{fixing.one_year * 100:.2f}"))
        last = fixing.one_year

    assert found == CHANGES


@pytest.mark.parametrize(("before", "after"), list(pairwise(CHANGES))[4:])
def test_a_change_counts_from_the_whole_of_its_day_and_the_day_before_has_the_old_rate(
    before: tuple[str, str], after: tuple[str, str]
) -> None:
    fixings, on = load_fixings(LPR_FILE), date.fromisoformat(after[0])

    eve, day = (cap_for("CN", "private_lender", each, fixings) for each in (on - timedelta(days=1), on))

    assert eve.annual_rate == Decimal(before[1]) * 4 / 100
    assert (day.annual_rate, day.is_of_fixing_day) == (Decimal(after[1]) * 4 / 100, True)


def test_the_day_after_the_last_that_the_table_covers_has_no_cap() -> None:
    fixings = load_fixings(LPR_FILE)
    last = fixings[-1].fixed_on + CN_RULE.stale_after

    assert cap_for("CN", "private_lender", last, fixings).status == "applies"
    after = cap_for("CN", "private_lender", last + timedelta(days=1), fixings)
    assert (after.status, after.code, after.may_bind) == ("unknown", "fixing-stale", True)
