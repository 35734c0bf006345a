"""Published loan tables against our kernel: `python -m tests.replay_vectors DIR` takes any folder of the format.

Every failure and every vector left out is named. A vector is left out only by name: what the product refuses, or a chosen
difference (both in docs/kernel-choices.md). The last line is `N passed, N failed, N skipped`; exit 1 when any failed.
"""

import json
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.vectors.figures import progressive_schedule, run_figures
from tests.vectors.outcomes import ChosenDifference, Mismatch, Refused
from tests.vectors.timelines import run_timeline

FORMAT = "loan-vector/1"


def run(vector: dict[str, Any]) -> tuple[str, str]:
    """Return (passed | failed | skipped, why)."""
    try:
        if vector["kind"] == "progressive_schedule":
            progressive_schedule(vector)
        elif "timeline" in vector:
            run_timeline(vector)
        else:
            run_figures(vector)
    except Refused as refusal:
        return "skipped", f"refused: {refusal}"
    except ChosenDifference as difference:
        return "skipped", f"chosen difference: {difference}"
    except Mismatch as mismatch:
        return "failed", str(mismatch)
    except Exception:  # a vector that breaks the runner is a failure, and the next one is run all the same
        return "failed", traceback.format_exc(limit=-3).strip().replace("\n", " | ")
    return "passed", ""


def vectors_in(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return (file name, vector) of every vector file in a folder; files of another format are named and left."""
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            print(f"not read: {path.name} is not {FORMAT}")
            continue
        yield from ((path.name, vector) for vector in document["vectors"])


def main(folder: str) -> int:
    """Run every vector in a folder and print what became of it."""
    counts: Counter[str] = Counter()
    for name, vector in vectors_in(Path(folder)):
        outcome, why = run(vector)
        counts[outcome] += 1
        if why:
            print(f"{outcome}: {vector.get('id', '?')} ({vector.get('kind')}, {name}): {why}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python -m tests.replay_vectors DIR")
    sys.exit(main(sys.argv[1]))
