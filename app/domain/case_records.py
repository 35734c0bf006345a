"""Facts of a case that no other part of the book keeps, by the law packs' words: events, requests, notices and the like."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.errors import FieldError, ValidationError, refused_at
from app.domain.law.vocabulary import Vocabulary

RECORDED = frozenset(
    {"events", "requests", "notices", "disputes", "fees", "rates", "agency", "incident", "review", "journey"}
)
"""Facts that may be recorded: lists of objects, of which each record is one element, and objects, of which the newest
counts. What the book knows by itself (holds, consents, positions, contacts) is none of them."""


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """One fact as it was told. `loan_id` None: of all the borrower's loans."""

    list_name: str
    facts: Mapping[str, Any]
    """As written in JSON; `typed_records` reads it."""
    loan_id: str | None = None


def check_record(list_name: str, facts: Any, vocabulary: Vocabulary) -> None:
    """Refuse what the vocabulary does not allow. Raises ValidationError that points at every fault, below /facts."""
    if list_name not in RECORDED:
        raise refused_at("/list", f"{list_name!r} is not one of {', '.join(sorted(RECORDED))}.")
    try:
        vocabulary.read_facts({list_name: [facts] if _is_list(list_name, vocabulary) else facts})
    except ValidationError as refusal:
        prefix = f"/facts/{list_name}/0" if _is_list(list_name, vocabulary) else f"/facts/{list_name}"
        errors = [
            FieldError("/facts" + each.pointer.removeprefix(prefix), each.code, each.detail) for each in refusal.errors
        ]
        told = "; ".join(f"{each.pointer}: {each.detail}" for each in errors)
        raise ValidationError(f"The record is refused: {told}", errors=errors) from None


def typed_records(records: Iterable[CaseRecord], vocabulary: Vocabulary, loan_id: str | None = None) -> dict[str, Any]:
    """Return facts of the records about a loan (and of those about all loans), oldest first. Raises ValidationError."""
    told: dict[str, Any] = {}
    for record in records:
        if record.loan_id not in (None, loan_id):
            continue
        if _is_list(record.list_name, vocabulary):
            told.setdefault(record.list_name, []).append(record.facts)
        else:
            told[record.list_name] = record.facts
    return vocabulary.read_facts(told) if told else {}


def merged(facts: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts with more of them: lists are joined, of objects a field that is stated stands over one that is known."""
    found = dict(facts)
    for name, value in more.items():
        known = found.get(name)
        if isinstance(known, list | tuple) and isinstance(value, list | tuple):
            found[name] = (*known, *(each for each in value if each not in known))
        elif isinstance(known, Mapping) and isinstance(value, Mapping):
            found[name] = {**known, **value}
        else:
            found[name] = value
    return found


def _is_list(list_name: str, vocabulary: Vocabulary) -> bool:
    return vocabulary.facts[list_name].kind == "list"
