"""Who the borrowers of cases are: devices and addresses, holds, consents, wishes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, literal_column, null, or_, select
from sqlalchemy.orm import Session

from app.domain.cases import ConsentFact, OptOut, Wish
from app.domain.consents import ANY, CONSENT_CHANNELS, CONTACT
from app.domain.devices import KnownDevice, state_of
from app.domain.holds import Hold
from app.persistence.among import among, ids_named
from app.persistence.column_types import Instant
from app.persistence.models.borrowers import BorrowerRow, ConsentRow
from app.persistence.models.case_records import CaseRecordRow
from app.persistence.models.deliveries import SubscriptionCreditRow
from app.persistence.models.devices import DeviceRow, EndpointRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.models.promises import PromiseRow
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.case_records import load_case_records
from app.persistence.queries.gathered import Gathered

_IDS = ids_named("b_ids")
_NOW = bindparam("b_now", type_=Instant())
_DEVICES: Any = (
    select(
        DeviceRow.borrower_id, literal_column("'push'").label("channel"), EndpointRow.state, DeviceRow.zone,
        DeviceRow.push_permission, DeviceRow.last_seen_at, DeviceRow.last_seen_at.label("newest_at"), DeviceRow.id,
    )
    .outerjoin(
        EndpointRow,
        and_(
            EndpointRow.borrower_id == DeviceRow.borrower_id,  # leads the index; without it SQLite reads every endpoint
            EndpointRow.device_id == DeviceRow.id,
            EndpointRow.channel == "push",
        ),
    )
    .where(among(DeviceRow.borrower_id, _IDS))
)  # fmt: skip
_ADDRESSES = select(
    EndpointRow.borrower_id, EndpointRow.channel, EndpointRow.state, null(), null(), null(), EndpointRow.changed_at,
    EndpointRow.id,
).where(among(EndpointRow.borrower_id, _IDS), EndpointRow.channel != "push")  # fmt: skip
_REACHED_AT = PreparedSelect.of(
    _DEVICES.union_all(_ADDRESSES).order_by(literal_column("newest_at").desc(), literal_column("id"))
)
"""Where the borrowers can be reached: devices, each with its push address or none, and addresses on other channels."""
_CONSENTS = PreparedSelect.of(
    select(
        ConsentRow.borrower_id, ConsentRow.purpose, ConsentRow.channel, ConsentRow.form, ConsentRow.given,
        ConsentRow.recorded_at,
    )
    .where(among(ConsentRow.borrower_id, _IDS), ConsentRow.recorded_at <= _NOW)
    .order_by(ConsentRow.recorded_at, ConsentRow.id)
)  # fmt: skip
_HOLDS = PreparedSelect.of(
    select(
        HoldRow.borrower_id, HoldRow.loan_id, HoldRow.kind, HoldRow.from_at, HoldRow.until_at, HoldRow.form, HoldRow.by,
        HoldRow.recorded_at, HoldRow.released_at,
    )
    .where(among(HoldRow.borrower_id, _IDS), HoldRow.recorded_at <= _NOW)
    .order_by(HoldRow.recorded_at, HoldRow.id)
)  # fmt: skip
_WISHES = PreparedSelect.of(
    select(
        ContactPreferenceRow.borrower_id, ContactPreferenceRow.kind, ContactPreferenceRow.channel,
        ContactPreferenceRow.from_time, ContactPreferenceRow.until_time, ContactPreferenceRow.place, ContactPreferenceRow.by,
        ContactPreferenceRow.evidence, ContactPreferenceRow.recorded_at,
    )
    .where(
        among(ContactPreferenceRow.borrower_id, _IDS),
        ContactPreferenceRow.recorded_at <= _NOW,
        or_(ContactPreferenceRow.ended_at.is_(None), ContactPreferenceRow.ended_at > _NOW),
    )
    .order_by(ContactPreferenceRow.recorded_at, ContactPreferenceRow.id)
)  # fmt: skip

_CREDITS = PreparedSelect.of(
    select(SubscriptionCreditRow.borrower_id, SubscriptionCreditRow.code).where(
        among(SubscriptionCreditRow.borrower_id, _IDS),
        SubscriptionCreditRow.credits > 0,
        SubscriptionCreditRow.is_refused.is_(False),
    )
)


def _exists_of(table: Any) -> Any:
    return select(table.id).where(table.borrower_id == BorrowerRow.id).exists()


WHETHER_KNOWN = (
    _exists_of(ConsentRow).label("has_consents"),
    _exists_of(HoldRow).label("has_holds"),
    _exists_of(ContactPreferenceRow).label("has_wishes"),
    _exists_of(CaseRecordRow).label("has_records"),
    _exists_of(PromiseRow).label("has_promises"),
)
"""Columns of a borrower's head. What is not known of anybody in a batch is not asked for, and else only of whom it is."""


