"""Giving a demo borrower another address on a channel: a magic one, that something becomes of, or their own again."""

from dataclasses import replace
from datetime import datetime

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, ValidationError
from app.persistence.db import vault
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.devices import DeviceRow, EndpointRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.sandbox.sample_addresses import OWN, Addresses, addresses_of, demo_values
from app.sandbox.sample_lenders import DemoBorrower
from app.sandbox.stand_in.magic import ON_CHANNEL, outcome_of, outcome_of_street
from app.sandbox.virtual_phone import get_borrower_id, get_demo
from app.services.borrowers import put_borrower
from app.services.devices import DeviceValues, put_device
from app.services.opt_outs import receive_text
from app.services.wechat_accounts import bind

_FIELDS = {"sms": "phone", "voice": "phone", "email": "email", "letter": "street"}
_BOUND = ("push", "wechat")


def give_address(borrower_no: str, channel: str, outcome: str, *, now: datetime) -> None:
    """Make the borrower's address on a channel the one that meets an outcome; OWN: their usual one.

    Texts and calls have one phone. Whoever has sent STOP there takes it back by this. Raises NotFoundError,
    ValidationError, ConflictError (no app is registered for push).
    """
    demo = get_demo(borrower_no)
    if channel not in ON_CHANNEL or outcome not in (OWN, *ON_CHANNEL[channel]):
        raise ValidationError("`outcome` is one that this channel has, or own.")
    wanted = addresses_of(demo, outcome)
    with unit_of_work() as work:
        borrower_id = get_borrower_id(work.session, borrower_no)
        receive_text(work, channel=channel, text="START", now=now, borrower_id=borrower_id)
        if channel in _FIELDS:
            field = _FIELDS[channel]
            changed = replace(current_addresses(work.session, demo, borrower_id), **{field: getattr(wanted, field)})
            put_borrower(work, demo_values(demo, changed), now=now, origin="sandbox")
        elif channel == "wechat":
            bind(work, borrower_id, wanted.openid, now=now)
    if channel == "push":
        _give_token(borrower_id, demo, wanted.push_token, now)


def current_addresses(session: Session, demo: DemoBorrower, borrower_id: str) -> Addresses:
    """Return where the borrower is reached now; of what is bound nowhere, the usual address."""
    ring, row = vault(), session.get_one(BorrowerRow, borrower_id)
    own = addresses_of(demo)
    address = orjson.loads(ring.open(row.address_sealed, place=f"borrowers.address:{row.id}") or "[]")
    bound = {}
    for channel in _BOUND:
        statement = (
            select(EndpointRow)
            .where(EndpointRow.borrower_id == borrower_id, EndpointRow.channel == channel, EndpointRow.state != "replaced")
            .order_by(EndpointRow.changed_at.desc(), EndpointRow.id.desc())
            .limit(1)
        )
        endpoint = session.scalar(statement)
        if endpoint is not None:
            bound[channel] = ring.open(endpoint.address_sealed, place=f"endpoints.address:{endpoint.id}")
    return Addresses(
        phone=ring.open(row.phone_sealed, place=f"borrowers.phone:{row.id}") or own.phone,
        email=ring.open(row.email_sealed, place=f"borrowers.email:{row.id}") or own.email,
        street=address[0] if address else own.street,
        openid=bound.get("wechat") or own.openid,
        push_token=bound.get("push") or own.push_token,
    )


def current_outcomes(session: Session, borrower_no: str) -> dict[str, str]:
    """Return by channel which outcome the borrower's address there asks for, OWN for the usual one."""
    demo = get_demo(borrower_no)
    own = addresses_of(demo)
    current = current_addresses(session, demo, get_borrower_id(session, borrower_no))
    return {
        channel: OWN
        if current.of(channel) == own.of(channel)
        else (outcome_of_street if channel == "letter" else outcome_of)(current.of(channel))
        for channel in ON_CHANNEL
    }


def _give_token(borrower_id: str, demo: DemoBorrower, token: str, now: datetime) -> None:
    installation = addresses_of(demo).push_token
    with reading() as session:
        device = session.scalar(
            select(DeviceRow).where(DeviceRow.borrower_id == borrower_id, DeviceRow.installation_id == installation)
        )
        if device is None:
            raise ConflictError("The app is not registered for push: open it on the phone and sign in first.")
        values = DeviceValues(
            installation_id=installation, platform=device.platform, target_kind="token", target=token, zone=device.zone,
            locale=device.locale, app_version=device.app_version, push_permission=device.push_permission,
        )  # fmt: skip
    put_device(borrower_id, values, now=now)
