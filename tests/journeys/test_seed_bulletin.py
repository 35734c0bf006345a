"""The bulletin that this project began with: 18 March to 26 April 2020, out of forty days of events in a generated book.

The figures are a result: some of the book is stopped by disputes, holds, lacking consents and notices that nobody can prove.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import clock
from app.channels.base import DeliveryResult, Outcome, Outgoing
from app.domain.bulletins import ALL
from app.domain.collateral_events import EventKind
from app.domain.deliveries import DeliveryReport, Told
from app.domain.escalation_runs import Assumptions
from app.domain.times import business_date
from app.engine.dispatch import Dispatcher
from app.engine.outgoing import Surroundings
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from app.persistence.ids import new_id
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.escalations import EscalationEventRow, EscalationStepRow
from app.persistence.queries.bulletins import get_bulletin
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import escalation_policies as policies
from app.services.bulletin_checks import verify_bulletin
from app.services.bulletin_drills import Drill, each_row
from app.services.bulletins import WantedBulletin, freeze_bulletin, make_bulletin, publish_bulletin
from app.services.collateral_event_values import EventValues
from app.services.collateral_events import record_events
from app.services.delivery_receipts import apply_reports
from app.services.desk_payments import DeskStaff
from app.services.escalation_approvals import MOST_AT_ONCE, approve_waiting
from app.services.escalation_rehearsals import BEGUN, CUSTODY, rehearse_version
from app.services.escalations import look_at_all
from app.services.letter_documents import set_letters
from app.services.policies import activate_document
from app.services.reminders import sweep
from app.services.rule_parts import use_channels
from app.wording.letter_texts import use_letterheads
from tests.builders.cases import default_document
from tests.builders.credit import enable
from tests.builders.letters import write_letterhead
from tests.conftest import make_settings
from tests.journeys.seed_book import KNOWN_AT, LENDER, SeedBook, days_from, kinds_of, noon, write_book

_T = TypeVar("_T")
SHARE = int(os.environ.get("SEED_BULLETIN_SHARE", "1"))
"""Part of the book while somebody works on this: 100 is a hundredth of it, in seconds."""
FIRST, LAST = date(2020, 3, 18), date(2020, 4, 26)
LETTERS, VEHICLES, PEOPLE, LOANS = 11_894, 4_946, 34_918, 40_000
_HAPPENED = ("handed_over", "done")
DELIVERY_DAYS, CUSTODY_DAYS = 3, 4
POLICY: dict[str, Any] = {
    "escalation_policy": "wind-down",
    "version": 1,
    "description": "A letter to who pledged a vehicle, a report after the notice that came, vehicles last and by people.",
    "jurisdictions": ["CN"],
    "begins": {"days_past_due": 30, "min_overdue": {"CNY": "50.00"}},
    "at": "09:30",
    "steps": [
        {"key": "pre_report_notice", "kind": "pre_report_notice", "days_past_due": 30,
         "notice": {"kind": "negative_info_notice", "template": "negative_info", "channel": "sms"}},
        {"key": "repayment_letter", "kind": "repayment_letter", "days_past_due": 35, "secured_only": True,
         "after": {"step": "pre_report_notice", "days": 5},
         "notice": {"kind": "repayment_letter", "template": "letter_repayment"}},
        {"key": "report", "kind": "report", "days_past_due": 40, "register": "credit", "record": "negative",
         "after": {"step": "pre_report_notice", "days": 10}, "needs": ["forbearance", "cap"]},
        {"key": "referral", "kind": "referral", "days_past_due": 85, "secured_only": True, "law": ["enforce"],
         "needs": ["forbearance", "cap"],
         "after": {"step": "repayment_letter", "days": 10}, "approval": {"people": 1}},
    ],
}  # fmt: skip


@dataclass
class Accepting:
    """A provider that takes whatever it is given; of each it is kept which message it was, and nothing of what it said."""

    name: str
    provider: str = "fake"
    batch: int = 500
    handed: list[str] = field(default_factory=list)

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        self.handed += [each.message_id for each in batch]
        return [DeliveryResult(Outcome.ACCEPTED, provider_reference=each.message_id) for each in batch]

    def close(self) -> None:
        pass


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(make_settings(f"sqlite:///{tmp_path / 'seed.db'}", tmp_path))
    write_letterhead(tmp_path, lender=LENDER, country="CN")
    with app.app_context():
        schema.upgrade(db.engine)
        use_letterheads(tmp_path)
        use_channels(["letter", "sms"])
        yield app
        db.session.remove()
        db.engine.dispose()
    use_channels(())
    use_letterheads(None)
    clock.use(clock.system_now)


def test_the_bulletin_prints_what_happened_and_the_rehearsal_had_said_so(platform: Flask) -> None:
    letters, vehicles, people = (each // SHARE for each in (LETTERS, VEHICLES, PEOPLE))
    book = _prepared(letters, vehicles, people, LOANS // SHARE)

    predicted = _policy_in_force(book)
    taken = _forty_days(book)
    bulletin_id = _published(book)

    with reading() as session:
        _as_rehearsed(session, book, predicted, taken)
        assert _sums(predicted) == {"letters": letters, "vehicles": vehicles, "people": people}
        _shown_in_public(platform, bulletin_id, letters, vehicles, people)
        row = get_bulletin(session, bulletin_id)
        drills = (
            (Drill("letters_sent", ALL), letters, {"vehicle", "secured"}),
            (Drill("letters_sent", "repayment_letter"), letters, {"vehicle", "secured"}),
            (Drill("vehicles_taken", ""), vehicles, {"vehicle"}),
            (Drill("people_reported", ALL), people, {"vehicle", "secured", "unsecured"}),
        )
        for drill, number, kinds in drills:
            rows = list(each_row(session, row, drill, lender_id=book.lender_id, now=noon(LAST)))
            assert len({each.key for each in rows}) == len(rows) == number, drill
            owed = {each for each, kind in book.kind_of.items() if kind in kinds}
            assert {each.borrower_no for each in rows} == owed, drill
        assert verify_bulletin(session, row, now=noon(LAST + timedelta(days=9))).is_equal


def _as_rehearsed(session: Session, book: SeedBook, predicted: dict[str, Any], taken: Counter[date]) -> None:
    """Hold what happened on each day, and what stands in the way of the others, against what had been rehearsed."""
    event, step = EscalationEventRow, EscalationStepRow
    happened: Counter[tuple[str, str]] = Counter({(day.isoformat(), CUSTODY): number for day, number in taken.items()})
    found = select(event.at, event.kind, func.count()).where(event.outcome.in_(_HAPPENED), event.kind.is_not(None))
    found = found.group_by(event.at, event.kind)
    for at, kind, number in session.execute(found):
        happened[business_date(at, "Asia/Shanghai").isoformat(), kind] += number
    rehearsed = {(day, kind): number for day, kind, outcome, number in predicted["by_day"] if outcome in _HAPPENED}
    rehearsed = {key: number for key, number in rehearsed.items() if key[1] != BEGUN}
    assert dict(happened) == rehearsed
    stops = select(step.kind, step.reason, func.count()).where(step.outcome == "stopped").group_by(step.kind, step.reason)
    stopped = {(kind, reason): number for kind, reason, number in session.execute(stops)}
    assert stopped == {(kind, why): number for kind, outcome, why, number in predicted["standing"] if outcome == "stopped"}
    kinds = Counter(book.kind_of.values())
    assert stopped == {
        ("pre_report_notice", "HOLD_DISPUTE"): kinds["disputed"],
        ("pre_report_notice", "HOLD_HARDSHIP"): kinds["in_hardship"],
        ("report", "NO_CONSENT"): kinds["without_consent"],
        ("report", "FORBEARANCE_NOT_CONSIDERED"): kinds["never_assessed"],
    }


def _sums(predicted: dict[str, Any]) -> dict[str, int]:
    counted: Counter[tuple[str, str]] = Counter()
    for _, kind, outcome, number in predicted["by_day"]:
        counted[kind, outcome] += number
    return {
        "letters": counted["repayment_letter", "handed_over"],
        "vehicles": counted[CUSTODY, "done"],
        "people": counted["report", "done"],
    }


def _shown_in_public(platform: Flask, bulletin_id: str, letters: int, vehicles: int, people: int) -> None:
    """Look at the bulletin as anybody can: as JSON, as a page and as a document."""
    client = platform.test_client()
    document = client.get(f"/v1/bulletins/{bulletin_id}").json["document"]
    figures = {each["key"]: each for each in document["figures"]}
    assert _total(figures, "letters_sent") == _cell(figures, "letters_sent", "repayment_letter") == letters
    assert _cell(figures, "letters_delivered", "repayment_letter") == letters
    assert _total(figures, "vehicles_taken") == vehicles
    assert _total(figures, "people_reported") == people
    page = client.get(f"/bulletins/{bulletin_id}", headers={"Accept-Language": "en"}).text
    pdf = client.get(f"/v1/bulletins/{bulletin_id}/pdf", headers={"Accept-Language": "en"}).data
    printed = "".join(each.extract_text() for each in PdfReader(BytesIO(pdf)).pages)
    for number in (letters, vehicles, people):
        assert f"{number:,}" in page
        assert f"{number:,}" in printed


def _prepared(letters: int, vehicles: int, people: int, loans: int) -> SeedBook:
    _at(KNOWN_AT)
    document = default_document() | {"version": 2}
    document["steps"] = [step for step in document["steps"] if step["offset_days"] < 0]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=KNOWN_AT)
    book = _timed("book", lambda: write_book(kinds_of(letters, vehicles, people, loans)))
    enable(book.lender_id, now=KNOWN_AT)
    return book


def _policy_in_force(book: SeedBook) -> dict[str, Any]:
    """Have the policy written, rehearsed, approved by another and put in force; return what the rehearsal says."""
    now = _at(noon(FIRST) - timedelta(hours=1))
    assumed = Assumptions(delivery_days=DELIVERY_DAYS, approval_days=0, custody_days=CUSTODY_DAYS)
    with unit_of_work() as work:
        row = policies.save_draft(work, book.lender_id, POLICY, by="staff:Ann", now=now)
        kept = _timed(
            "rehearsal",
            lambda: rehearse_version(work, row, by="staff:Ann", now=now, days=(LAST - FIRST).days + 1, assumed=assumed),
        )
        policies.approve(work, row, by="staff:Bo", now=now)
        policies.activate(work, row, by="staff:Bo", now=now)
        return kept.result


def _forty_days(book: SeedBook) -> Counter[date]:
    """Let forty days go by; return how many vehicles were taken into custody on which."""
    ways = {name: Accepting(name) for name in ("letter", "sms")}
    dispatcher = Dispatcher(ways, owner="test", claim_batch=500, surroundings=Surroundings(set_letters=set_letters))
    posted: dict[date, list[str]] = {}
    referred: dict[date, list[str]] = {}
    taken: Counter[date] = Counter()
    for day in days_from(FIRST, LAST):
        now = _at(noon(day))
        _timed(f"{day} receipts", _told, posted.pop(day, []), now)
        _timed(f"{day} looks", _look, now)
        _approved(book, now)
        _timed(f"{day} looks", _look, now)
        _timed(f"{day} sweep", _sweep, now)
        for name, way in ways.items():
            _timed(f"{day} {name}", _dispatch, dispatcher, name, now)
            posted.setdefault(day + timedelta(days=DELIVERY_DAYS), []).extend(way.handed)
            way.handed.clear()
        referred[day + timedelta(days=CUSTODY_DAYS)] = _referred(now)
        held = referred.pop(day, [])
        _timed(f"{day} custody", _taken, book, held, day, now)
        taken[day] += len(held)
    return +taken


def _look(now: datetime) -> None:
    look_at_all(now=now)


def _sweep(now: datetime) -> None:
    while sweep(now=now):
        pass


def _dispatch(dispatcher: Dispatcher, lane: str, now: datetime) -> None:
    while dispatcher.run_once(now=now, lane=lane):
        pass


def _told(message_ids: list[str], now: datetime) -> None:
    """Have the providers tell that letters and texts arrived."""
    for start in range(0, len(message_ids), 500):
        with unit_of_work() as work:
            reports = {
                row.id: (row, report) for row, report in (_receipt(each, now) for each in message_ids[start : start + 500])
            }
            work.session.add_all(row for row, _ in reports.values())
            work.session.flush()
            for row_id, outcome in apply_reports(work, list(reports.values()), now=now).items():
                row, _ = reports[row_id]
                row.outcome, row.applied_at = outcome, now


def _receipt(message_id: str, now: datetime) -> tuple[DeliveryReceiptRow, DeliveryReport]:
    row = DeliveryReceiptRow(
        id=new_id(), provider="fake", event_key=f"{message_id}/delivered", kind="report", received_at=now, told="delivered",
        provider_reference=message_id, is_signed=True, outcome="unmatched",
    )  # fmt: skip
    report = DeliveryReport(row.event_key, Told.DELIVERED, reference=message_id, at=now, raw_code="delivered")
    return row, report


def _approved(book: SeedBook, now: datetime) -> None:
    staff = DeskStaff("staff:Bo", "supervisor", book.lender_id)
    while True:
        with unit_of_work() as work:
            done = approve_waiting(work, step_key="referral", most=MOST_AT_ONCE, staff=staff, now=now)
        if not done.ready:
            return


def _referred(now: datetime) -> list[str]:
    """Return the loans that were handed to people at this instant."""
    event = EscalationEventRow
    with reading() as session:
        found = select(event.loan_id).where(event.kind == "referral", event.outcome == "done", event.at == now)
        return list(session.scalars(found))


def _taken(book: SeedBook, loan_ids: list[str], day: date, now: datetime) -> None:
    """Have it told that vehicles were handed over."""
    for start in range(0, len(loan_ids), 500):
        values = [
            EventValues(book.things[loan_id], EventKind.TAKEN.value, day, f"T-{loan_id}", reason="voluntary")
            for loan_id in loan_ids[start : start + 500]
        ]
        with unit_of_work() as work:
            record_events(work, book.lender_id, values, by="staff:Cai", origin="desk:staff:Cai", now=now)


def _published(book: SeedBook) -> str:
    now = _at(noon(LAST + timedelta(days=1)))
    with unit_of_work() as work:
        row = make_bulletin(work, WantedBulletin(FIRST, LAST, book.lender_id), by="staff:Ann", now=now)
        _timed("freeze", lambda: freeze_bulletin(work, row.id, by="staff:Ann", now=now))
        publish_bulletin(work, row.id, by="staff:Bo", now=now)
        return row.id


def _total(figures: dict[str, Any], key: str) -> int:
    (total,) = figures[key]["totals"]
    return int(total["value"])


def _cell(figures: dict[str, Any], key: str, value: str) -> int:
    (cell,) = (each for each in figures[key]["cells"] if each["of"] == [value])
    return int(cell["value"])


def _at(now: datetime) -> datetime:
    clock.use(lambda: now)
    return now


def _timed(what: str, act: Callable[..., _T], *given: Any) -> _T:
    began, cpu = time.perf_counter(), time.process_time()
    made = act(*given)
    taken = time.perf_counter() - began
    if taken > 0.5:
        print(f"{what}: {taken:.1f} s, cpu {time.process_time() - cpu:.1f} s", flush=True)
    return made