def add_people(session: Session, gathered: dict[str, Gathered], now: datetime) -> None:
    """Add what is known at `now` of these borrowers besides their loans. Their heads have the columns `WHETHER_KNOWN`."""
    connection = session.connection()
    for row in _REACHED_AT.all(connection, {"b_ids": list(gathered)}):
        parts = gathered[row.borrower_id]
        if row.channel == "push":
            parts.devices.append(device_of(row, now))
        else:
            parts.endpoints.setdefault(row.channel, []).append(row.state)
    said: dict[str, list[Any]] = defaultdict(list)
    for consent in _known(connection, _CONSENTS, [key for key, parts in gathered.items() if parts.head.has_consents], now):
        said[consent.borrower_id].append(consent)
    for borrower_id, rows in said.items():
        take_consents(gathered[borrower_id], rows)
    for hold in _known(connection, _HOLDS, [key for key, parts in gathered.items() if parts.head.has_holds], now):
        gathered[hold.borrower_id].holds.append(hold_of(hold))
    for wish in _known(connection, _WISHES, [key for key, parts in gathered.items() if parts.head.has_wishes], now):
        gathered[wish.borrower_id].wishes.append(wish_of(wish))
    recorded = [key for key, parts in gathered.items() if parts.head.has_records]
    for borrower_id, records in load_case_records(session, recorded, now).items():
        gathered[borrower_id].records = records


def _known(connection: Connection, statement: PreparedSelect, ids: Sequence[str], now: datetime) -> Sequence[Any]:
    return statement.all(connection, {"b_ids": ids, "b_now": now}) if ids else ()


def add_subscriptions(session: Session, gathered: dict[str, Gathered], codes: Mapping[str, frozenset[str]]) -> None:
    """Add the templates for which a borrower has no consent left. `codes`: template -> the provider's ids of it."""
    if not codes:
        return
    left: dict[str, set[str]] = defaultdict(set)
    for row in _CREDITS.all(session.connection(), {"b_ids": list(gathered)}):
        left[row.borrower_id].add(row.code)
    for borrower_id, parts in gathered.items():
        parts.unsubscribed = frozenset(each for each, ids in codes.items() if not ids & left[borrower_id])


def take_consents(parts: Gathered, said: list[Any]) -> None:
    """Turn what a borrower said, oldest first, into consents and opt-outs; per purpose and channel the newest counts.

    A word for `any` channel takes the place of all older ones of its purpose; one for a single channel leaves it standing
    on the others.
    """
    given: dict[tuple[str, str], ConsentFact] = {}
    contact: dict[str, Any] = {}
    for row in said:
        if row.purpose == CONTACT:
            if row.channel == ANY:
                contact.clear()
            contact[row.channel] = row
        elif row.given:
            channel = None if row.channel == ANY else row.channel
            given[row.purpose, row.channel] = ConsentFact(row.purpose, channel, row.recorded_at, None, row.form)
        else:
            if row.channel != ANY:
                _split_any(given, row.purpose)
            for key, consent in given.items():
                if key[0] == row.purpose and row.channel in (ANY, key[1]) and consent.withdrawn_at is None:
                    given[key] = replace(consent, withdrawn_at=row.recorded_at)
    words = [(channel, contact.get(channel, contact.get(ANY))) for channel in CONSENT_CHANNELS] if contact else []
    parts.consents = list(given.values())
    parts.opt_outs = [OptOut(channel, word.recorded_at, word.form) for channel, word in words if word and not word.given]


def _split_any(given: dict[tuple[str, str], ConsentFact], purpose: str) -> None:
    """Put a consent for each channel in the place of one for any, so that one of them can be withdrawn."""
    whole = given.pop((purpose, ANY), None)
    if whole is not None:
        for channel in (*CONSENT_CHANNELS, "in_app"):
            kept = given.get((purpose, channel))
            if kept is None or kept.given_at < whole.given_at:
                given[purpose, channel] = replace(whole, channel=channel)


def device_of(row: Any, now: datetime) -> KnownDevice:
    """Return the value of a row of a device and its push address, as it counts at `now`."""
    return KnownDevice(row.zone, row.push_permission, state_of(row.state, row.last_seen_at, now))


def hold_of(row: Any) -> Hold:
    """Return the value of a row of holds."""
    return Hold(row.kind, row.from_at, row.until_at, row.recorded_at, row.loan_id, row.form, row.by, row.released_at)


def wish_of(row: Any) -> Wish:
    """Return the value of a row of contact preferences."""
    return Wish(row.kind, row.recorded_at, row.channel, row.from_time, row.until_time, row.place, row.by, row.evidence)
