"""Lines of a bank statement as a lender's systems send them."""

from itertools import count
from typing import Any

from tests.builders.journey import Journey

_numbers = count(1)


def send_lines(journey: Journey, *lines: dict[str, Any]) -> list[dict[str, Any]]:
    """Have the lender's systems tell of these lines; return what became of each."""
    found: list[dict[str, Any]] = journey.core("POST", "/statement-lines", {"lines": list(lines)})["results"]
    return found


def a_line(journey: Journey, amount_minor: int, **told: Any) -> dict[str, Any]:
    """A line of today, with a reference of its own unless one is told."""
    return {
        "reference": f"BANK-{next(_numbers)}",
        "booked_on": journey.now.date().isoformat(),
        "amount": journey.money(amount_minor),
        **told,
    }
