"""Whether loans may be reported to a credit bureau now: the law asked with typed facts, and the house's own gates.

Asked when a loan is enrolled, when a month is frozen and again when its file is made: between them a notice comes back, a
dispute is opened, a consent is withdrawn. Whole pages of loans are asked with a fixed number of statements.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.case_records import merged, typed_records
from app.domain.cases import Case
from app.domain.credit_gates import (
    DEFAULT,
    NEGATIVE,
    BureauRules,
    DeliveredNotice,
    GateQuestion,
    ReportGate,
    decide_gate,
    strictest,
)
from app.domain.credit_histories import LoanLedger, steps_of
from app.domain.disputes import UNDER_INVESTIGATION
from app.domain.holds import Hold
from app.domain.law.grounds import facts_read
from app.domain.law.packs import LawPack
from app.domain.law_facts import licence_word, person_facts
from app.domain.served_notices import LAW_WORD, ServedNotice
from app.domain.times import business_date
from app.persistence.queries import credit_gates as queries
from app.persistence.queries.arrangements import find_agreed
from app.persistence.queries.chunks import chunks
from app.persistence.queries.disputes import dispute_marks
from app.persistence.queries.law_cases import gather_people
from app.persistence.queries.positions import load_ledgers
from app.services.caps import cap_states
from app.services.forbearance import ASSESSED, BROKEN, DECLINED, looks_for
from app.services.law_facts import LoanLaw, load_loan_laws, notices_of
from app.services.law_gates import ask_pack
from app.services.law_packs import pack_for, vocabulary
from app.services.served_notices import find_served
from app.services.terms import kernel_terms

__all__ = ["CreditRecord", "ReportGate", "ask_reports"]

ACT = "furnish_credit_record"
_PAGE = 500
_FORBEARANCE = frozenset({ASSESSED, DECLINED, BROKEN})
_OBJECTIONS = frozenset({"credit_objection", "credit_dispute"})
_GATHERED = frozenset({"act", "credit_record", "lender_role", "licence_kind", "product_kind", "country", "currency", "debt"})
"""Facts that are no lists and are known here without a look at ledgers; a rule that reads others is asked of all facts."""


@dataclass(frozen=True, slots=True)
class CreditRecord:
    """What is about to be furnished of a loan, by the law packs' words; without one only its kind is stated."""

    kind: str = NEGATIVE
    status_code: str | None = None
    first_delinquency_on: Any = None


def ask_reports(
    session: Session,
    loan_ids: Collection[str],
    *,
    now: datetime,
    kind: str = NEGATIVE,
    records: Mapping[str, CreditRecord] | None = None,
    rules: BureauRules | None = None,
    laws: Mapping[str, LoanLaw] | None = None,
) -> Mapping[str, ReportGate]:
    """Return loan -> whether it may be reported at `now`; loans that do not exist are absent.

    `kind`: positive, negative or default, for all of them; `records`: what exactly is to be furnished, by loan. `rules`: of
    the bureau that is reported to; None: the strictest of those at which the lender is enabled.
    `laws`: loans as known at `now`, of whoever has loaded them already; of the others they are loaded where rules read them.
    """
    found: dict[str, ReportGate] = {}
    for part in chunks(loan_ids, _PAGE):
        found |= _ask_page(session, part, now, CreditRecord(kind), records or {}, rules, laws or {})
    return found


