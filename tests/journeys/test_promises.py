"""Promises to pay, from the borrower's word to what the ledger says of it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.persistence.models.messages import MessageRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.promises import PromiseRow
from app.persistence.models.reminders import DecisionRow
from app.persistence.unit_of_work import reading, reading_one_state
from app.services.explanations import explain
from app.services.invariants import check_invariants
from app.services.policies import ensure_default_policy
from tests.builders.journey import Journey

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DUE = date(2026, 3, 5)
LATE = datetime(2026, 3, 9, 9, 0, tzinfo=UTC)
"""Four days late, an hour before the ladder's time of day."""


def test_who_promises_and_pays_half_hears_of_the_promise_alone_until_its_day_and_of_the_ladder_after(app: Flask) -> None:
    life = _late_borrower(app)

    (made,) = _promise(life, (10_000, date(2026, 3, 13)))
    life.until(_utc(12, 12))
    life.pay("L1", 4_000)
    life.until(_utc(13, 23, 59))

    assert (made["state"], made["timezone"], made["ends_at"]) == ("open", "UTC", "2026-03-14T00:00:00Z")
    assert _said(life, since=LATE) == [
        ("instalment", "d+7", "SUPPRESSED", "HOLD_PROMISE_TO_PAY"),
        ("promise", "p+0", "SENT", "ON_SCHEDULE"),
        ("promise", "p-1", "SENT", "ON_SCHEDULE"),
    ]
    assert "$60.00" in life.inbox()[0]["body"], "what is left of the promise"
    life.until(_utc(14))
    (promise,) = _list(life)
    assert (promise["state"], promise["paid"]["amount_minor"]) == ("partly_kept", 4_000)
    life.until(_utc(21))
    assert _said(life, since=_utc(14)) == [("instalment", "d+15", "SENT", "ON_SCHEDULE")], "one step, no burst"
    assert _announced(life) == ["promise.made.v1", "promise.partly_kept.v1"]
    _check(life)


def test_who_pays_all_early_has_kept_it_at_once_and_hears_nothing_more_of_it(app: Flask) -> None:
    life = _late_borrower(app)
    _promise(life, (10_000, date(2026, 3, 13)))
    life.until(_utc(10, 12))

    life.pay("L1", 10_000)

    (promise,) = _list(life)
    assert (promise["state"], promise["settled_at"]) == ("kept", "2026-03-10T12:00:00Z")
    life.until(_utc(16))
    assert [said for said in _said(life, since=LATE) if said[0] == "promise"] == []
    assert _announced(life) == ["promise.made.v1", "promise.kept.v1"]
    _check(life)


def test_of_two_parts_the_first_is_kept_and_the_second_broken(app: Flask) -> None:
    life = _late_borrower(app)
    made = _promise(life, (5_000, date(2026, 3, 13)), (5_000, date(2026, 3, 20)))
    assert len({each["group_id"] for each in made}) == 1

    life.until(_utc(13, 11))
    life.pay("L1", 5_000)
    life.until(_utc(20, 23))

    assert [each["state"] for each in reversed(_list(life))] == ["kept", "open"]
    assert ("instalment", "d+15", "SUPPRESSED", "HOLD_PROMISE_TO_PAY") in _said(life, since=LATE), "the second one stands"
    life.until(_utc(21))
    assert [each["state"] for each in reversed(_list(life))] == ["kept", "broken"]
    assert _counts(life) == {"open": 0, "kept": 1, "partly_kept": 0, "broken": 1, "cancelled": 0, "replaced": 0}
    _check(life)


def test_money_that_is_told_late_makes_a_broken_promise_a_kept_one_and_money_taken_back_undoes_it(app: Flask) -> None:
    life = _late_borrower(app)
    _promise(life, (10_000, date(2026, 3, 10)))
    life.until(_utc(11, 9))
    assert _list(life)[0]["state"] == "broken"

    life.pay("L1", 10_000, reference="late", effective_on="2026-03-10")
    assert _list(life)[0]["state"] == "kept"
    life.core("POST", "/payments", {
        "kind": "reversal", "reference": "undone", "reverses_reference": "late", "loan_no": "L1",
        "amount": life.money(10_000), "effective_on": "2026-03-11"})  # fmt: skip

    (promise,) = life.desk("GET", "/borrowers/B1/promises", role="agent")["items"]
    assert [each["state"] for each in promise["history"]] == ["open", "broken", "kept", "broken"]
    assert [each["by"] for each in promise["history"]] == ["borrower", "calendar", "ledger", "ledger"]
    assert _notices() == [("promise_broken", True), ("promise_kept", False)], "what is so no more is taken back"
    assert [item["title"] for item in life.inbox() if item["category"] == "agreements"] == ["We have not received it yet"]
    _check(life)


