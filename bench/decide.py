"""`decide` alone, on one core: full cases under the law of China, of the United States and of the careful default.

The cases are those of 60 days over a made-up book: loans with their rows, what was sent and decided before, tries that caps
of law count. Each is decided again and again; nothing is read or written.

Run: python -m bench.decide [--loans 300] [--rounds 3].
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from app.domain.cases import Case
from app.domain.decisions import decide
from app.domain.policies import Rules
from app.persistence.db import read_only_engine
from app.persistence.queries.rehearsed_books import find_boundaries, load_books, page_rehearsed
from app.services.rehearsals.lives import Life
from app.services.rehearsals.rules import rules_under
from app.services.rehearsals.settings import RehearsalSettings
from bench.books.rehearsal import NOW, PLACES, TODAY
from bench.rehearsal import build

DAYS = 60
LEAST_PER_SECOND = 2_000
Kept = list[tuple[datetime, Case]]


class KeepingLife(Life):
    """A life that keeps the cases it was decided by."""

    def __init__(self, *given: object, **named: object) -> None:
        self.kept: Kept = []
        super().__init__(*given, **named)  # type: ignore[arg-type]

    def _case(self, at: datetime, has_changed: bool) -> Case:
        case = super()._case(at, has_changed)
        self.kept.append((at, replace(case, decisions=dict(case.decisions))))
        return case


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'book.db'}"
        build(url, Path(folder), given.loans)
        rules, cases = cases_of(url)
    for country, _, _ in PLACES:
        law = country if country in rules.laws else "DEFAULT"
        some = [(at, case) for at, case in cases if case.country == country]
        best = max(per_second(some, rules) for _ in range(given.rounds))
        print(f"figure decide_{law} {best:.0f} decisions/s min {LEAST_PER_SECOND}")


def cases_of(url: str) -> tuple[Rules, Kept]:
    """Return the rules, and every case at which something was decided."""
    settings = RehearsalSettings("active", TODAY, DAYS, payments="scheduled")
    engine = read_only_engine(url)
    kept: Kept = []
    with Session(engine) as session:
        rules = rules_under(session, "active")
        first, _ = find_boundaries(session, lender_id=None, size=1_000_000)
        ids = page_rehearsed(session, lender_id=None, first=first[0], until=None)
        for book in load_books(session, ids, past_since=None):
            life = KeepingLife(book, rules, settings, starts_at=NOW, remembers=False)
            life.run()
            kept += life.kept
    engine.dispose()
    return rules, [(at, case) for at, case in kept if decide(case, rules, at).verdicts]


def per_second(cases: Sequence[tuple[datetime, Case]], rules: Rules) -> float:
    """Return verdicts by second of this process's own time."""
    started, verdicts = time.process_time(), 0
    for at, case in cases:
        verdicts += len(decide(case, rules, at).verdicts)
    return verdicts / (time.process_time() - started)


if __name__ == "__main__":
    main()
