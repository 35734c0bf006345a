"""A book for replays with everything that decides in it: fall-back rungs, holds, hours, opt-outs, caps, arms, tasks."""

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from app.domain.contact_hours import Hours
from app.domain.hold_terms import HoldValues
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from app.persistence.unit_of_work import unit_of_work
from app.services.holds import Teller, put_hold
from app.services.opt_outs import receive_text
from app.services.preferences import set_contact_hours
from tests.builders.book import build_lender, build_loan, pay
from tests.conftest import make_settings

START = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "Asia/Kolkata", "Europe/London", None)
_FALLBACK = [{"channel": "in_app"}, {"channel": "push", "give_up": {"unless": "seen", "after": "PT4H"}}, {"channel": "sms"}]


def build_book(url: str, var_dir: Path, *, people: int = 17) -> None:
    """Borrowers in six zones with two loans each; half of them pay, some late; some are protected for a while."""
    app = create_app(make_settings(url, var_dir))
    with app.app_context():
        schema.upgrade(db.engine)
        lender_id = build_lender(now=START, jurisdiction="GB")
        for number in range(people):
            due = date(2026, 3, 6) + timedelta(days=number % 9)
            given = {"borrower_no": f"B{number}", "lender_id": lender_id, "recorded_at": START, "zone": ZONES[number % 6]}
            given["phone"] = f"+4474001234{number:02}" if number % 4 else None
            for shift in (0, 2):
                built = build_loan(now=START, due=[due + timedelta(days=shift)], **given, loan_no=f"L{number}-{shift}")
                if number % 2:
                    at = datetime.combine(due, time(), UTC) + timedelta(days=number % 5, hours=7)
                    pay(built, 10_000, now=at)
            _protect(built.borrower_id, number, datetime.combine(due, time(), UTC))
        db.session.remove()
        db.engine.dispose()


def _protect(borrower_id: str, number: int, due_at: datetime) -> None:
    holds = {
        3: HoldValues("hardship", START, due_at + timedelta(days=3)),
        8: HoldValues("dispute", due_at + timedelta(days=1, hours=11), None),
        10: HoldValues("promise_to_pay", START, due_at + timedelta(days=5)),
        16: HoldValues("breathing_space", due_at - timedelta(days=2), None),
    }
    with unit_of_work() as work:
        if number in holds:
            put_hold(work, borrower_id, holds[number], teller=Teller("staff:sample"), now=START)
        if number % 7 == 2:
            set_contact_hours(work, borrower_id, Hours(time(17), time(20)), now=START)
        if number == 5:
            receive_text(work, channel="sms", text="STOP", borrower_id=borrower_id, now=START)


def write_policy(folder: Path) -> Path:
    """Write the policy these replays go by, and return its file."""
    steps: list[dict[str, Any]] = [
        {"key": "d-3", "offset_days": -3, "template": "due_soon"},
        {"key": "d-1", "offset_days": -1, "template": "due_soon", "ladder": _FALLBACK},
        {"key": "d+0", "offset_days": 0, "at": {"window": ["09:00", "12:00"]}, "template": "due_today"},
        {"key": "d+1", "offset_days": 1, "template": "overdue_early", "ladder": _FALLBACK},
        {"key": "d+3", "offset_days": 3, "template": "overdue_early", "ladder": _FALLBACK, "experiment": {
            "key": "help-first", "arms": {"asks": 50, "helps": {"percent": 50, "template": "overdue_help"}},
            "outcome": {"paid_by": "P3D"}}},
        {"key": "d+5-call", "offset_days": 5, "at": "14:00", "on_non_working_day": "next",
         "action": {"task": "call", "queue": "early", "sla": "PT8H"}},
        {"key": "d+7", "offset_days": 7, "on_non_working_day": "previous", "template": "overdue_help", "ladder": _FALLBACK},
    ]  # fmt: skip
    document = {
        "policy": "replayed", "version": 1, "jurisdictions": ["UK"], "calendar": {"country": "GB"},
        "caps": [{"per": "borrower", "window": "P1D", "max": 1},
                 {"per": "borrower", "channel": "sms", "window": "P7D", "max": 2}],
        "quiet_hours": {"start": "20:00", "end": "09:00"}, "not_after_margin": "PT10M", "tolerance": {"GBP": "1.00"},
        "stop_on": ["promise_to_pay", "plan_pending"], "holdout": {"key": "p", "percent": 15, "max_stage": "early"},
        "stages": [{"key": "upcoming", "from": -7, "to": -1}, {"key": "due", "from": 0, "to": 0},
                   {"key": "early", "from": 1, "to": 14}],
        "defaults": {"at": "10:00", "expires_after": "PT10H", "ladder": [{"channel": "in_app"}, {"channel": "push"}]},
        "steps": steps,
    }  # fmt: skip
    path = folder / "replayed.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
