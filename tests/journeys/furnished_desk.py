"""A lender's desk with one of everything on it: what every page of the console is shown with."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import yaml
from flask import Flask
from sqlalchemy import select

from app.domain.webhook_urls import UrlRules
from app.persistence.ids import new_id
from app.persistence.models.conversations import ConversationRow
from app.persistence.models.desk_acts import DeskPaymentRow, WaiverRow
from app.persistence.models.escalations import EscalationRow
from app.persistence.models.interest_stop_requests import InterestStopRequestRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.statement_lines import StatementLineRow
from app.persistence.models.tasks import TaskRow
from app.persistence.queries.borrowers import get_borrower_id
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.bulletins import WantedBulletin, freeze_bulletin, make_bulletin
from app.services.delivery_figures import count_hours
from app.services.interest_stops import put_stop
from app.services.pass_through import pass_on_due
from app.services.rehearsals.channel_figures import load_figures
from app.services.rehearsals.runs import rehearse
from app.services.rehearsals.settings import RehearsalSettings
from app.services.rehearsals.stored import store_result
from app.services.webhooks import EndpointValues, Owner, put_endpoint, send_test
from tests.builders.book import Built, give_phone
from tests.builders.calls import a_call_task
from tests.builders.credit import a_snapshot
from tests.builders.desk import Seat, a_seat
from tests.builders.escalations import a_document as a_policy
from tests.builders.escalations import look_at, put_in_force
from tests.builders.files import PDF
from tests.builders.journey import Journey
from tests.builders.letters import a_posted_letter
from tests.builders.policies import a_document
from tests.builders.registers import a_standing_report
from tests.builders.sent import a_sent
from tests.builders.statement_lines import a_line, send_lines

BEGIN = datetime(2026, 3, 2, 1, tzinfo=UTC)
TODAY = datetime(2026, 3, 13, 2, 30, tzinfo=UTC)
"""A Friday at half past ten in Shanghai: the day before, a reminder of the missed instalment did not go."""
PHONE, NAME, EMAIL = "+8613800001234", "王小明", "wang.xm@example.test"


@dataclass
class Furnished:
    """`values`: what the variable parts of addresses are filled with, by their names (and, before that, by endpoint)."""

    journey: Journey
    values: dict[str, str]

    @property
    def lender_id(self) -> str:
        """The lender whose desk it is."""
        return self.journey.lender_id

    @property
    def path(self) -> str:
        """Where the borrower's pages begin."""
        return f"/desk/borrowers/{self.values['borrower_no']}"

    def seat(self, app: Flask, **given: Any) -> Seat:
        """Somebody who works there."""
        return a_seat(app, self.lender_id, now=self.journey.now, **given)


def furnished(app: Flask) -> Furnished:
    """Make the desk, through the same doors as any core, borrower and member of staff."""
    it = Journey(app, jurisdiction="CN", zone="Asia/Shanghai", currency="CNY", start=BEGIN, borrower_no="B-1001")
    it.put_borrower(name=NAME, phone=PHONE, email=EMAIL, zone="Asia/Shanghai")
    first, second = datetime(2026, 3, 5, tzinfo=UTC).date(), datetime(2026, 3, 18, tzinfo=UTC).date()
    days = [first, first + timedelta(days=31), first + timedelta(days=61)]
    loan_id = it.put_loan("CN-1001", days, amount_minor=100_000, interest_minor=4_500, product="消费贷")
    other_id = it.put_loan("CN-1002", [second, second + timedelta(days=30)], amount_minor=50_000)
    give_phone(Built(it.lender_id, it.borrower_id, it.borrower_no, loan_id, "CN-1001"), now=BEGIN, zone="Asia/Shanghai")
    it.until(TODAY - timedelta(days=3))
    it.pay("CN-1001", 20_000, reference="PAY-77")
    it.desk("POST", "/borrowers/B-1001/promises", {
        "loan_no": "CN-1001", "channel": "voice",
        "parts": [{"amount": it.money(50_000), "promised_on": (TODAY + timedelta(days=3)).date().isoformat()}],
    }, role="agent")  # fmt: skip
    it.until(TODAY)
    it.me("POST", "/conversations", {"message_id": new_id(), "text": "我上周已经还过一部分，为什么还收到提醒？"})
    dispute = it.me("POST", f"/loans/{other_id}/disputes", {"ground": "amount_wrong", "words": "利息算多了。"})
    it.work()
    built = Built(it.lender_id, it.borrower_id, it.borrower_no, loan_id, "CN-1001")
    letter_id = a_posted_letter(built, now=it.now - timedelta(days=2), title="关于贷款 CN-1001", locale="zh-CN")
    uncertain = a_sent(it.borrower_id, now=it.now - timedelta(hours=1), state="uncertain")
    with unit_of_work() as work:
        owner = Owner(it.lender_id, "ingest:acme", UrlRules())
        put_endpoint(work, owner, "core", EndpointValues("https://core.example/hook", None, (), True), now=it.now)
        send_test(work, owner, "core", now=it.now)
    count_hours(now=it.now, turn=0)
    send_lines(it, a_line(it, 3_300))
    return Furnished(it, {
        **_policies(app, it), **_bulletin(it),
        "borrower_no": it.borrower_no, "jurisdiction": "CN", "rule_id": "CN-QUIET", "task_id": _newest(TaskRow),
        "line_id": _newest(StatementLineRow), "loan_no": "CN-1001", "dispute_id": dispute["id"], "channel": "sms",
        "conversation_id": _newest(ConversationRow), "message_id": uncertain, "name": "core", "letter_id": letter_id,
    })  # fmt: skip


