"""Published loan tables against our kernel: `python -m tests.replay_vectors DIR` takes any folder of the format.

Every failure and every vector left out is named. A vector is left out only by name: what the product refuses or this runner
does not understand, or a chosen difference (docs/kernel-choices.md). A file that cannot be read is a failure, and so is a
vector that compares nothing. The last line is `N passed, N failed, N skipped`; exit 1 when any failed.
"""

import json
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.domain.errors import ValidationError
from tests.vectors.fields import Fields
from tests.vectors.figures import run_figures
from tests.vectors.outcomes import ChosenDifference, Malformed, Mismatch, Refused, comparisons
from tests.vectors.progressive import progressive_schedule
from tests.vectors.timelines import run_timeline

FORMAT = "loan-vector/1"


def play(fields: Fields) -> None:
    """Play one vector. Raises Malformed, Mismatch, Refused, ChosenDifference, or the kernel's own ValidationError."""
    for name in ("id", "kind"):
        if not isinstance(fields[name], str):
            raise Malformed(f"{name} is not a text")
    difference: ChosenDifference | None = None
    try:
        if fields["kind"] == "progressive_schedule":
            progressive_schedule(fields)
        elif "timeline" in fields:
            run_timeline(fields)
        else:
            run_figures(fields)
    except ChosenDifference as found:  # raised only after everything else was found equal
        difference = found
    fields.refuse_unread()
    if difference:
        raise difference


def run(vector: Any) -> tuple[str, str]:
    """Return (passed | failed | skipped, why) of a vector, or of what `vectors_in` found instead of one."""
    with comparisons() as compared:
        try:
            if isinstance(vector, Exception):
                raise vector
            if not isinstance(vector, dict):
                raise Malformed("a vector is an object")
            play(Fields(vector))
        except (Refused, ValidationError) as refusal:
            return "skipped", f"refused: {refusal}"
        except ChosenDifference as difference:
            return "skipped", f"chosen difference: {difference}"
        except (Mismatch, Malformed) as fault:
            return "failed", str(fault)
        except Exception:  # a vector that breaks the runner is a failure, and the next one is run all the same
            return "failed", traceback.format_exc(limit=-3).strip().replace("\n", " | ")
        return ("passed", "") if compared else ("failed", "nothing was compared")


def vectors_in(folder: Path) -> Iterator[tuple[str, Any]]:
    """Return (file name, vector) of everything in a folder's *.json; in place of a file that has none, the exception why."""
    for path in sorted(folder.glob("*.json")):
        try:
            found = _vectors_of(path.read_text(encoding="utf-8-sig"))
        except (Malformed, Refused) as fault:
            found = [fault]
        except (OSError, ValueError, RecursionError) as fault:  # not UTF-8, not JSON
            found = [Malformed(f"not read: {fault}")]
        yield from ((path.name, vector) for vector in found)


def _vectors_of(text: str) -> list[Any]:
    """Return a document's vectors: a list, or an object that has one. Fractions stay the digits that are written."""
    document = json.loads(text, parse_float=str)
    vectors = document
    if isinstance(document, dict):
        if document.get("format", FORMAT) != FORMAT:
            raise Refused(f"the format {document['format']!r}; this reads {FORMAT}")
        vectors = document.get("vectors")
    if not isinstance(vectors, list):
        raise Malformed("not read: there is no list of vectors")
    if not vectors:
        raise Malformed("not read: the list of vectors is empty")
    return vectors


def main(folder: str) -> int:
    """Run every vector in a folder and print what became of it."""
    counts: Counter[str] = Counter()
    for name, vector in vectors_in(Path(folder)):
        outcome, why = run(vector)
        counts[outcome] += 1
        if why:
            label, kind = (vector.get("id", "?"), vector.get("kind")) if isinstance(vector, dict) else ("?", None)
            print(f"{outcome}: {label} ({kind}, {name}): {why}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python -m tests.replay_vectors DIR")
    sys.exit(main(sys.argv[1]))
