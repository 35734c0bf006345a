"""What a word typed into the search can be: a phone, its last four digits, an e-mail, a number, a reference, a name."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import phonenumbers

from app.domain.creditor_references import references_in
from app.domain.errors import ValidationError, refused_at
from app.domain.names import folded, han_names, name_tokens
from app.persistence.queries.borrower_search import Term
from app.persistence.vault import Vault
from app.services.borrower_hits import KINDS
from app.services.borrowers import PHONE_LAST_DIGITS

LONGEST_TEXT = 200
MOST_TOKENS = 6
"""Words of a name that are looked at; a longer one is refused rather than half read."""
_PHONE = re.compile(r"\+?[\d\s().\-/]+")
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_FEWEST_PHONE_DIGITS, _MOST_PHONE_DIGITS = 6, 17
_LONGEST_REFERENCE = 120
_SHORTEST_HAN = 2


@dataclass(frozen=True, slots=True)
class Words:
    """What to look for. A borrower is found by any of `any_of`, or by all of `name`."""

    any_of: tuple[Term, ...]
    name: tuple[Term, ...]
    kinds: tuple[str, ...]
    """Kinds that are tried, in the order of KINDS."""
    typed: frozenset[str]
    """Folded words of a name as they were typed: a list hides no more of a name than was not known to who asks."""


def read_words(vault: Vault, text: str, kind: str | None, *, region: str | None) -> Words:
    """Return what a text may mean; with a `kind` only that. `region`: where numbers without a country are dialled.

    Raises ValidationError when it can mean nothing, or not that kind.
    """
    text = text.strip()
    if kind is not None and kind not in KINDS:
        raise refused_at("/kind", f"kind is not one of {', '.join(KINDS)}.")
    tried = (kind,) if kind is not None else _possible(text)
    terms = {each: tuple(_READERS[each](vault, text, region)) for each in tried}
    kinds = tuple(each for each in KINDS if terms.get(each))
    if not kinds:
        raise _refusal(kind)
    any_of = tuple(term for each in kinds if each != "name" for term in terms[each])
    typed = frozenset((*name_tokens(text), *han_names(text))) if "name" in kinds else frozenset[str]()
    return Words(any_of, terms.get("name", ()), kinds, typed)


def needs_region(text: str, kind: str | None) -> bool:
    """Return whether a text may be a phone that does not say its country."""
    text = text.strip()
    return kind in (None, "phone") and not text.startswith("+") and _may_be_phone(text)


def _refusal(kind: str | None) -> ValidationError:
    if kind == "name":
        return refused_at("/text", "A name needs a word of letters, or two Chinese characters, and at most six words.")
    wanted = kind.replace("_", " ") if kind else "phone, e-mail, number, reference or name"
    return refused_at("/text", f"That is no {wanted}; write it as it stands on a letter or a card.")


def _possible(text: str) -> tuple[str, ...]:
    """Return the kinds that a text is tried as. One with an @ is an e-mail and nothing else."""
    if "@" in text:
        return ("email",)
    if any(char.isdigit() for char in text):
        return tuple(each for each in KINDS if each not in ("email", "name"))
    return ("loan_no", "borrower_no", "name")


def _phone(vault: Vault, text: str, region: str | None) -> Iterator[Term]:
    if phones := _phones(text, region):
        yield Term("phone", _hashes(vault, "phone", phones))


def _last4(vault: Vault, text: str, _region: str | None) -> Iterator[Term]:
    if len(text) == PHONE_LAST_DIGITS and text.isascii() and text.isdigit():
        yield Term("phone_last4", _hashes(vault, "phone_last4", [text]))


def _email(vault: Vault, text: str, _region: str | None) -> Iterator[Term]:
    if "@" in text[1:-1] and not any(char.isspace() for char in text):
        yield Term("email", _hashes(vault, "email", [folded(text)]))


def _loan_no(_vault: Vault, text: str, _region: str | None) -> Iterator[Term]:
    if _NUMBER.fullmatch(text):
        yield Term("loan_no", tuple(dict.fromkeys((text, text.upper()))))


def _borrower_no(_vault: Vault, text: str, _region: str | None) -> Iterator[Term]:
    if _NUMBER.fullmatch(text):
        yield Term("borrower_no", tuple(dict.fromkeys((text, text.upper()))))


def _payment(_vault: Vault, text: str, _region: str | None) -> Iterator[Term]:
    if 0 < len(text) <= _LONGEST_REFERENCE:
        yield Term("payment_reference", (text,))
        yield Term("bank_reference", (text,))


def _transfer(_vault: Vault, text: str, _region: str | None) -> Iterator[Term]:
    if found := references_in(text).valid:
        yield Term("transfer_reference", found)


def _name(vault: Vault, text: str, _region: str | None) -> Iterator[Term]:
    """Yield a term for each word of a name; a Han name is one, whole or its first two characters."""
    han = han_names(text)
    words = [word for word in name_tokens(text) if not han_names(word)]
    if len(words) + bool(han) > MOST_TOKENS or (han and len(han[0]) < _SHORTEST_HAN):
        return
    if han:
        yield Term("name_han", _hashes(vault, "name_han", [han[0]]))
    for word in words:
        yield Term("name_token", _hashes(vault, "name_token", [word]))


_READERS: Mapping[str, Callable[[Vault, str, str | None], Iterator[Term]]] = {
    "phone": _phone,
    "phone_last4": _last4,
    "email": _email,
    "loan_no": _loan_no,
    "borrower_no": _borrower_no,
    "name": _name,
    "payment_reference": _payment,
    "transfer_reference": _transfer,
}


def _phones(text: str, region: str | None) -> list[str]:
    """Return what a number may be in E.164: as it stands, with a plus before it, and dialled in the region."""
    if not _may_be_phone(text):
        return []
    international = text.startswith("+")
    readings = [(text, None)] if international else [(text, region), (f"+{text.lstrip('0')}", None)]
    found: dict[str, None] = {}
    for written, where in readings:
        try:
            number = phonenumbers.parse(written, where)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            found[phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)] = None
    return list(found)


def _may_be_phone(text: str) -> bool:
    digits = sum(char.isdigit() for char in text)
    return _PHONE.fullmatch(text) is not None and _FEWEST_PHONE_DIGITS <= digits <= _MOST_PHONE_DIGITS


def _hashes(vault: Vault, kind: str, values: Iterable[str]) -> tuple[str, ...]:
    """Return the hash of each value under every key of the ring."""
    return tuple(each.digest for value in values for each in vault.search_hashes(kind, value))
