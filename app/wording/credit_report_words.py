"""What a borrower reads about a credit report: why it was made, and how to object to it."""

from collections.abc import Mapping
from datetime import date

from app.wording.amounts import written_date

_WHY: Mapping[str, Mapping[str, str]] = {
    "en": {
        "positive": "The loan was paid as agreed on {on}.",
        "negative": "An amount of the loan was overdue on {on}.",
        "default": "The loan was in default on {on}.",
    },
    "zh-CN": {
        "positive": "截至{on}，该笔贷款按约还款。",
        "negative": "截至{on}，该笔贷款存在逾期款项。",
        "default": "截至{on}，该笔贷款处于违约状态。",
    },
}
_OBJECTION: Mapping[str, str] = {
    "en": "If anything in it is wrong, object here. A person looks at it and answers you within {days} days; until then"
    " nothing more is reported against you about it, or the report says that you dispute it.",
    "zh-CN": "如认为有误，可在此提出异议。我们将由专人核查，并在{days}日内答复；"
    "答复前不再报送对您不利的信息，或在报送中注明存在异议。",
}


def why(kind: str, as_of: date, locale: str) -> str:
    """Return why a loan was reported as what it was."""
    words = _WHY.get(locale, _WHY["en"])
    return words[kind].format(on=written_date(as_of, locale))


def objection(days: int, locale: str) -> str:
    """Return how to object, and by when it is answered."""
    return _OBJECTION.get(locale, _OBJECTION["en"]).format(days=days)
