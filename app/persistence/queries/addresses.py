"""Where messages go besides the phone's app: numbers, mail boxes, post addresses, openids; and which of them are dead.

Numbers, mail boxes and post addresses are the borrower's own columns. A row of `endpoints` is kept of one only once
something is known against it; an openid has its row from the start.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.persistence.among import among, ids_named
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.devices import EndpointRow
from app.persistence.prepared import PreparedSelect

_OWN = PreparedSelect.of(
    select(
        BorrowerRow.id,
        BorrowerRow.phone_sealed,
        BorrowerRow.email_sealed,
        BorrowerRow.name_sealed,
        BorrowerRow.address_sealed,
        BorrowerRow.country,
    ).where(among(BorrowerRow.id, ids_named("b_ids")))
)
_OPENIDS = PreparedSelect.of(
    select(EndpointRow.id, EndpointRow.borrower_id, EndpointRow.address_sealed, EndpointRow.address_digest)
    .where(
        among(EndpointRow.borrower_id, ids_named("b_ids")),
        EndpointRow.channel == "wechat",
        EndpointRow.address_kind == "openid",
        EndpointRow.state == "active",
    )
    .order_by(EndpointRow.changed_at.desc(), EndpointRow.id)
)


class DeadAddress(NamedTuple):
    """An address that a provider will not deliver to. `endpoint_id` is for a new row."""

    endpoint_id: str
    borrower_id: str
    channel: str
    address_kind: str
    address_sealed: bytes
    address_digest: str


def find_own_addresses(session: Session, borrower_ids: Iterable[str]) -> dict[str, Any]:
    """Return per borrower the sealed phone, e-mail address, name and post address, and the country."""
    ids = set(borrower_ids)
    return {row.id: row for row in _OWN.all(session.connection(), {"b_ids": ids})} if ids else {}


def find_openids(session: Session, borrower_ids: Iterable[str]) -> dict[str, list[Any]]:
    """Return per borrower the WeChat openids that can be written to, the one bound last first."""
    found: dict[str, list[Any]] = {}
    ids = set(borrower_ids)
    for row in _OPENIDS.all(session.connection(), {"b_ids": ids}) if ids else ():
        found.setdefault(row.borrower_id, []).append(row)
    return found


def put_dead_address(session: Session, dead: DeadAddress, changes: Mapping[str, Any]) -> None:
    """Keep what is known against an address of a borrower's own columns. `changes`: state, reason, changed_at."""
    known = update(EndpointRow).where(
        EndpointRow.borrower_id == dead.borrower_id,
        EndpointRow.channel == dead.channel,
        EndpointRow.address_digest == dead.address_digest,
    )
    if session.execute(known.values(**changes)).rowcount == 0:  # type: ignore[attr-defined]
        values = dead._asdict()
        session.execute(insert(EndpointRow).values(id=values.pop("endpoint_id"), **values, **changes))


def mark_endpoint(session: Session, endpoint_id: str, *, digest: str, state: str, reason: str, now: datetime) -> None:
    """Retire an endpoint, only if the stored target is still the one that was sent."""
    session.execute(
        update(EndpointRow)
        .where(EndpointRow.id == endpoint_id, EndpointRow.address_digest == digest, EndpointRow.state == "active")
        .values(state=state, reason=reason, changed_at=now)
    )
