"""`make run`: the whole product on one machine, with a sample book and no real provider."""

import base64
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from sqlalchemy import Engine

from app import clock
from app.domain.errors import RefusedError
from app.domain.permissions import ROLES
from app.persistence.unit_of_work import close_session
from app.sandbox.book_making import Say, prepare_book
from app.sandbox.credentials import write_service_account
from app.sandbox.desk_staff import email_of, open_desk
from app.sandbox.ports import HOST, free_ports
from app.sandbox.provider_accounts import SandboxAccounts, write_providers
from app.sandbox.sample_arrears import LETTERHEADS
from app.sandbox.sample_lenders import DEMO_BORROWERS, demo_phone
from app.sandbox.stand_in.client import StandInClient
from app.sandbox.supervisor import Child, Supervisor
from config import ROOT, Settings

WEB_WORKERS, WEB_THREADS = 2, 4
READY_SECONDS = 180.0
"""A busy machine may need long; a process that ends while starting is told at once."""
_opener = build_opener(ProxyHandler({}))


def run(settings: Settings, engine: Engine, say: Say) -> None:
    """Run until SIGINT or SIGTERM. Raises RefusedError (the port is taken, it runs already) and ChildError."""
    with _alone(settings.var_dir):
        check_port(settings.port)
        prepare_book(engine, settings.var_dir, say)
        desk_password = open_desk(settings.var_dir, now=clock.machine_now())
        close_session()
        engine.dispose()
        stand_in_port, smtp_port = free_ports(2)
        accounts = SandboxAccounts(f"http://{HOST}:{stand_in_port}", smtp_port, f"http://{HOST}:{settings.port}")
        environment = child_environment(settings, accounts)
        logs = settings.var_dir / "logs"
        for old in logs.glob("*.log"):
            old.unlink()
        children = [
            Child(name, command, environment, logs / f"{name}.log", ROOT)
            for name, command in commands(settings, accounts).items()
        ]
        supervisor = Supervisor(children, say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, supervisor.request_stop)
        try:
            say("Starting web, engine and provider stand-in ...")
            if supervisor.start(lambda: _is_ready(settings, stand_in_port, logs), ready_seconds=READY_SECONDS):
                say(greeting(settings, stand_in_port, desk_password))
                supervisor.watch()
            say("Stopping ...")
        finally:
            supervisor.stop()
    say("Stopped.")


def check_port(port: int) -> None:
    """Refuse a port that is taken. Raises RefusedError that names a free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise RefusedError(f"Port {port} is taken. Choose another: make run PORT={free_ports(1)[0]}") from None


def child_environment(settings: Settings, accounts: SandboxAccounts) -> dict[str, str]:
    """Return the environment of the children: the same database and keys, and the stand-in as every provider."""
    stand_in_url = accounts.stand_in_url
    credentials = write_service_account(settings.var_dir / "stand-in" / "service-account.json", stand_in_url=stand_in_url)
    own = {
        "DUECOURSE_MODE": "sandbox",
        "DATABASE_URL": settings.database_url,
        "DUECOURSE_KEYS": ",".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in settings.keys.items()),
        "DUECOURSE_VAR_DIR": str(settings.var_dir),
        "PORT": str(settings.port),
        "DUECOURSE_FCM_BASE_URL": stand_in_url,
        "DUECOURSE_FCM_CREDENTIALS": str(credentials),
        "DUECOURSE_SMS_URL": "",  # one of the shell would be a real one
        "DUECOURSE_PROVIDERS": str(write_providers(settings.var_dir / "stand-in" / "providers.json", accounts)),
        "DUECOURSE_LETTERHEADS": str(LETTERHEADS),
        "DUECOURSE_STAND_IN_URL": stand_in_url,
        "PYTHONUNBUFFERED": "1",
    }
    return {**os.environ, **own}


def commands(settings: Settings, accounts: SandboxAccounts) -> Mapping[str, list[str]]:
    """Return the processes in the order they start: the provider before those who call it."""
    python = sys.executable
    store = settings.var_dir / "stand-in" / "received.jsonl"
    return {
        "stand-in": [
            *(python, "-m", "app.sandbox.stand_in", "--port", str(urlsplit(accounts.stand_in_url).port)),
            *("--smtp-port", str(accounts.smtp_port), "--store", str(store), "--posts-back"),
            *("--callback-base", accounts.public_url, "--callback-secret", accounts.callback_secret),
            *("--mail-key", accounts.mail_key),
            *(part for demo in DEMO_BORROWERS for part in ("--rings-at", demo_phone(demo))),
        ],
        "web": [
            *(python, "-m", "gunicorn", "wsgi:app", "--bind", f"{HOST}:{settings.port}", "--worker-class", "gthread"),
            *("--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS), "--graceful-timeout", "5"),
        ],
        "engine": [python, "-m", "flask", "--app", "wsgi", "engine", "run"],
    }


def greeting(settings: Settings, stand_in_port: int, desk_password: str) -> str:
    """Return what to open and how to sign in."""
    url = f"http://{HOST}:{settings.port}"
    people = "\n".join(f"    {demo_phone(demo):15} {demo.name}" for demo in DEMO_BORROWERS)
    return (
        f"\nDuecourse is running.\n\n"
        f"  Sandbox   {url}/sandbox   a phone and a clock: watch a loan come due, pass, and be paid\n"
        f"  Desk      {url}/desk   what the lender's staff sees\n"
        f"  API       {url}/docs\n"
        f"  Provider  http://{HOST}:{stand_in_port}/received   the stand-in for every provider\n"
        f"  Logs      {settings.var_dir / 'logs'}\n\n"
        f"  Sign in with one of these phones; the code arrives on the phone of the sandbox page:\n{people}\n\n"
        f"  At the desk: {', '.join(email_of(role) for role in ROLES)}\n"
        f"    password {desk_password}   code: .venv/bin/flask --app wsgi sandbox desk-code agent (or another role)\n\n"
        f"  Ctrl-C ends everything.\n"
    )


def _is_ready(settings: Settings, stand_in_port: int, logs: Path) -> bool:
    """Whether all answer that somebody is about to use: without the engine no code comes to the phone."""
    if not _engine_has_started(logs / "engine.log"):
        return False
    if not StandInClient(f"http://{HOST}:{stand_in_port}").is_healthy():
        return False
    try:
        with _opener.open(f"http://{HOST}:{settings.port}/readyz", timeout=2) as answer:
            return bool(json.load(answer)["status"] == "ok")
    except (URLError, OSError, ValueError):
        return False


def _engine_has_started(log: Path) -> bool:
    """Whether the engine, which answers at no port, has said so in its log, which began with this start."""
    return log.exists() and b"engine started" in log.read_bytes()


@contextmanager
def _alone(var_dir: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises RefusedError when another sandbox runs on it."""
    var_dir.mkdir(parents=True, exist_ok=True)
    with (var_dir / "sandbox.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RefusedError(
                f"A sandbox is running on {var_dir} already; end it first, or give this one a folder and a port of its own: "
                f"DUECOURSE_VAR_DIR=/path/to/another make run PORT={free_ports(1)[0]}"
            ) from None
        yield
