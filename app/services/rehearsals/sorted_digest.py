"""The digest of more records than memory should hold: sorted runs on disk, merged. The value is `decisions_digest`'s."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from app.domain.digest import digest_of_lines, record_line

RUN_BYTES = 4 * 1024 * 1024
"""Lines are sorted and written whenever so many bytes have come together."""
MOST_OPEN = 128
"""Runs merged at once; more are merged in rounds, as processes may not open files without end."""


class SortedRuns:
    """Gathers lines of one process and writes them to `folder` in sorted runs; each file is one run."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._lines: list[bytes] = []
        self._size = 0
        self._count = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Add one record."""
        line = record_line(record)
        self._lines.append(line)
        self._size += len(line)
        if self._size >= RUN_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what has come together, if anything."""
        if not self._lines:
            return
        self._count += 1
        self._lines.sort()
        with (self._folder / f"{self._name}-{self._count:06}.run").open("wb") as file:
            file.writelines(self._lines)
        self._lines, self._size = [], 0


def digest_of_runs(folder: Path) -> str:
    """Return the digest of all records in the runs of a folder. Merged runs are removed on the way."""
    round_no = 0
    while len(runs := sorted(folder.glob("*.run"))) > MOST_OPEN:
        round_no += 1
        for number, start in enumerate(range(0, len(runs), MOST_OPEN)):
            part = runs[start : start + MOST_OPEN]
            with (folder / f"merged-{round_no:03}-{number:06}.tmp").open("wb") as file:
                file.writelines(_merged(part))
            for path in part:
                path.unlink()
        for path in folder.glob("*.tmp"):
            path.rename(path.with_suffix(".run"))
    return digest_of_lines(_merged(sorted(folder.glob("*.run"))))


def _merged(paths: Iterable[Path]) -> Iterator[bytes]:
    with ExitStack() as stack:
        yield from heapq.merge(*(stack.enter_context(path.open("rb")) for path in paths))
