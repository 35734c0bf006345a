"""What a page of a statement costs as PDF with Chinese text: CPU of one process, medians, the font already loaded.

One page alone pays for its subset of the font by itself; in a long statement the pages share it. Making the statement out of
its ledger is measured apart.

    python bench/statement_pages.py [--rounds N]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pypdf import PdfReader

from app.wording.statement_pdf import statement_pdf
from tests.builders.statements import document, paid_statement

MOST_MS = 10.0


def median_ms(act: Callable[[], object], rounds: int) -> float:
    """CPU milliseconds of one call."""
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        act()
        taken.append(time.process_time() - began)
    return statistics.median(taken) * 1000


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    began = time.process_time()
    statement_pdf(document(paid_statement(1)))
    print(f"first document of a process, with ReportLab and the font: {(time.process_time() - began) * 1000:.0f} ms CPU")
    figures = []
    for name, instalments in (("one_page", 6), ("long", 200)):
        made = document(paid_statement(instalments))
        data = statement_pdf(made)
        pages = len(PdfReader(BytesIO(data)).pages)
        whole = median_ms(lambda made=made: statement_pdf(made), options.rounds)  # type: ignore[misc]
        building = median_ms(lambda n=instalments: paid_statement(n), options.rounds)  # type: ignore[misc]
        print(
            f"{name}: {2 * instalments} lines, {pages} pages, {len(data)} bytes, {whole:.1f} ms CPU, "
            f"{pages / whole * 1000:.0f} pages/s; putting the statement together {building:.1f} ms"
        )
        figures.append(f"figure statement_{name} {whole / pages:.1f} ms_per_page max {MOST_MS:.0f}")
    print(*figures, sep="\n")


if __name__ == "__main__":
    main()