def test_a_kept_promise_whose_money_is_taken_back_before_its_day_is_open_again_and_reminded_of(app: Flask) -> None:
    life = _late_borrower(app)
    _promise(life, (10_000, date(2026, 3, 13)))
    life.pay("L1", 10_000, reference="bounces")
    assert _list(life)[0]["state"] == "kept"

    life.until(_utc(11, 9))
    life.core("POST", "/payments", {
        "kind": "reversal", "reference": "undone", "reverses_reference": "bounces", "loan_no": "L1",
        "amount": life.money(10_000), "effective_on": "2026-03-11"})  # fmt: skip

    assert _list(life)[0]["state"] == "open"
    life.until(_utc(14))
    assert _list(life)[0]["state"] == "broken"
    assert _said(life, since=_utc(11, 9)) == [
        ("instalment", "d+7", "SUPPRESSED", "HOLD_PROMISE_TO_PAY"),
        ("promise", "p+0", "SENT", "ON_SCHEDULE"),
        ("promise", "p-1", "SENT", "ON_SCHEDULE"),
    ]
    _check(life)


def test_staff_takes_one_by_phone_also_where_the_borrower_may_promise_no_more(app: Flask) -> None:
    life = _late_borrower(app)
    for day in (9, 10, 11):
        life.until(_utc(day, 9))
        _promise(life, (1_000, date(2026, 3, day)))
        life.until(_utc(day + 1))
    body = {"parts": [{"amount": life.money(1_000), "promised_on": "2026-03-13"}]}

    refused = life.me("POST", f"/loans/{_loan_id(life)}/promises", body, good=False)
    assert life.answer.status_code == 403
    assert "a person will find a way" in refused["detail"]
    assert life.me("GET", f"/loans/{_loan_id(life)}/promises")["allowed"]["by_staff_only"] is True
    made = life.desk("POST", "/borrowers/B1/promises", {**body, "loan_no": "L1", "channel": "voice"}, role="agent")

    (taken,) = made["items"]
    assert (taken["made_by"], taken["channel"], taken["state"]) == ("staff:Wang Fang", "voice", "open")
    assert _counts(life)["broken"] == 3
    _check(life)


def test_who_makes_and_takes_back_promise_after_promise_is_asked_to_speak_to_a_person(app: Flask) -> None:
    life = _late_borrower(app)
    held: list[str] = []
    for day in (13, 14, 15, 16):  # each is moved before its day comes; the first in two parts, which are one promise
        parts = [(1_000, date(2026, 3, day)), (1_000, date(2026, 3, day + 7))] if not held else [(1_000, date(2026, 3, day))]
        held = [each["id"] for each in _promise(life, *parts, replaces=held)]
    life.desk("POST", f"/borrowers/B1/promises/{held[0]}/cancel", {}, role="agent")  # a person's doing, and not counted
    body = {"parts": [{"amount": life.money(1_000), "promised_on": "2026-03-18"}]}
    for _ in range(2):
        assert life.me("GET", f"/loans/{_loan_id(life)}/promises")["allowed"]["by_staff_only"] is False
        (made,) = life.me("POST", f"/loans/{_loan_id(life)}/promises", body)["items"]
        life.me("POST", f"/promises/{made['id']}/cancel")

    refused = life.me("POST", f"/loans/{_loan_id(life)}/promises", body, good=False)

    assert life.answer.status_code == 403
    assert "5 promises were taken back, moved or not kept within 365 days; write to us or call" in refused["detail"]
    assert life.me("GET", f"/loans/{_loan_id(life)}/promises")["allowed"]["by_staff_only"] is True
    life.until(_utc(13))
    assert ("instalment", "d+7", "SENT", "ON_SCHEDULE") in _said(life, since=LATE), "reminders go on"
    life.desk("POST", "/borrowers/B1/promises", {**body, "loan_no": "L1", "channel": "voice"}, role="agent")
    _check(life)


