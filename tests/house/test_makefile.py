"""How the environment is made, with a stand-in for Python: whatever was left behind, the next `make` puts it right."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.house.map import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
RUNS = """#!/bin/sh
case "$1 $2" in
  "-m venv") for last; do :; done; rm -rf "$last"; mkdir -p "$last/bin"; cp "$0" "$last/bin/python"; echo made >> made ;;
  "-m pip") echo "$*" >> asked ;;
esac
"""
NEVER_RUNS = "#!/bin/sh\nexit 127\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with nothing to install, and a Python of its own name before all others."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").touch()
    put(tmp_path / "names" / "python3.11", NEVER_RUNS)
    put(tmp_path / "names" / "python3.12", RUNS)
    return tmp_path


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def make(folder: Path) -> "subprocess.CompletedProcess[str]":
    names = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON")}
    names["PATH"] = f"{folder / 'names'}{os.pathsep}{names['PATH']}"
    return subprocess.run(["make", ".venv/.run-ready"], cwd=folder, env=names, capture_output=True, text=True, check=False)


def times_made(folder: Path) -> int:
    return len((folder / "made").read_text().splitlines())


def test_a_python_that_does_not_run_is_passed_over_and_a_second_make_does_nothing(folder: Path) -> None:
    assert make(folder).returncode == 0
    assert make(folder).returncode == 0

    assert times_made(folder) == 1
    assert (folder / "asked").read_text().count("install") == 1


def test_an_environment_without_pip_is_made_anew(folder: Path) -> None:
    put(folder / ".venv" / "bin" / "python", "#!/bin/sh\nexit 1\n")

    done = make(folder)

    assert done.returncode == 0, done.stderr
    assert times_made(folder) == 1


def test_an_environment_whose_python_is_gone_is_made_and_filled_anew(folder: Path) -> None:
    make(folder)
    (folder / ".venv" / "bin" / "python").unlink()
    (folder / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")

    assert make(folder).returncode == 0

    assert times_made(folder) == 2
    assert (folder / "asked").read_text().count("install") == 2


def test_without_any_python_it_says_what_is_needed(folder: Path) -> None:
    for name in ("python3.12", "python3.13", "python3"):
        put(folder / "names" / name, NEVER_RUNS)

    done = make(folder)

    assert done.returncode != 0
    assert "Duecourse needs Python 3.11 or newer; none was found." in done.stderr
