"""A loan's enrolment in credit reporting: what it is reported as, and what ends that."""

from app.domain.credit_gates import DEFAULT, NEGATIVE, POSITIVE

ENDINGS = ("cured", "settled", "raised", "withdrawn", "deleted")
"""cured: nothing is late any more; settled: nothing is owed; raised: another kind took its place; withdrawn: staff ended it;
deleted: what was reported is taken out."""
_RANK = {POSITIVE: 0, NEGATIVE: 1, DEFAULT: 2}


def outranks(kind: str, standing: str) -> bool:
    """Return whether an enrolment as `kind` takes the place of one that stands."""
    return _RANK[kind] > _RANK[standing]
