"""Addresses other than those of devices: whose they are, and what providers say of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.devices import REPLACED, EndpointRow

_WEAKER = {
    "unverified": ("active",),
    "active": ("suspect", "invalid"),
    "suspect": ("active", "unverified"),
    "invalid": ("active", "unverified", "suspect"),
    "opted_out": ("active", "unverified", "suspect", "invalid"),
    "blocked": ("active", "unverified", "suspect", "invalid", "opted_out"),
}
"""State told -> states it takes the place of. That something arrived takes back no word of the borrower's."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address of one borrower. `digests`: its hash under every key, the writing one first; `sealed` for `new_id`."""

    borrower_id: str
    channel: str
    kind: str
    digests: Sequence[str]
    new_id: str
    sealed: bytes = field(repr=False)


def put_state(session: Session, address: Address, *, state: str, reason: str | None, now: datetime) -> bool:
    """Write what is told of an address, as a new row where none is kept; return whether that changed anything.

    A weaker word does not take the place of a stronger one. `active` makes no row: what nobody speaks against can be used.
    """
    known = select(EndpointRow.id, EndpointRow.state).where(
        EndpointRow.borrower_id == address.borrower_id,
        EndpointRow.channel == address.channel,
        EndpointRow.address_digest.in_(address.digests),
        EndpointRow.state != REPLACED,
    )
    rows = session.execute(known.with_for_update()).all()
    if rows:
        ids = [row.id for row in rows if row.state in _WEAKER[state]]
        changes = {"state": state, "reason": reason, "changed_at": now}
        session.execute(update(EndpointRow).where(EndpointRow.id.in_(ids)).values(changes))
        return bool(ids)
    if state == "active":
        return False
    row = {
        "id": address.new_id,
        "borrower_id": address.borrower_id,
        "channel": address.channel,
        "address_kind": address.kind,
        "address_sealed": address.sealed,
        "address_digest": address.digests[0],
        "state": state,
        "reason": reason,
        "changed_at": now,
    }
    session.execute(insert(EndpointRow).values(row))
    return True


def lift_state(session: Session, address: Address, *, lifted: Sequence[str], now: datetime) -> bool:
    """Let an address be used again that is in one of these states; return whether that changed anything."""
    statement = (
        update(EndpointRow)
        .where(
            EndpointRow.borrower_id == address.borrower_id,
            EndpointRow.channel == address.channel,
            EndpointRow.address_digest.in_(address.digests),
            EndpointRow.state.in_(lifted),
        )
        .values(state="active", reason=None, changed_at=now)
    )
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def put_state_by_id(
    session: Session, endpoint_id: str, *, state: str, reason: str | None, unchanged_since: datetime, now: datetime
) -> bool:
    """Write what is told of a stored address, unless it was changed since; return whether that changed anything."""
    statement = (
        update(EndpointRow)
        .where(
            EndpointRow.id == endpoint_id,
            EndpointRow.changed_at <= unchanged_since,
            EndpointRow.state.in_(_WEAKER[state]),
        )
        .values(state=state, reason=reason, changed_at=now)
    )
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def find_owners(session: Session, channel: str, digests: Collection[str]) -> list[str]:
    """Return the borrowers who have this address on a channel, by id."""
    statement = select(EndpointRow.borrower_id).where(
        EndpointRow.address_digest.in_(digests), EndpointRow.channel == channel, EndpointRow.state != REPLACED
    )
    return sorted(set(session.scalars(statement)))


def find_addresses(session: Session, borrower_ids: Collection[str]) -> dict[str, BorrowerRow]:
    """Return these borrowers with their sealed phone and e-mail, and since when what their core says of them stands."""
    statement = select(BorrowerRow).where(BorrowerRow.id.in_(sorted(borrower_ids)))
    return {row.id: row for row in session.scalars(statement)}
