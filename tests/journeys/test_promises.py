"""Promises to pay, from the borrower's word to what the ledger says of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.persistence.models.holds import HoldRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow, DecisionRow
from app.persistence.unit_of_work import reading
from app.services.invariants import check_invariants
from app.services.policies import adopt_content, ensure_default_policy
from tests.builders.journey import Journey

DUE = date(2026, 3, 5)
LATE = datetime(2026, 3, 9, 9, 0, tzinfo=UTC)
"""Four days late, an hour before the ladder's time of day."""


def test_who_promises_and_pays_half_hears_of_the_promise_alone_until_its_day_and_of_the_ladder_after(app: Flask) -> None:
    life = _late_borrower(app)

    (made,) = _promise(life, (10_000, date(2026, 3, 13)))
    life.until(datetime(2026, 3, 12, 12, tzinfo=UTC))
    life.pay("L1", 4_000)
    life.until(datetime(2026, 3, 13, 23, 59, tzinfo=UTC))

    assert made["state"] == "open" and made["timezone"] == "UTC" and made["ends_at"] == "2026-03-14T00:00:00Z"
    assert _said(life, since=LATE) == [
        ("promise", "p-1", "SENT"),
        ("promise", "p+0", "SENT"),
        ("instalment", "d+7", "SUPPRESSED"),
    ] or (
        sorted(_said(life, since=LATE))
        == [("instalment", "d+7", "SUPPRESSED"), ("promise", "p+0", "SENT"), ("promise", "p-1", "SENT")]
    )
    life.until(datetime(2026, 3, 14, 0, 0, tzinfo=UTC))
    (promise,) = life.me("GET", f"/loans/{made['loan_id']}/promises")["items"]
    assert (promise["state"], promise["paid"]["amount_minor"]) == ("partly_kept", 4_000)
    life.until(datetime(2026, 3, 20, 11, tzinfo=UTC))
    assert _said(life, since=datetime(2026, 3, 14, tzinfo=UTC)) == [("instalment", "d+15", "SENT")], "one step, no burst"
    assert [each for each in life.events() if each.startswith("promise.")] == [
        "promise.made.v1", "promise.partly_kept.v1",
    ]  # fmt: skip
    _check(life)


def _late_borrower(app: Flask, **values: Any) -> Journey:
    ensure_default_policy(now=datetime(2026, 3, 2, 9, tzinfo=UTC))
    life = Journey(app, start=datetime(2026, 3, 2, 9, tzinfo=UTC))
    life.put_borrower(zone=values.pop("zone", "UTC"))
    life.put_loan("L1", [DUE, date(2026, 4, 5)], **values)
    life.until(values.get("at", LATE))
    return life


def _promise(life: Journey, *parts: tuple[int, date]) -> list[dict[str, Any]]:
    body = {"parts": [{"amount": life.money(amount), "promised_on": on.isoformat()} for amount, on in parts]}
    return life.me("POST", f"/loans/{_loan_id(life)}/promises", body)["items"]


def _loan_id(life: Journey) -> str:
    return life.me("GET", "/loans")["items"][0]["id"]


def _said(life: Journey, *, since: datetime) -> list[tuple[str, str, str]]:
    with reading() as session:
        rows = session.scalars(
            select(DecisionRow)
            .where(DecisionRow.decided_at >= since)
            .order_by(DecisionRow.occurs_at, DecisionRow.subject_kind)
        )
        return [(row.subject_kind, row.step_key, row.outcome) for row in rows]


def _check(life: Journey) -> None:
    with reading() as session:
        wrong = {name: count for name, count in check_invariants(session, until=life.now).items() if count}
    assert wrong == {}