def _ask_page(
    session: Session,
    loan_ids: Collection[str],
    now: datetime,
    usual: CreditRecord,
    records: Mapping[str, CreditRecord],
    rules: BureauRules | None,
    laws: Mapping[str, LoanLaw],
) -> dict[str, ReportGate]:
    loans = queries.find_gated_loans(session, loan_ids)
    people = gather_people(session, {loan.borrower_id for loan in loans}, now)
    cases = {borrower_id: gathered.build().case for borrower_id, gathered in people.items()}
    ids = [loan.id for loan in loans]
    enabled = queries.find_rules(session, {loan.lender_id for loan in loans}) if rules is None else {}
    agreed = find_agreed(session, ids, now)
    marks = dispute_marks(session, ids)
    late_since = queries.find_late_since(session, ids)
    reported = _reported(session, loans, late_since, now)
    waiting = queries.find_waiting_for_help(session, cases)
    notices = notices_of(session, cases)
    served = _served(session, ids)
    caps = cap_states(session, ids)
    packs = {loan.id: pack_for(cases[loan.borrower_id].country or loan.jurisdiction) for loan in loans}
    whole = _whole_facts(session, [loan for loan in loans if reads_more(packs[loan.id].pack)], now, laws)
    gates: dict[str, ReportGate] = {}
    for loan in loans:
        case, pack = cases[loan.borrower_id], packs[loan.id]
        record = records.get(loan.id, usual)
        facts = whole.get(loan.id) or _facts(loan, case, pack.law_pack, now)
        facts["notices"] = _joined(facts.get("notices", ()), notices.get((loan.borrower_id, loan.id), ()))
        if agreed.get(loan.id) and loan.id not in whole:
            facts = merged(facts, {"holds": [_agreed_hold(at) for at in agreed[loan.id]]})
        holds = frozenset(hold.kind for hold in case.holds if _is_on(hold, loan.id, now))
        mark = UNDER_INVESTIGATION if _is_disputed(facts, holds, now) else marks.get(loan.id)
        facts["credit_record"] = _record_facts(record, mark)
        asked = GateQuestion(
            loan_id=loan.id,
            kind=record.kind,
            zone=loan.zone,
            rules=rules if rules is not None else strictest(enabled.get(loan.lender_id, ())),
            judgement=ask_pack(pack.pack, ACT, facts, now, stated={"credit_record": facts["credit_record"]}).judgement,
            notices=_delivered(loan.id, facts["notices"], served),
            holds=holds,
            mark=mark,
            help_open=not waiting.isdisjoint({(loan.borrower_id, loan.id), (loan.borrower_id, None)}),
            forbearance_missing=_lacks_forbearance(pack.pack, record.kind, facts),
            cap_unknown=caps[loan.id].is_unknown,
            late_since=late_since.get(loan.id),
            is_reported=loan.id in reported,
            reported_notice_id=reported.get(loan.id),
        )
        gates[loan.id] = decide_gate(asked, now)
    return gates


def _reported(
    session: Session, loans: Collection[Any], late_since: Mapping[str, date], now: datetime
) -> dict[str, str | None]:
    """Return loan -> the notice it was enrolled by, of loans of which the run of arrears that goes on is reported already.

    The one that was enrolled may be over, and another have begun since: where the oldest due date unpaid is later than the
    enrolment, the ledger says whether the loan was ever current in between.
    """
    reported = queries.find_reported_late(session, [loan.id for loan in loans])
    since = {loan_id: row.started_at for loan_id, row in reported.items()}
    doubted = [
        loan
        for loan in loans
        if loan.id in since and loan.id in late_since and late_since[loan.id] > business_date(since[loan.id], loan.zone)
    ]
    ledgers = load_ledgers(session, [loan.id for loan in doubted])
    over = set()
    for loan in doubted:
        ledger = LoanLedger(loan.principal_minor, *ledgers[loan.id], kernel_terms(loan).terms, unit_minor=1)
        steps = steps_of(ledger, business_date(since[loan.id], loan.zone), business_date(now, loan.zone))
        if any(step.first_open_on is None or step.first_open_on >= step.from_on for step in steps):
            over.add(loan.id)
    return {loan_id: row.notice_message_id for loan_id, row in reported.items() if loan_id not in over}


def reads_more(pack: LawPack) -> bool:
    """Return whether a rule on the act reads facts that only a look at the ledger gives."""
    return any(facts_read(rule, vocabulary()) - _GATHERED for rule in pack.rules if ACT in rule.applies_when.acts)


