"""Cases of law against our rules: `python -m tests.replay_rules DIR` takes any folder of the format.

Every failure and every skip is named with file, rule and case. An unknown fact, field, enum value, expected result, test or
matcher is a failure, and so are a file that cannot be read and a case that compares nothing. Cases of rules that a person
decides run too: a match is named and counted as skipped, a mismatch as failed. The last line is
`N passed, N failed, N skipped`; exit 1 when any failed.
"""

import io
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from app.domain.errors import DomainError
from app.domain.law.results import References
from app.domain.law.rules import Rule
from app.domain.law.vocabulary import Vocabulary
from app.services.base_rates import load_fixings
from app.services.law_packs import get_rule
from tests.rule_cases import Case, Malformed, cases_of, compiled, differences, packs_in, vocabulary_of

_CONTENT = Path(__file__).resolve().parents[1] / "app" / "content"
OURS = _CONTENT / "law" / "vocabulary.json"
LPR = _CONTENT / "reference" / "lpr.csv"
BY_PERSON = "person"
CASES_ALONE = {"id", "cases"}
"""A rule of which a file has nothing more is ours, by its id."""


class Outcome(NamedTuple):
    """What became of a case: passed, failed or skipped, and why; `where` names file, rule and case."""

    outcome: str
    where: str
    why: str = ""


def replay(folder: Path) -> Iterator[Outcome]:
    """Run every case of every rule in a folder."""
    references = References(load_fixings(LPR))
    try:
        vocabulary = vocabulary_of(folder, OURS)
    except (DomainError, Malformed) as fault:
        yield Outcome("failed", "the vocabulary", str(fault))
        return
    packs = list(packs_in(folder))
    if not packs:
        yield Outcome("failed", folder.name, "there is no file of rules")
    for pack in packs:
        if pack.fault is not None:
            yield Outcome("failed", pack.file, pack.fault)
        for document in pack.rules:
            yield from _replay_rule(pack.file, document, vocabulary, references)


def _replay_rule(file: str, document: Any, vocabulary: Vocabulary, references: References) -> Iterator[Outcome]:
    named = document.get("id", "?") if isinstance(document, dict) else "?"
    try:
        cases = cases_of(file, document)
    except Malformed as fault:
        yield Outcome("failed", f"{file} {named}", str(fault))
        return
    try:
        is_ours = isinstance(named, str) and document.keys() <= CASES_ALONE
        rule = get_rule(named) if is_ours else compiled(document, vocabulary)
    except DomainError as fault:
        yield from (Outcome("failed", _where(case), "; ".join(_faults(fault))) for case in cases)
        return
    except Exception:
        yield from (Outcome("failed", _where(case), _trace()) for case in cases)
        return
    yield from (_run(case, rule, vocabulary, references) for case in cases)


def _run(case: Case, rule: Rule, vocabulary: Vocabulary, references: References) -> Outcome:
    try:
        found = differences(case, rule, vocabulary, references)
    except DomainError as fault:
        return Outcome("failed", _where(case), "; ".join(_faults(fault)))
    except Malformed as fault:
        return Outcome("failed", _where(case), str(fault))
    except Exception:  # a case that breaks the runner is a failure, and the next one is run all the same
        return Outcome("failed", _where(case), _trace())
    if found:
        return Outcome("failed", _where(case), "; ".join(found))
    if rule.decided_by == BY_PERSON:
        return Outcome("skipped", _where(case), "as expected, but decided by a person: software only notices it")
    return Outcome("passed", _where(case))


def _where(case: Case) -> str:
    return f"{case.file} {case.rule}: {case.name!r}"


def _faults(fault: DomainError) -> list[str]:
    return [f"{each.pointer}: {each.detail}" for each in fault.errors] or [fault.detail]


def _trace() -> str:
    return traceback.format_exc(limit=-3).strip().replace("\n", " | ")


def main(folder: str) -> int:
    """Run every case in a folder and print what became of it. The last line comes whatever the terminal can show."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    counts: Counter[str] = Counter()
    for outcome, where, why in replay(Path(folder)):
        counts[outcome] += 1
        if why:
            print(f"{outcome}: {where}: {why}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python -m tests.replay_rules DIR")
    sys.exit(main(sys.argv[1]))
