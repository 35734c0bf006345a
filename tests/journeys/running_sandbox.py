"""`flask sandbox run` for the length of a block, on a port and a folder of its own, and a browser to look at it with."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.sandbox.ports import free_ports
from config import ROOT

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 60_000
"""How long a page is waited for: what it shows goes through several processes, and others work on this machine too."""

_UP = "Ctrl-C ends everything.\n"
_TRIES = 3
"""A port that was free may be somebody else's by the time the sandbox opens it."""


@dataclass
class RunningSandbox:
    process: "subprocess.Popen[str]"
    url: str


def a_browser(playwright: Any) -> Any:
    """Start a browser, patiently. One that does not start is as good as none: the test is skipped."""
    try:
        return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=3 * PATIENCE_MS)
    except Exception as error:
        pytest.skip(f"no browser that starts here: {str(error).splitlines()[0]}")


@contextmanager
def running(var_dir: Path) -> Iterator[RunningSandbox]:
    """Start one and wait until it says that it runs; end it with the block."""
    for _ in range(_TRIES):
        (port,) = free_ports(1)
        process, said = _started(var_dir, port)
        if not said.endswith(_UP):
            process.wait()
            process.stdout.close()  # type: ignore[union-attr]
            if f"Port {port} is taken" in said:
                continue
        break
    try:
        if not said.endswith(_UP):
            pytest.fail(said)
        yield RunningSandbox(process, f"http://127.0.0.1:{port}")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def _started(var_dir: Path, port: int) -> "tuple[subprocess.Popen[str], str]":
    """Start one; return it and what it said until it was up, or ended."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DUECOURSE_")}
    environment.pop("DATABASE_URL", None)
    environment |= {"DUECOURSE_VAR_DIR": str(var_dir), "PORT": str(port), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "sandbox", "run"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if said.endswith(_UP):
            break
    return process, said
