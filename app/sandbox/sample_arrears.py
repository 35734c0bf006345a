"""What comes after reminders, shown at one lender of the sample book: escalation, letters, credit reporting, a register,
collateral, funders, duties of the law and a bulletin. All of it goes through the services.
"""

from datetime import datetime, timedelta
from pathlib import Path

from app.domain.consents import ConsentValues
from app.domain.credit_bureaus import BureauValues
from app.domain.credit_gates import POSITIVE
from app.domain.errors import DomainError
from app.domain.funding import FunderValues, ShareValues
from app.domain.money import Money
from app.domain.times import rfc3339
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.agenda import lock_agenda
from app.persistence.unit_of_work import unit_of_work
from app.sandbox.sample_escalations import escalate
from app.sandbox.sample_platform import (
    ANSWER_DUE,
    ANSWER_MISSED,
    CURRENCY,
    FIRST,
    FUNDED,
    PLEDGED,
    REGISTERED,
    SECOND,
    STORIES,
    Platform,
    all_right,
    put_platform,
)
from app.services import duties
from app.services.bulletins import WantedBulletin, freeze_bulletin, make_bulletin, publish_bulletin
from app.services.case_records import put_record
from app.services.collateral import PledgeValues
from app.services.collateral_desk import DeskEvent, appraise_at_desk, insure_at_desk, pledge_at_desk, record_at_desk
from app.services.collateral_quotes import quote_at_desk
from app.services.consents import record_consents
from app.services.credit_bureaus import ask_bureau, decide_bureau
from app.services.credit_files import decide_snapshot
from app.services.credit_reporting import start_reporting
from app.services.credit_snapshots import begin_snapshot, freeze_page
from app.services.funders import put_funders
from app.services.funding_shares import put_shares
from app.services.pass_through import pass_on_loans
from app.services.restricted_register import report
from app.wording.letter_texts import use_letterheads

LETTERHEADS = Path(__file__).parent / "letterheads"
_BUREAU = "PBOC"
_FUNDERS = (
    ("F-1", "person", "投资人甲（示例）", 3_000_000),
    ("F-2", "person", "投资人乙（示例）", 2_000_000),
    ("F-3", "firm", "示例资产管理有限公司", 1_000_000),
)


def put_sample_arrears(*, now: datetime) -> int:
    """Put the platform, its borrowers and all that happened to them; return how many borrowers."""
    use_letterheads(LETTERHEADS)  # the process that fills the book is none of those that get the sandbox's settings
    platform = put_platform(now=now)
    thing_id = _pledge(platform)
    _enable_bureau(platform)
    escalate(platform)
    _hand_over(platform, thing_id)
    _fund(platform)
    _ask_for_register_report(platform)
    _report_credit(platform)
    _receive_objections(platform)
    _publish_bulletin(platform)
    return len(STORIES)


def _pledge(platform: Platform) -> str:
    """Write down the vehicle that secures a loan; return its id."""
    at, staff = platform.ago(90), platform.staff("supervisor")
    pledged_on = platform.today - timedelta(days=365)
    values = PledgeValues("V-1", PLEDGED.loan_no, "vehicle", pledged_on, about="五菱宏光（示例）", plate="沪B12345",
                          vin="1M8GDM9AXKP042788")  # fmt: skip
    with unit_of_work() as work:
        thing_id = pledge_at_desk(work, values, staff=staff, now=at)
        insure_at_desk(work, thing_id, "INS-1", "comprehensive", platform.today + timedelta(days=20),
                       policy_no="示例-778899", staff=staff, now=at)  # fmt: skip
    return thing_id


def _hand_over(platform: Platform, thing_id: str) -> None:
    """Its owner brings the vehicle after the notice; what that costs is kept, and a quote says how to get it back."""
    staff, on = platform.staff("supervisor"), platform.today - timedelta(days=6)
    taken = DeskEvent("taken", on, "V-1-TAKEN", amount=Money(500, CURRENCY), reason="voluntary", place="示例停车场")
    towed = DeskEvent("cost", on, "V-1-TOWED", cost_kind="recovery", amount=Money(80_000, CURRENCY))
    with unit_of_work() as work:
        for event in (taken, towed):
            record_at_desk(work, thing_id, event, staff=staff, now=platform.ago(6))
        appraise_at_desk(work, thing_id, "V-1-WORTH", Money(5_000_000, CURRENCY), on, "appraiser", haircut="0.2",
                         staff=staff, now=platform.ago(5))  # fmt: skip
        quote_at_desk(work, thing_id, None, lender_id=platform.lender_id, by=FIRST, now=platform.now)


