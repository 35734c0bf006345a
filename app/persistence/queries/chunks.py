"""Cutting long lists for `IN (...)`: databases limit how many values one statement may name."""

from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_SIZE = 500


def chunks(values: Collection[_T], size: int = _SIZE) -> Iterator[Sequence[_T]]:
    """Yield the values in lists of at most `size`."""
    listed = list(values)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]