def with_acts(app: Flask, desk: Furnished) -> Furnished:
    """Have staff and the borrower do one of each thing that waits for somebody, for pages that are about one of them."""
    it = desk.journey
    who, senior = desk.seat(app, name="He Ping", role="agent"), desk.seat(app, name="Wu Jie", role="compliance")
    lead = desk.seat(app, name="Ma Li", role="supervisor")
    path = desk.path.removeprefix("/desk")
    for seat in (who, lead):
        assert seat.send(f"{path}/opening", on=path, reason="task").status_code == 303
    today = it.now.date()

    def done(seat: Seat, where: str, on: str | None = None, **values: Any) -> str:
        answer = seat.send(where, on, **values)
        assert answer.status_code == 303, (where, answer.status_code, answer.text.partition('role="alert"')[2][:900])
        return answer.headers["Location"].removeprefix("/desk")

    it.core("POST", "/payments", {
        "reference": "FEE-1", "loan_no": "CN-1001", "kind": "charge", "amount": it.money(30_000), "split": {
            "principal": it.money(0), "interest": it.money(0), "fees": it.money(30_000), "penalties": it.money(0)},
        "effective_on": (today - timedelta(days=1)).isoformat()})  # fmt: skip
    done(who, f"{path}/payments/new", loan_no="CN-1001", amount="20000.00", effective_on=today.isoformat(), method="cash",
         receipt="R-1")  # fmt: skip
    done(who, f"{path}/waivers/new", loan_no="CN-1001", fees="90", reason="hardship")
    change = done(who, f"{path}/contact-changes/new", kind="phone", value="+8613900005678")
    done(senior, "/visits/rules", "/visits", allowed="true", most_people="2")
    visit = done(
        lead, f"{_a_late_neighbour(it, lead)}/visits/new", place="home", begins=f"{today + timedelta(days=1)}T14:00",
        hours="1", name_1="He Ping", identity_no_1="HF-1", override_reason="Agreed on the phone.",
    )  # fmt: skip
    spare = it.put_loan("CN-1003", [today + timedelta(days=9)], amount_minor=10_000)
    it.pay("CN-1003", 12_000)
    refund = it.me("POST", f"/loans/{spare}/refunds", {})
    plan = it.desk("POST", "/loans/CN-1001/plan-requests", {"kind": "catch_up", "terms": {"rows": 2}}, role="agent")
    help_asked = it.me("POST", "/hardship-requests", {"change": "income_lost"})
    canned = done(who, "/canned-replies/new", **{
        "key": "friday", "title": "周五可以", "texts/en": "{{ lender }}: Friday is fine.",
        "texts/zh-CN": "{{ lender }}：周五还款可以。"})  # fmt: skip
    done(who, f"/conversations/{desk.values['conversation_id']}/reply", f"/conversations/{desk.values['conversation_id']}",
         text="对账单在附件里。", content=(BytesIO(PDF), "对账单.pdf"))  # fmt: skip
    _escalated(it)
    it.desk("PUT", "/funding/funders/F-1", {"kind": "person", "name": "张三", "account": "6222 0001"}, role="admin")
    it.desk("POST", "/funding/shares", {
        "reference": "S-1", "loan_no": "CN-1001", "amount": it.money(50_000), "effective_on": "2026-03-02",
        "to_funder_no": "F-1"}, role="admin")  # fmt: skip
    pass_on_due(now=it.now)
    batch = done(lead, "/funding/payouts", currency="CNY", until_on=today.isoformat())
    reported = Built(it.lender_id, it.borrower_id, it.borrower_no, spare, "CN-1003")
    thing = done(who, "/collateral/new", reference="V-1", loan_no="CN-1001", kind="vehicle", pledged_on="2026-02-02",
                 plate="粤B12345", vin="1M8GDM9AXKP042788", about="五菱宏光")  # fmt: skip
    taken = {"kind": "taken", "cost": "5.00", "place": "宝安停车场"}
    for told in (taken, {"kind": "cost", "cost_kind": "recovery", "cost": "800"}):
        done(who, f"{thing}/events", thing, effective_on=today.isoformat(), **told)
    done(who, f"{thing}/appraisals", thing, value="50000", valued_on=today.isoformat(), source="appraiser", haircut="0.2")
    done(who, f"{thing}/insurance", thing, cover="comprehensive", valid_until="2027-01-31", policy_no="PICC-778899")
    done(who, f"{thing}/quotes", thing)
    stops = f"{path}/loans/CN-1001/interest-stops"
    with unit_of_work() as work:
        stopped = work.session.scalars(select(LoanRow).where(LoanRow.loan_no == "CN-1001")).one()
        stop_id = put_stop(
            work, stopped, from_on=today + timedelta(days=300), until_on=None, scope="interest", rule="UK-BREATHING",
            reason="told", by="staff:Wu Jie", now=it.now,
        )  # fmt: skip
    assert senior.send(f"{path}/opening", on=path, reason="task").status_code == 303
    done(senior, f"{stops}/{stop_id}", stops, until_on=(today + timedelta(days=309)).isoformat(), reason="It is over.")
    desk.values |= {
        "stop_id": stop_id, "stop_request_id": _newest(InterestStopRequestRow),
        "snapshot_id": a_snapshot(it.lender_id, now=it.now), "escalation_id": _newest(EscalationRow),
        "funder_no": "F-1", "batch_id": batch.rpartition("/")[2], "report_id": a_standing_report(reported, now=it.now),
        "thing_id": thing.rpartition("/")[2], "canned_reply_id": canned.rpartition("/")[2],
        "payment_id": _newest(DeskPaymentRow), "waiver_id": _newest(WaiverRow), "change_id": change.rpartition("/")[2],
        "visit_id": visit.rpartition("/")[2], "refund_id": refund["id"], "plan_id": plan["id"],
        "help_id": help_asked["id"], "staff_id": who.staff_id, "call_id": _newest(TaskRow, TaskRow.kind == "call"),
    }  # fmt: skip
    return desk


