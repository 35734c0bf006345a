"""Buckets of days past due. Edges belong to the loan; the default is the one most lenders report by."""

from collections.abc import Sequence
from itertools import pairwise

DEFAULT_EDGES: tuple[int, ...] = (1, 30, 60, 90)
"""First day of each bucket after `current`: current, 1-29, 30-59, 60-89, 90+."""


def bucket(days_past_due: int, edges: Sequence[int] = DEFAULT_EDGES) -> str:
    """Return the name of the bucket, e.g. "current", "1-29", "90+". `edges` ascend; each is a bucket's first day."""
    if days_past_due < edges[0]:
        return "current"
    for low, after in pairwise(edges):
        if days_past_due < after:
            return f"{low}-{after - 1}"
    return f"{edges[-1]}+"