def test_the_day_ends_where_the_borrower_lives(app: Flask) -> None:
    life = _late_borrower(app, zone="America/Los_Angeles")
    (made,) = _promise(life, (10_000, date(2026, 3, 10)))
    assert made["ends_at"] == "2026-03-11T07:00:00Z"

    life.until(_utc(11, 6, 59))
    assert _list(life)[0]["state"] == "open", "in UTC the day was over seven hours ago"
    life.pay("L1", 10_000)  # by the lender's calendar it is the day after
    assert _list(life)[0]["state"] == "kept"
    _check(life)


def test_who_takes_a_promise_back_is_reminded_as_before_and_one_that_is_replaced_gives_way(app: Flask) -> None:
    life = _late_borrower(app)
    (first,) = _promise(life, (10_000, date(2026, 3, 13)))

    (second,) = _promise(life, (8_000, date(2026, 3, 24)), replaces=[first["id"]])
    life.until(_utc(12, 10))
    assert [each["state"] for each in reversed(_list(life))] == ["replaced", "open"]
    assert [said for said in _said(life, since=LATE) if said[0] == "promise"] == [], "its day was moved"
    life.me("POST", f"/promises/{second['id']}/cancel")
    life.me("POST", f"/promises/{second['id']}/cancel")  # once is enough
    life.until(_utc(21))

    assert ("instalment", "d+15", "SENT", "ON_SCHEDULE") in _said(life, since=_utc(12, 10))
    assert _announced(life) == ["promise.made.v1", "promise.replaced.v1", "promise.made.v1", "promise.cancelled.v1"]
    life.me("POST", f"/promises/{first['id']}/cancel", good=False)
    assert life.answer.status_code == 409
    _check(life)


def test_what_is_queued_of_the_ladder_is_taken_back_with_the_promise(app: Flask) -> None:
    life = _late_borrower(app)
    life.me("PUT", "/devices/phone-1", {"platform": "android", "push": {"kind": "fid", "value": "f" * 22}}, good=False)
    life.until(_utc(12, 10))  # d+7 waits for a channel that is not there, or went out

    _promise(life, (10_000, date(2026, 3, 16)))

    with reading() as session:
        waiting = session.scalars(select(MessageRow.id).where(MessageRow.state == "queued")).all()
    assert waiting == []
    _check(life)


def test_the_core_tells_of_a_promise_under_its_own_number_once(app: Flask) -> None:
    life = _late_borrower(app)
    told = {"loan_no": "L1", "amount": life.money(10_000), "promised_on": "2026-03-13", "channel": "voice"}

    first = life.core("PUT", "/borrowers/B1/promises/PTP-1", told)
    again = life.core("PUT", "/borrowers/B1/promises/PTP-1", told)
    life.core("PUT", "/borrowers/B1/promises/PTP-1", {**told, "promised_on": "2026-03-14"}, good=False)

    assert life.answer.status_code == 409
    assert first["id"] == again["id"]
    assert _counts(life)["open"] == 1
    life.core("PUT", "/borrowers/B1/promises/PTP-1", {**told, "cancelled": True})
    assert _counts(life)["cancelled"] == 1


def test_why_and_what_comes_tell_of_the_promise(app: Flask) -> None:
    life = _late_borrower(app)
    _promise(life, (10_000, date(2026, 3, 13)))

    coming = [(each["about"], each["status"]) for each in life.me("GET", "/upcoming")["items"]]
    assert ("promise", "planned") in coming
    life.until(_utc(13, 12))
    with reading_one_state() as session:
        found = explain(session, life.borrower_id, date(2026, 3, 13), now=life.now)
    (promise,) = [each for loan in found.loans for each in loan.subjects if each.kind == "promise"]
    assert [(step.step, step.code) for step in promise.steps] == [("p-1", "SENT"), ("p+0", "SENT")]
    assert found.was_contacted


def test_each_change_is_told_to_the_borrower_in_kind_words(app: Flask) -> None:
    life = _late_borrower(app)
    _promise(life, (5_000, date(2026, 3, 10)), (5_000, date(2026, 3, 12)))
    life.pay("L1", 6_000)
    life.until(_utc(13))

    titles = [each["title"] for each in life.inbox()]
    assert "Thank you, you kept your promise" in titles
    assert "A part of it has reached us" in titles


