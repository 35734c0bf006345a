"""What providers post: stored first, each thing told once, then applied; what cannot be applied yet is tried again.

A row holds, sealed, what was read of the post (and, with the first row of a post, the post itself), so that it can be
applied later as well as now: a receipt may come before our own commit of the reference it names, and a worker may die
between storing and applying.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from app.domain.calls import OUTCOMES
from app.domain.deliveries import Callback, CallOutcome, DeliveryReport, EndpointEvent, InboundMessage, Told
from app.logs import logger
from app.metrics import RECEIPTS, RECEIPTS_WAITING
from app.persistence.ids import new_id
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.queries import delivery_receipts as queries
from app.persistence.unit_of_work import Work, in_unit_of_work, looking, unit_of_work
from app.services.delivery_receipts import apply_reports
from app.services.endpoint_events import apply_event
from app.services.inbound import apply_inbound

BATCH = 100
GIVE_UP = timedelta(hours=96)
"""A receipt for which no message turned up so long is of no message of ours. Providers repeat for up to 72 hours."""
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_KEY = 200
_MOST_UNITS, _LONGEST_CALL = 10_000, 24 * 3600
"""Segments or pages, and seconds: a figure beyond is a mistake, and does not go into our columns."""

Thing = DeliveryReport | InboundMessage | EndpointEvent


def take_callback(callback: Callback, post: bytes, *, now: datetime) -> int:
    """Store everything a post tells and apply it; return how many things were new.

    Once this returns, what was new is committed and the provider may be answered, also where applying it had to wait.
    """
    everything: list[Thing] = [*callback.reports, *callback.inbound, *callback.events]
    rows = [_row(callback, told, now) for told in everything]

    def store(work: Work) -> set[str]:
        return queries.add_receipts(work.session, [_sealed(work, row, post, index) for index, row in enumerate(rows)])

    fresh = in_unit_of_work(store) if rows else set()
    if len(fresh) < len(rows):
        RECEIPTS.labels(callback.provider, "any", "repeated").inc(len(rows) - len(fresh))
    _apply({row["id"]: row["kind"] for row in rows if row["id"] in fresh}, now=now, is_last_try=False)
    return len(fresh)


def apply_waiting(*, now: datetime, limit: int = BATCH) -> int:
    """Apply what was stored and can be applied by now; return how much was. Any number of engines may call it at once."""
    with looking() as session:
        kinds = queries.find_waiting(session, since=now - GIVE_UP, limit=limit)
    return _apply(kinds, now=now, is_last_try=True)


def tidy_waiting(*, now: datetime) -> int:
    """End receipts of no message of ours, and measure how many wait; return how many were ended."""
    with unit_of_work() as work:
        ended = queries.give_up(work.session, before=now - GIVE_UP, limit=1000)
        RECEIPTS_WAITING.set(queries.count_waiting(work.session, before=now - timedelta(minutes=5)))
    return ended


def _apply(kinds: Mapping[str, str], *, now: datetime, is_last_try: bool) -> int:
    """Apply stored receipts: reports together, the rest one by one, so that none of them can hold up another."""
    reports = [key for key, kind in kinds.items() if kind == "report"]
    done = _guarded(reports, now, is_last_try, skip_locked=True) if reports else 0
    if done < len(reports):  # another held a row: now wait for it, one message at a time so that nobody waits in a ring
        done += sum(_guarded([key], now, is_last_try, skip_locked=False) for key in reports)
    for key, kind in kinds.items():
        if kind != "report":
            done += _guarded([key], now, is_last_try, skip_locked=False)
    return done


def _guarded(receipt_ids: Sequence[str], now: datetime, is_last_try: bool, *, skip_locked: bool) -> int:
    """Apply in a unit of work. What fails is logged and stays stored; at its last try, it is put aside for a person."""

    def act(work: Work) -> int:
        return _apply_claimed(work, receipt_ids, now, skip_locked=skip_locked)

    try:
        return in_unit_of_work(act)
    except Exception:
        if len(receipt_ids) > 1:
            return 0  # which of them it is shows when they come one by one
        logger().exception("receipt cannot be applied", receipt_id=receipt_ids[0])
        if is_last_try:
            with unit_of_work() as work:
                for row in queries.claim_receipts(work.session, receipt_ids, skip_locked=True):
                    row.outcome = "broken"
        return 0


def _apply_claimed(work: Work, receipt_ids: Sequence[str], now: datetime, *, skip_locked: bool) -> int:
    rows = queries.claim_receipts(work.session, receipt_ids, skip_locked=skip_locked)
    if not rows:
        return 0
    read = {row.id: orjson.loads(work.vault.open(row.raw_sealed, place=_place(row.id)) or "{}")["read"] for row in rows}
    if rows[0].kind == "report":
        reports = [(row, _report(row, read[row.id])) for row in rows]
        outcomes = apply_reports(work, reports, now=now, skip_locked=skip_locked)
    elif rows[0].kind == "inbound":
        outcomes = {row.id: apply_inbound(work, row, InboundMessage(**_told_at(row, read[row.id])), now=now) for row in rows}
    else:
        outcomes = {row.id: apply_event(work, row, EndpointEvent(**_told_at(row, read[row.id])), now=now) for row in rows}
    for row in rows:
        outcome = outcomes.get(row.id, queries.WAITING)
        if outcome != queries.WAITING:
            row.outcome, row.applied_at = outcome, now
            RECEIPTS.labels(row.provider, row.told, outcome).inc()
    work.session.flush()
    return sum(row.outcome != queries.WAITING for row in rows)


# -- rows --------------------------------------------------------------------------------------------------------------


def _row(callback: Callback, told: Thing, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": new_id(),
        "provider": callback.provider,
        "event_key": _key(told.event_key),
        "received_at": now,
        "provider_reference": None,
        "message_id": None,
        "told_at": told.at if told.at is not None and told.at.tzinfo is not None else None,
        "error_code": None,
        "raw_code": None,
        "is_signed": callback.is_signed,
        "outcome": queries.WAITING,
    }
    if isinstance(told, DeliveryReport):
        read: dict[str, Any] = {
            "verdict": told.verdict,
            "units": None if told.units is None else min(told.units, _MOST_UNITS),
            "call": None if told.call is None else asdict(replace(told.call, seconds=min(told.call.seconds, _LONGEST_CALL))),
        }
        return row | {
            "kind": "report",
            "told": told.told.value,
            "provider_reference": _clipped(told.reference, 200),
            "message_id": _id(told.message_id),
            "error_code": _clipped(told.error_code, 60),
            "raw_code": _clipped(told.raw_code, 60),
            "read": read,
        }
    read = {name: value for name, value in asdict(told).items() if name != "at"}
    if isinstance(told, InboundMessage):
        read["in_reply_to"] = _id(told.in_reply_to)
        return row | {"kind": "inbound", "told": _clipped(told.channel, 20), "message_id": read["in_reply_to"], "read": read}
    return row | {"kind": "event", "told": _clipped(told.kind, 20), "read": read}


def _sealed(work: Work, row: Mapping[str, Any], post: bytes, index: int) -> dict[str, Any]:
    content: dict[str, Any] = {"read": row["read"]}
    if index == 0 and post:
        content["post"] = post.decode("latin-1")
    text = orjson.dumps(content, default=dict).decode()
    kept = {name: value for name, value in row.items() if name != "read"}
    return kept | {"raw_sealed": work.vault.seal(text, place=_place(row["id"]))}


def _report(row: DeliveryReceiptRow, read: Mapping[str, Any]) -> DeliveryReport:
    call = read["call"]
    if call is not None and call["outcome"] not in OUTCOMES:
        call = {**call, "outcome": "failed"}
    return DeliveryReport(
        row.event_key,
        Told(row.told),
        row.provider_reference,
        row.message_id,
        row.told_at,
        row.error_code,
        row.raw_code,
        read["verdict"],
        read["units"],
        None if call is None else CallOutcome(**call),
    )


def _told_at(row: DeliveryReceiptRow, read: Mapping[str, Any]) -> dict[str, Any]:
    return {**read, "at": row.told_at}


def _place(receipt_id: str) -> str:
    return f"delivery_receipts.raw:{receipt_id}"


def _key(event_key: str) -> str:
    """Return the key as it can be stored: a long one by its hash, which tells it apart as well."""
    clean = _CONTROL.sub("", event_key)
    if clean != event_key or len(clean) > _LONGEST_KEY:
        return f"sha256:{hashlib.sha256(event_key.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return clean


def _clipped(text: str | None, most: int) -> str | None:
    return _CONTROL.sub("", text)[:most] if text else None


def _id(message_id: str | None) -> str | None:
    return message_id if message_id and _ID.fullmatch(message_id) else None
