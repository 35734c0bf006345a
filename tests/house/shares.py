"""How many tests there are, and how many of them take a database: `python -m tests.house.shares`."""

import contextlib
import inspect
import io
import sys
from collections import Counter

import pytest

TAKES_A_DATABASE = {"app", "sqlite_book", "sqlite_app", "postgresql_app", "postgresql_url"}
"""Fixtures of tests/conftest.py that are a database or stand on one."""
OPENS_ONE = ("sqlite:///", "DUECOURSE_VAR_DIR")
"""What a test or its fixture writes when it makes a database of its own, or starts processes on one."""


class Shares:
    """A plugin that counts instead of running."""

    def __init__(self) -> None:
        self.tests: Counter[str] = Counter()
        self.with_database: Counter[str] = Counter()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            room = item.path.parent.name
            self.tests[room] += 1
            self.with_database[room] += _takes_database(item)


def _takes_database(item: pytest.Item) -> bool:
    assert isinstance(item, pytest.Function)
    fixtures = item._fixtureinfo.name2fixturedefs
    if TAKES_A_DATABASE & set(fixtures):
        return True
    own = [definition.func for definitions in fixtures.values() for definition in definitions[-1:] if definition.baseid]
    return any(mark in inspect.getsource(function) for function in [item.function, *own] for mark in OPENS_ONE)


def main() -> None:
    """Print one line per room and the whole."""
    shares = Shares()
    with contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main(["--collect-only", "-q", "-m", "not nightly"], plugins=[shares])
    if code:
        sys.exit("The tests cannot be collected; run them to see why.")
    for room, count in sorted(shares.tests.items()):
        print(f"{room:<12} {count:>5} tests {shares.with_database[room]:>5} with a database")
    count, taking = shares.tests.total(), shares.with_database.total()
    print(f"{'all':<12} {count:>5} tests {taking:>5} with a database, {taking / count:.0%}")


if __name__ == "__main__":
    main()