def _whole_facts(
    session: Session, loans: Collection[Any], now: datetime, laws: Mapping[str, LoanLaw]
) -> dict[str, dict[str, Any]]:
    known = [laws[loan.id] for loan in loans if loan.id in laws]
    if missing := [loan for loan in loans if loan.id not in laws]:
        people = {loan.borrower_id for loan in missing}
        known += load_loan_laws(session, people, now, loan_ids={loan.id for loan in missing})
    return {each.loan.id: dict(each.facts) for each in known}


def _facts(loan: Any, case: Case, law_pack: str | None, now: datetime) -> dict[str, Any]:
    """Return what the rules on furnishing read of a loan and its borrower."""
    zones = case.zone_sources or ((loan.lender_zone, "lender"),)
    facts = {
        **person_facts(case, case.attempts, loan.id, now),
        "debt": loan.id,
        "currency": loan.currency,
        "zones": [{"name": name, "source": source} for name, source in zones],
        "law_pack": law_pack,
        "notices": [],
    }
    stated = {
        "lender_role": loan.role, "licence_kind": licence_word(loan.licence_kind), "product_kind": loan.product_kind,
        "country": case.country,
    }  # fmt: skip
    facts |= {name: value for name, value in stated.items() if value is not None}
    return merged(facts, typed_records(case.records, vocabulary(), loan.id))


def _served(session: Session, loan_ids: Collection[str]) -> dict[tuple[str, str, datetime], ServedNotice]:
    """Return (loan, kind by the law packs' word, instant of delivery) -> the notice that was served."""
    return {
        (notice.loan_id, LAW_WORD.get(notice.kind, notice.kind), notice.delivered_at): notice
        for served in find_served(session, loan_ids).values()
        for notice in served
        if notice.delivered_at is not None
    }


def _joined(known: Iterable[Mapping[str, Any]], more: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found = list(known)
    return [*found, *(each for each in more if each not in found)]


def _delivered(
    loan_id: str, notices: Iterable[Mapping[str, Any]], served: Mapping[tuple[str, str, datetime], ServedNotice]
) -> list[DeliveredNotice]:
    """Return those that are proved to have come; one that came back is none."""
    found = []
    for each in notices:
        at = each.get("delivered_at")
        if at is None or each.get("returned_at") is not None:
            continue
        known = served.get((loan_id, each["kind"], at))
        found.append(
            DeliveredNotice(each["kind"], at)
            if known is None
            else DeliveredNotice(each["kind"], at, known.message_id, known.answer_by)
        )
    return found


def _record_facts(record: CreditRecord, mark: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "kind": record.kind,
        "compliance_code": mark or "",
        "dispute_marked": mark == UNDER_INVESTIGATION,
        "first_delinquency_on": record.first_delinquency_on,
    }
    return facts | ({} if record.status_code is None else {"status_code": record.status_code})


def _is_on(hold: Hold, loan_id: str, now: datetime) -> bool:
    return hold.loan_id in (None, loan_id) and hold.stands(now)


def _is_disputed(facts: Mapping[str, Any], holds: Collection[str], now: datetime) -> bool:
    """Return whether anybody disputes the loan or its report: as a case, by a hold, or as the core or a bureau told."""
    if "dispute" in holds:
        return True
    if any(_lasts(each.get("resolved_at"), now) for each in facts.get("disputes", ())):
        return True
    return any(
        each["kind"] in _OBJECTIONS and _lasts(each.get("answered_at"), now) and _lasts(each.get("closed_at"), now)
        for each in facts.get("requests", ())
    )


def _lasts(ended_at: datetime | None, now: datetime) -> bool:
    return ended_at is None or ended_at > now


def _lacks_forbearance(pack: LawPack, kind: str, facts: Mapping[str, Any]) -> bool:
    """Return whether a default is to be told although the law of the loan looks for forbearance, and none was considered."""
    if kind != DEFAULT or not looks_for(pack, ASSESSED):
        return False
    return not any(each["kind"] in _FORBEARANCE for each in facts.get("events", ()))


def _agreed_hold(agreed_at: datetime) -> dict[str, Any]:
    return {"kind": "plan_agreed", "from": agreed_at, "until": None, "form": "electronic", "by": None}
