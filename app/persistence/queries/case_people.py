"""Who the borrowers of cases are: devices and addresses, holds, consents, wishes."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.domain.cases import ConsentFact, OptOut, Wish
from app.domain.consents import CONTACT
from app.domain.holds import Hold
from app.persistence.models.borrowers import ConsentRow
from app.persistence.models.devices import DeviceRow, EndpointRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.queries.gathered import Gathered

ANY_CHANNEL = "any"


def add_people(session: Session, gathered: dict[str, Gathered], now: datetime) -> None:
    """Add what is known at `now` of these borrowers besides their loans."""
    ids = list(gathered)
    for device in session.execute(_devices(ids)):
        gathered[device.borrower_id].devices.append(device)
    for endpoint in session.execute(
        select(EndpointRow.borrower_id, EndpointRow.channel, EndpointRow.state)
        .where(EndpointRow.borrower_id.in_(ids), EndpointRow.channel != "push")
        .order_by(EndpointRow.changed_at.desc(), EndpointRow.id)
    ):
        gathered[endpoint.borrower_id].endpoints.setdefault(endpoint.channel, []).append(endpoint.state)
    _add_consents(session, gathered, now)
    for hold in session.execute(select(HoldRow.__table__).where(HoldRow.borrower_id.in_(ids), HoldRow.recorded_at <= now)):
        gathered[hold.borrower_id].holds.append(hold_of(hold))
    wishes = select(ContactPreferenceRow.__table__).where(
        ContactPreferenceRow.borrower_id.in_(ids),
        ContactPreferenceRow.recorded_at <= now,
        or_(ContactPreferenceRow.ended_at.is_(None), ContactPreferenceRow.ended_at > now),
    )
    for wish in session.execute(wishes.order_by(ContactPreferenceRow.recorded_at, ContactPreferenceRow.id)):
        gathered[wish.borrower_id].wishes.append(wish_of(wish))


def _devices(ids: list[str]) -> Any:
    return (
        select(DeviceRow.borrower_id, DeviceRow.zone, DeviceRow.push_permission, EndpointRow.state)
        .outerjoin(EndpointRow, and_(EndpointRow.device_id == DeviceRow.id, EndpointRow.channel == "push"))
        .where(DeviceRow.borrower_id.in_(ids))
        .order_by(DeviceRow.last_seen_at.desc(), DeviceRow.id)
    )


def _add_consents(session: Session, gathered: dict[str, Gathered], now: datetime) -> None:
    statement = (
        select(ConsentRow.borrower_id, ConsentRow.purpose, ConsentRow.channel, ConsentRow.form, ConsentRow.given,
               ConsentRow.recorded_at)
        .where(ConsentRow.borrower_id.in_(list(gathered)), ConsentRow.recorded_at <= now)
        .order_by(ConsentRow.recorded_at, ConsentRow.id)
    )  # fmt: skip
    rows: dict[str, list[Any]] = defaultdict(list)
    for row in session.execute(statement):
        rows[row.borrower_id].append(row)
    for borrower_id, said in rows.items():
        take_consents(gathered[borrower_id], said)


def take_consents(parts: Gathered, said: list[Any]) -> None:
    """Turn what a borrower said, oldest first, into consents and opt-outs; per purpose and channel the newest counts."""
    given: dict[tuple[str, str], ConsentFact] = {}
    refused: dict[str, OptOut] = {}
    for row in said:
        channel = None if row.channel == ANY_CHANNEL else row.channel
        key = (row.purpose, row.channel)
        if row.purpose == CONTACT:
            if row.given:
                refused.pop(row.channel, None)
            else:
                refused[row.channel] = OptOut(channel, row.recorded_at, row.form)
        elif row.given:
            given[key] = ConsentFact(row.purpose, channel, row.recorded_at, None, row.form)
        elif (standing := given.get(key)) is not None and standing.withdrawn_at is None:
            given[key] = ConsentFact(row.purpose, channel, standing.given_at, row.recorded_at, standing.form)
    parts.consents = list(given.values())
    parts.opt_outs = list(refused.values())
    parts.push_refused = "push" in refused


def hold_of(row: Any) -> Hold:
    """Return the value of a row of holds."""
    return Hold(row.kind, row.from_at, row.until_at, row.recorded_at, row.loan_id, row.form, row.by, row.released_at)


def wish_of(row: Any) -> Wish:
    """Return the value of a row of contact preferences."""
    return Wish(row.kind, row.recorded_at, row.channel, row.from_time, row.until_time, row.place, row.by, row.evidence)
