"""What a provider's stand-in remembers of what it took, so that it can be asked, and whom it has turned away once."""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

_MOST_ITEMS = 20_000


class Memory:
    """Items by their id at the provider, the newest kept; and how often an address met a refusal of the first try."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._turned_away: Counter[tuple[str, str]] = Counter()

    def keep(self, reference: str, item: dict[str, Any]) -> None:
        """Remember one."""
        self._items[reference] = item
        if len(self._items) > _MOST_ITEMS:
            self._items.popitem(last=False)

    def get(self, reference: str) -> dict[str, Any] | None:
        """Return one by its id."""
        return self._items.get(reference)

    def where(self, fits: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return those that fit, the newest first."""
        return [item for item in reversed(self._items.values()) if fits(item)]

    def is_first_try(self, outcome: str, address: str) -> bool:
        """Whether this outcome was not shown to this address yet; the second try is well, the third is turned away again."""
        self._turned_away[outcome, address] += 1
        return self._turned_away[outcome, address] % 2 == 1