def test_somebody_elses_promise_is_not_there(app: Flask) -> None:
    life = _late_borrower(app)
    (made,) = _promise(life, (10_000, date(2026, 3, 13)))
    life.core("PUT", "/borrowers/B2", {"name": "Zhang San", "phone": "+8613800000002"})
    life.borrower_no, life._me = "B2", None

    life.me("POST", f"/promises/{made['id']}/cancel", good=False)
    assert life.answer.status_code == 404
    life.me("GET", f"/loans/{made['loan_id']}/promises", good=False)
    assert life.answer.status_code == 404


def _late_borrower(app: Flask, *, zone: str = "UTC") -> Journey:
    ensure_default_policy(now=START)
    life = Journey(app, start=START)
    life.put_borrower(zone=zone)
    life.put_loan("L1", [DUE, date(2026, 4, 5)])
    life.until(LATE)
    return life


def _utc(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def _promise(life: Journey, *parts: tuple[int, date], replaces: list[str] | None = None) -> list[dict[str, Any]]:
    told = [{"amount": life.money(amount), "promised_on": on.isoformat()} for amount, on in parts]
    body = {"parts": told, **({"replaces": replaces} if replaces else {})}
    made: list[dict[str, Any]] = life.me("POST", f"/loans/{_loan_id(life)}/promises", body)["items"]
    return made


def _list(life: Journey) -> list[dict[str, Any]]:
    """The promises as the borrower sees them, newest first."""
    found: list[dict[str, Any]] = life.me("GET", f"/loans/{_loan_id(life)}/promises")["items"]
    return found


def _counts(life: Journey) -> dict[str, int]:
    found: dict[str, int] = life.desk("GET", "/borrowers/B1/promises", role="agent")["counts"]
    return found


def _loan_id(life: Journey) -> str:
    return str(life.me("GET", "/loans")["items"][0]["id"])


def _announced(life: Journey) -> list[str]:
    return [each for each in life.events() if each.startswith("promise.")]


def _said(life: Journey, *, since: datetime) -> list[tuple[str, str, str, str]]:
    with reading() as session:
        rows = session.scalars(select(DecisionRow).where(DecisionRow.decided_at >= since))
        return sorted((row.subject_kind, row.step_key, row.outcome, row.reason) for row in rows)


def _check(life: Journey) -> None:
    """Nothing is there that must never be, and nobody has promised more than they gave."""
    with reading() as session:
        wrong = {name: count for name, count in check_invariants(session, until=life.now).items() if count}
        rows = session.scalars(select(PromiseRow)).all()
    assert wrong == {}
    assert all(0 <= row.paid_minor <= row.amount_minor for row in rows)


@pytest.mark.parametrize("held", ["dispute", "hardship", "payment_in_flight"])
def test_nobody_hears_that_money_is_missing_who_disputes_it_needs_help_or_has_it_on_its_way(app: Flask, held: str) -> None:
    life = _late_borrower(app)
    (made,) = _promise(life, (10_000, date(2026, 3, 13)))
    if held == "dispute":
        life.me("POST", f"/loans/{made['loan_id']}/disputes", {"ground": "already_paid", "words": "Paid in cash."})
    elif held == "hardship":
        life.me("POST", "/hardship-requests", {"change": "income_lower"})
    else:
        life.desk("POST", "/borrowers/B1/holds", {"kind": held, "loan_no": "L1", "until": "2026-03-16T00:00:00Z"})

    life.until(_utc(14, 12))

    assert _list(life)[0]["state"] == "broken"
    assert "We have not received it yet" not in [item["title"] for item in life.inbox()]
    assert _announced(life) == ["promise.made.v1", "promise.broken.v1"]
    _check(life)


def _notices() -> list[tuple[str, bool]]:
    """(template, whether it stands) of what the borrower was told of promises."""
    with reading() as session:
        told = session.execute(
            select(NoticeRow.template, NoticeRow.withdrawn_at).where(NoticeRow.template.like("promise_%"))
        )
        return sorted((template, withdrawn_at is None) for template, withdrawn_at in told)
