"""Of whom a report tells: read from the borrower's own record, or from the month before where that has not changed since.

A borrower's name, number, address and phone are sealed one by one and must be opened, parted and put together. What was
frozen a month ago is all that in one piece; whether the record is the same is seen by its sealed bytes, unopened. Each
month's piece is sealed for its own row, so that none opens in another's place.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from app.domain.credit_accounts import CreditConsumer, people_from, people_of
from app.persistence.vault import Vault
from app.services.credit_facts import person_of

_SEALED = ("name_sealed", "national_id_sealed", "address_sealed", "phone_sealed")


class People(NamedTuple):
    """Whom a report names, the JSON of it that is kept sealed, and the mark of the record that it was read from."""

    consumer: CreditConsumer
    told: str
    mark: str


def people_place(snapshot_id: str, loan_id: str) -> str:
    """Return the place under which the people of a report are sealed."""
    return f"credit_reports.people:{snapshot_id}/{loan_id}"


def mark_of(loan: Any) -> str:
    """Return what changes when the borrower's record does: over its sealed bytes, so that it says nothing of them."""
    parts = [bytes(getattr(loan, name) or b"") for name in _SEALED]
    sizes = ",".join(str(len(part)) for part in parts)
    return sha256(b"\0".join((f"{loan.country}:{sizes}".encode(), *parts))).hexdigest()


def read_people(ring: Vault, loan: Any) -> People:
    """Return whom a report on a loan (a row of `queries.credit_snapshots`) names, by the borrower's record."""
    consumer = person_of(ring, loan)
    return People(consumer, orjson.dumps(people_of((consumer,))).decode(), mark_of(loan))


def go_on_with_people(ring: Vault, snapshot_id: str, rows: Mapping[str, Any], loans: Iterable[Any]) -> dict[str, People]:
    """Return loan -> whom a snapshot's row of it names, of those whose borrower's record is the same as then."""
    found: dict[str, People] = {}
    for loan in loans:
        row = rows.get(loan.id)
        if row is None or row.people_sealed is None:
            continue
        mark = mark_of(loan)
        if row.people_mark != mark:
            continue
        told = ring.open(row.people_sealed, place=people_place(snapshot_id, loan.id)) or ""
        consumer, *others = people_from(orjson.loads(told))
        if not others:
            found[loan.id] = People(consumer, told, mark)
    return found