def _fund(platform: Platform) -> None:
    """Have three funders pay for a loan, and pass on what was recovered since."""
    loan_id, on = platform.of(FUNDED).loan_id, platform.today - timedelta(days=380)
    funders = [FunderValues(no, kind, name, account=f"6222 {no}", locale="zh-CN") for no, kind, name, _ in _FUNDERS]
    shares = [
        ShareValues(f"S-{no}", FUNDED.loan_no, units, CURRENCY, on, no, service_fee={"interest": "0.1"})
        for no, _, _, units in _FUNDERS
    ]
    with unit_of_work() as work:
        lender = work.session.get_one(LenderRow, platform.lender_id)
        all_right(put_funders(work, lender, funders, by=FIRST, now=platform.ago(90)))
        all_right(put_shares(work, lender, shares, by=FIRST, now=platform.ago(90)))
        lock_agenda(work.session, [platform.of(FUNDED).borrower_id])
        pass_on_loans(work, [loan_id], now=platform.now)


def _ask_for_register_report(platform: Platform) -> None:
    """Have one person ask for a report to an association, on a consent and a notice that the core tells of."""
    who, loan_no = platform.of(REGISTERED), REGISTERED.loan_no
    notice = {"kind": "negative_info_notice", "channel": "letter", "sent_at": rfc3339(platform.ago(36)),
              "delivered_at": rfc3339(platform.ago(33)), "returned_at": None}  # fmt: skip
    with unit_of_work() as work:
        agreed = [ConsentValues("data_sharing", "any", True, "separate")]
        record_consents(work, who.borrower_id, agreed, by=FIRST, now=platform.ago(90))
        put_record(work, who.borrower_id, "notices", notice, by="core", now=platform.ago(33), reference="N-1",
                   lender_id=platform.lender_id, loan_no=loan_no)  # fmt: skip
        outcomes = report(work, [who.loan_id], register="cn-nifa", basis="separate-consent", by=FIRST, now=platform.now,
                          lender_id=platform.lender_id)  # fmt: skip
        if (gate := outcomes[who.loan_id].gate) is not None:
            raise DomainError(f"The report of the sample book does not wait: {gate}.")


def _enable_bureau(platform: Platform) -> None:
    """Enable a bureau, and begin to report those who agreed to it."""
    bureau = BureauValues(_BUREAU, "pboc", "91310000123456", "弘远信息", "310101")
    reported = [platform.of(story) for story in (FUNDED, PLEDGED)]
    with unit_of_work() as work:
        bureau_id = ask_bureau(work, platform.lender_id, bureau, by=FIRST, now=platform.ago(80))
        decide_bureau(work, platform.lender_id, bureau_id, approve=True, by=SECOND, now=platform.ago(79))
        for who in reported:
            agreed = [ConsentValues("credit_reporting", "any", True, "written")]
            record_consents(work, who.borrower_id, agreed, by=FIRST, now=platform.ago(79))
        start_reporting(work, [who.loan_id for who in reported], by=FIRST, now=platform.ago(78), kind=POSITIVE)


def _report_credit(platform: Platform) -> None:
    """Freeze the reports of the month before, and approve them."""
    with unit_of_work() as work:
        as_of = platform.today.replace(day=1) - timedelta(days=1)
        snapshot_id = begin_snapshot(work, platform.lender_id, _BUREAU, as_of, by=FIRST, now=platform.now)
        while freeze_page(work, snapshot_id, now=platform.now):
            pass
        decide_snapshot(work, platform.lender_id, snapshot_id, approve=True, by=SECOND, now=platform.now)


def _receive_objections(platform: Platform) -> None:
    """Have two borrowers object to their credit report: the answer to one is due soon, that to the other was missed."""
    with unit_of_work() as work:
        people = []
        for story, days in ((ANSWER_DUE, 17), (ANSWER_MISSED, 26)):
            who, at = platform.of(story), platform.ago(days)
            people.append(who.borrower_id)
            facts = {"kind": "credit_objection", "received_at": rfc3339(at), "answered_at": None}
            put_record(work, who.borrower_id, "requests", facts, by="core", now=at, reference=f"OBJ-{story.key}",
                       lender_id=platform.lender_id, loan_no=story.loan_no)  # fmt: skip
        lock_agenda(work.session, people)
        duties.look(work, people, now=platform.now)


def _publish_bulletin(platform: Platform) -> None:
    """Publish the figures of the last month: of few people each, so that most are hidden, as the law asks."""
    wanted = WantedBulletin(platform.today - timedelta(days=31), platform.today - timedelta(days=1), platform.lender_id)
    with unit_of_work() as work:
        row = make_bulletin(work, wanted, by=FIRST, now=platform.now)
        freeze_bulletin(work, row.id, by=FIRST, now=platform.now)
        publish_bulletin(work, row.id, by=SECOND, now=platform.now)
