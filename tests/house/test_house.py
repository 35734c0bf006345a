"""The house itself: its map, its walls where import-linter cannot see, its texts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.reasons import DELIVERY_REASONS, OWNERS, PERSON_FLAGS, Reason
from tests.house.map import MAP, ROOMS, ROOT, write_map

TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
TEXTS = [ROOT / name for name in TRACKED if not name.endswith((".png", ".ico", ".woff2", ".ttf", ".txt"))]


def test_the_map_is_true() -> None:
    assert MAP.read_text(encoding="utf-8") == write_map(), "run: python -m tests.house.map"


def test_the_map_knows_every_room() -> None:
    rooms = {str(path.parent.relative_to(ROOT)) for path in (ROOT / "app").rglob("*.py") if path.stat().st_size}

    assert rooms <= {folder for folder, _ in ROOMS}


def test_the_domain_loads_without_the_rest() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, app.domain.decisions; print(*sorted(sys.modules))"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip

    assert not {"flask", "sqlalchemy", "yaml", "jinja2", "marshmallow"} & set(loaded)


def test_every_requirement_says_what_it_is_for() -> None:
    lines = [line for path in ROOT.glob("requirements*.in") for line in path.read_text().splitlines()]

    assert [line for line in lines if line and not line.startswith(("#", "-")) and " # " not in line] == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-experiments.txt"])
def test_every_package_is_pinned_by_hash(name: str) -> None:
    text = (ROOT / name).read_text()
    pins = re.findall(r"^([\w.\[\]-]+==[^\s\\]+)", text, re.MULTILINE)

    assert pins
    assert "://" not in text
    assert text.count("--hash=sha256:") >= len(pins)


def test_texts_hold_no_machine_paths() -> None:
    found = [str(path.relative_to(ROOT)) for path in TEXTS if path.is_file() and _machine_path(path)]

    assert found == []


def _machine_path(path: Path) -> bool:
    return re.search(r"(?<![\w.])/(work|root|home)/\w", path.read_text(encoding="utf-8", errors="replace")) is not None


def test_every_reason_has_an_owner() -> None:
    assert set(OWNERS) == set(Reason)
    assert set(PERSON_FLAGS.values()) <= set(Reason)
    assert set(OWNERS) <= {Reason(code) for code in DELIVERY_REASONS if code in Reason.__members__}


def test_no_module_is_called_by_what_says_nothing() -> None:
    names = {path.stem for path in (ROOT / "app").rglob("*.py")}

    assert not names & {"utils", "util", "helpers", "helper", "common", "misc", "manager", "data", "info"}


def test_no_property_fails_because_the_machine_is_slow() -> None:
    """A test's own list of health checks stands in the place of the suite's, which lets slow drawing pass."""
    lists = [
        (path.name, one)
        for path in (ROOT / "tests").rglob("*.py")
        for one in re.findall(r"suppress_health_check=(\[[^]]*\]|list\(HealthCheck\))", path.read_text(encoding="utf-8"))
    ]

    assert len(lists) > 5
    assert [each for each in lists if "too_slow" not in each[1] and "list(" not in each[1]] == []
