"""A borrower's phone, e-mail and address as values: read, checked, masked, told apart by keyed hashes."""

from collections.abc import Mapping
from typing import Any

import orjson

from app.domain.book import BorrowerValues, check_texts
from app.domain.contact_changes import ADDRESS, EMAIL, PHONE
from app.domain.errors import ValidationError, refused_at
from app.domain.names import folded
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.vault import Vault
from app.services.phones import check_phone

_MASK = "••••"
MOST_LINES = 6


def values_of(ring: Vault, row: BorrowerRow) -> BorrowerValues:
    """Return what is known of a borrower, opened; without consents, which live elsewhere."""

    def opened(name: str) -> str | None:
        return ring.open(getattr(row, f"{name}_sealed"), place=f"borrowers.{name}:{row.id}")

    address = opened("address")
    return BorrowerValues(
        row.borrower_no, opened("name"), opened("phone"), opened("email"), opened("national_id"),
        tuple(orjson.loads(address)) if address else (), row.country, row.locale, row.zone, row.officer,
        flags=tuple(row.flags),
    )  # fmt: skip


def stated(values: BorrowerValues, kind: str) -> str | None:
    """Return one kind of contact data as a single text: an address as its lines; None: there is none."""
    if kind == ADDRESS:
        return "\n".join(values.address_lines) or None
    return values.phone if kind == PHONE else values.email


def changes_of(kind: str, text: str) -> Mapping[str, Any]:
    """Return the text as the field of `BorrowerValues` it is."""
    return {"address_lines": tuple(text.split("\n"))} if kind == ADDRESS else {kind: text}


def checked(kind: str, text: str) -> str:
    """Return contact data as they are kept. Raises ValidationError without them."""

    cleaned = "\n".join(line.strip() for line in text.strip().splitlines() if line.strip())
    try:
        if kind == PHONE:
            cleaned = "".join(cleaned.split())
            check_phone(cleaned)
        elif kind == EMAIL and ("@" not in cleaned[1:-1] or any(c.isspace() for c in cleaned)):
            raise ValidationError("email is not an e-mail address.")
        elif kind == ADDRESS and not 1 <= cleaned.count("\n") + 1 <= MOST_LINES:
            raise ValidationError(f"An address has 1 to {MOST_LINES} lines.")
        if not cleaned:
            raise ValidationError("It is empty.")
        check_texts(BorrowerValues("-", **changes_of(kind, cleaned)))
    except ValidationError as error:
        raise refused_at("/value", error.detail) from None
    return cleaned


def digest_of(ring: Vault, kind: str, text: str | None, *, key_id: str) -> str | None:
    """Return the keyed hash of contact data, for telling them apart; None of none."""
    if not text:
        return None
    plain = folded(text.strip()) if kind == EMAIL else text
    return ring.search_hash("contact", f"{kind}\0{plain}", key_id=key_id).digest


def masked(kind: str, text: str | None) -> str | None:
    """Return contact data so that who knows them recognises them, and nobody else learns them."""
    if not text:
        return None
    if kind == PHONE:
        return f"{_MASK} {text[-4:]}"
    if kind == EMAIL:
        return f"{text[0]}{_MASK}@{text.rpartition('@')[2]}"
    return f"{text[:2]}{_MASK}"