def _a_late_neighbour(it: Journey, seat: Seat) -> str:
    """Another borrower, late and with nothing that stands in the way of a visit, opened by this seat; return their path."""
    first, it.borrower_no = it.borrower_no, "B-2001"
    it.put_borrower(name="李建国", phone="+8613800005678", zone="Asia/Shanghai", address_lines=["长宁路 8 号", "上海"])
    loan_id = it.put_loan("CN-2001", [it.now.date() - timedelta(days=40)], amount_minor=80_000)
    a_call_task(Built(it.lender_id, it.borrower_id, it.borrower_no, loan_id, "CN-2001"), now=it.now)
    path, it.borrower_no = f"/borrowers/{it.borrower_no}", first
    assert seat.send(f"{path}/opening", on=path, reason="task").status_code == 303
    return path


def _escalated(it: Journey) -> None:
    """Have the neighbour's arrears escalate: a letter waits for a person."""
    steps = a_policy()["steps"]
    steps[0]["approval"] = {"people": 1}
    put_in_force(it.lender_id, now=it.now, escalation_policy="acme", steps=steps)
    with reading() as session:
        borrower_id = get_borrower_id(session, "B-2001")
    look_at(borrower_id, now=it.now)


def _policies(app: Flask, it: Journey) -> dict[str, str]:
    """Have one member of staff hand in a version, and rehearse it over the book."""
    author = a_seat(app, it.lender_id, name="Sun Yi", role="supervisor", now=it.now)
    text = yaml.safe_dump(a_document(), sort_keys=False)
    assert author.send("/policies/new", text=text, do="submit").status_code == 303
    settings = RehearsalSettings("active", it.now.date(), 20, lender="acme", against="active")
    result = rehearse(app.config["SETTINGS"].database_url, settings, now=it.now, workers=1)
    rehearsal_id = store_result(result, settings, load_figures(), by="staff:Sun Yi", now=it.now)
    return {"key": "acme", "version_no": "1", "rehearsal_id": rehearsal_id}


def _bulletin(it: Journey) -> dict[str, str]:
    """Have a bulletin of some days before frozen."""
    last_on = it.now.date() - timedelta(days=1)
    with unit_of_work() as work:
        wanted = WantedBulletin(last_on - timedelta(days=7), last_on, it.lender_id)
        row = make_bulletin(work, wanted, by="staff:Sun Yi", now=it.now)
        freeze_bulletin(work, row.id, by="staff:Sun Yi", now=it.now)
        return {"bulletin_id": row.id, "figure": "reminders_sent"}


def _newest(model: Any, *where: Any) -> str:
    with reading() as session:
        return str(session.scalars(select(model.id).where(*where).order_by(model.id.desc())).first())
