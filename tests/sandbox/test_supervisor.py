import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.errors import RefusedError
from app.sandbox import running
from app.sandbox.supervisor import MAX_RESTARTS, Child, ChildError, Supervisor
from tests.builders.patience import PATIENT

SLEEPS = "import signal; signal.pause()"
IGNORES_TERM = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


def a_child(tmp_path: Path, name: str, program: str) -> Child:
    return Child(name, [sys.executable, "-c", program], dict(os.environ), tmp_path / f"{name}.log", tmp_path)


def wait_for(condition: Callable[[], object], seconds: float = PATIENT) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("It did not happen in time.")


def test_all_children_are_gone_after_stop(tmp_path: Path) -> None:
    children = [a_child(tmp_path, name, SLEEPS) for name in ("one", "two")]
    supervisor = Supervisor(children, lambda _text: None)
    assert supervisor.start(lambda: True, ready_seconds=PATIENT)

    supervisor.stop()

    assert not any(child.is_up for child in children)


def test_a_crashed_child_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    child = a_child(tmp_path, "one", SLEEPS)
    supervisor = Supervisor([child], said.append)
    supervisor.start(lambda: True, ready_seconds=PATIENT)
    watching = threading.Thread(target=supervisor.watch)
    watching.start()
    first = child.process.pid  # type: ignore[union-attr]

    os.kill(first, signal.SIGKILL)
    wait_for(lambda: child.is_up and child.process.pid != first)  # type: ignore[union-attr]
    supervisor.request_stop()
    watching.join()
    supervisor.stop()

    assert said == [f"one ended with status -9; started again (1 of {MAX_RESTARTS})."]


def test_a_child_that_keeps_crashing_ends_the_group_with_its_last_words(tmp_path: Path) -> None:
    ready = tmp_path / "once"
    program = f"import pathlib, sys; p = pathlib.Path({str(ready)!r})\nif p.exists(): sys.exit('no more paper')\np.touch()"
    child = a_child(tmp_path, "printer", program)
    supervisor = Supervisor([child], lambda _text: None)
    child.start()
    wait_for(ready.exists)

    with pytest.raises(ChildError, match="no more paper"):
        supervisor.watch()
    supervisor.stop()


def test_a_child_that_ends_while_starting_is_named_with_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor([a_child(tmp_path, "web", "raise SystemExit('no database')")], lambda _text: None)

    with pytest.raises(ChildError, match=r"web ended while starting[\s\S]*no database"):
        supervisor.start(lambda: False, ready_seconds=PATIENT)
    supervisor.stop()


def test_a_child_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sandbox.supervisor.STOP_SECONDS", 0.3)
    child = a_child(tmp_path, "stubborn", IGNORES_TERM)
    supervisor = Supervisor([child], lambda _text: None)
    supervisor.start(lambda: "up" in child.last_words(), ready_seconds=PATIENT)

    supervisor.stop()

    assert not child.is_up


def test_a_taken_port_is_refused_with_the_way_out() -> None:
    with socket.create_server((running.HOST, 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(RefusedError, match=rf"Port {port} is taken.*make run PORT=\d+"):
            running.check_port(port)


def test_two_sandboxes_on_one_folder_are_refused(tmp_path: Path) -> None:
    with running._alone(tmp_path), pytest.raises(RefusedError, match="DUECOURSE_VAR_DIR"), running._alone(tmp_path):
        pass


def test_the_sandbox_is_not_ready_before_its_engine_is(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    assert not running._engine_has_started(log)
    log.write_text('{"event":"loading"}\n')
    assert not running._engine_has_started(log)

    log.write_text('{"owner":"e-1","event":"engine started","level":"info"}\n')

    assert running._engine_has_started(log)
