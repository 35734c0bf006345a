"""`flask sandbox run` for the length of a block, on a port and a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.sandbox.ports import free_ports
from config import ROOT

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 60_000
"""How long a page is waited for: what it shows goes through several processes, and others work on this machine too."""


@dataclass
class RunningSandbox:
    process: "subprocess.Popen[str]"
    url: str


@contextmanager
def running(var_dir: Path) -> Iterator[RunningSandbox]:
    (port,) = free_ports(1)
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
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C ends everything" in line:
            break
    else:
        pytest.fail("".join(said))
    try:
        yield RunningSandbox(process, f"http://127.0.0.1:{port}")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
