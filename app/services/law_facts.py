"""The facts that questions of law about a loan are answered from, filled in from the book."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.case_records import merged, typed_records
from app.domain.cases import Case
from app.domain.duties import rules_of
from app.domain.law.arrears import conditions_met_on
from app.domain.law.packs import LawPack
from app.domain.law.questions import Question
from app.domain.law_facts import Levied, LoanState, licence_word, loan_facts, person_facts
from app.domain.ledger import EntryKind, LedgerEntry, standing
from app.domain.plans import PlanVersion
from app.domain.served_notices import LAW_WORD, delivery_of
from app.domain.times import business_date
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.arrangements import find_agreed
from app.persistence.queries.law_cases import (
    find_first_contacts,
    find_loans_with_lenders,
    find_sent_notices,
    gather_people,
)
from app.persistence.queries.positions import load_ledgers
from app.persistence.queries.served_notices import find_proofs
from app.services.calendars import calendar_for
from app.services.law_packs import GoverningPack, pack_for, vocabulary
from app.services.policies import policy_version
from app.services.positions import positions_of
from app.services.schedules import schedule_of
from app.services.served_notices import find_served_to, told_of
from app.wording.template_texts import purpose_of

_ARREARS_TEST = "arrears_notice"


@dataclass(frozen=True, slots=True)
class LoanLaw:
    """A loan at a moment, with the law that governs it and its facts by the law packs' words."""

    borrower_id: str
    loan: LoanRow
    zone: str
    """Where days are counted: the first of the fact `zones`."""
    governing: GoverningPack
    facts: Mapping[str, Any]
    next_due_on: date | None
    """When the next open row falls due, today or later."""

    @property
    def pack(self) -> LawPack:
        """The pack to ask."""
        return self.governing.pack


def load_loan_laws(
    session: Session, borrower_ids: Collection[str], now: datetime, *, loan_ids: Collection[str] | None = None
) -> list[LoanLaw]:
    """Return every loan of these borrowers, or only these, as known at `now`; a fixed number of statements for all."""
    people = gather_people(session, borrower_ids, now)
    loans = [
        (loan, lender)
        for loan, lender in find_loans_with_lenders(session, people)
        if loan_ids is None or loan.id in loan_ids
    ]
    if not loans:
        return []
    ledgers = load_ledgers(session, [loan.id for loan, _ in loans])
    outstanding = _outstanding(session, [loan for loan, _ in loans], now)
    notices = notices_of(session, people)
    first_contacts = find_first_contacts(session, people)
    agreed = find_agreed(session, [loan.id for loan, _ in loans], now)
    holidays = {lender.id: calendar_for(session, lender).days_off for _, lender in loans}
    found = []
    for loan, lender in loans:
        case = people[loan.borrower_id].build().case
        state = _state(loan, lender, *ledgers[loan.id], outstanding[loan.id], first_contacts.get(loan.id), now)
        governing = pack_for(case.country or lender.jurisdiction)
        zones = case.zone_sources or ((lender.zone, "lender"),)
        facts = {
            **person_facts(case, case.attempts, loan.id, now),
            **loan_facts(state),
            "zones": [{"name": name, "source": source} for name, source in zones],
            "law_pack": governing.law_pack,
            "public_holidays": tuple(holidays[lender.id]),
            "notices": notices.get((loan.borrower_id, loan.id), []),
        }
        if case.country is not None:
            facts["country"] = case.country
        facts = merged(facts, typed_records(case.records, vocabulary(), loan.id))
        facts = merged(facts, {"holds": [_agreed_hold(at) for at in agreed.get(loan.id, ())]})
        facts = _with_arrears(facts, governing.pack, now)
        ahead = [row.due_on for row in state.rows if row.due_on >= state.today and row.open.total > 0]
        found.append(LoanLaw(loan.borrower_id, loan, zones[0][0], governing, facts, min(ahead, default=None)))
    return found


def load_person_facts(session: Session, borrower_id: str, now: datetime) -> tuple[Case | None, dict[str, Any]]:
    """Return a borrower and what is known of them that is about no loan; None: nobody has heard of them."""
    people = gather_people(session, [borrower_id], now)
    if borrower_id not in people:
        return None, {}
    case = people[borrower_id].build().case
    facts = person_facts(case, case.attempts, None, now) | {
        "zones": [{"name": name, "source": source} for name, source in case.zone_sources]
    }
    if case.country is not None:
        facts["country"] = case.country
    return case, merged(facts, typed_records(case.records, vocabulary()))


def _outstanding(session: Session, loans: Sequence[LoanRow], now: datetime) -> dict[str, int]:
    by_day: dict[Any, list[LoanRow]] = defaultdict(list)
    for loan in loans:
        by_day[business_date(now, loan.zone)].append(loan)
    found: dict[str, int] = {}
    for on, some in by_day.items():
        found |= {key: position.outstanding_minor for key, position in positions_of(session, some, on).items()}
    return found


def _state(
    loan: LoanRow,
    lender: LenderRow,
    versions: Sequence[PlanVersion],
    entries: Sequence[LedgerEntry],
    outstanding_minor: int,
    first_contact: datetime | None,
    now: datetime,
) -> LoanState:
    today = business_date(now, loan.zone)
    _, rows = schedule_of(loan, versions, entries, today)
    counting = [entry for entry in standing(entries) if entry.effective_on <= today]
    paid = [entry.effective_on for entry in counting if entry.kind in (EntryKind.REPAYMENT, EntryKind.PREPAYMENT)]
    is_settled = bool(rows) and outstanding_minor <= 0 and not any(row.open.total > 0 for row in rows)
    stated = loan.contract.get("signed_on")
    return LoanState(
        loan_id=loan.id,
        status=loan.status,
        currency=loan.currency,
        lender_role=lender.role,
        licence_kind=licence_word(lender.licence_kind),
        product_kind=loan.product_kind,
        signed_on=_day(stated) or loan.disbursed_on,
        principal_minor=loan.principal_minor,
        outstanding_minor=outstanding_minor,
        rows=rows,
        charges=[
            Levied(entry.effective_on, entry.amount_minor, entry.row_no)
            for entry in counting
            if entry.kind is EntryKind.CHARGE
        ],
        last_payment_on=max(paid, default=None),
        settled_on=max((entry.effective_on for entry in counting), default=None) if is_settled else None,
        first_contact_on=None if first_contact is None else business_date(first_contact, lender.zone),
        today=today,
    )


def _agreed_hold(agreed_at: datetime) -> dict[str, Any]:
    """Return an active arrangement as the law packs know it. Reminders of its rows go on; no default is registered, say."""
    return {"kind": "plan_agreed", "from": agreed_at, "until": None, "form": "electronic", "by": None}


def _day(text: Any) -> date | None:
    return date.fromisoformat(text) if isinstance(text, str) else None


def notices_of(session: Session, borrower_ids: Collection[str]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return (borrower, loan) -> notices of law that left, oldest first: a policy's steps', and those that were served.

    `delivered_at` is only what a proof says; one that came back has none but by its addressee's own hand.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    sent = []
    for row in find_sent_notices(session, borrower_ids):
        steps = {step.key: step for step in policy_version(session, row.policy_id).all_steps}
        step = steps.get(row.step_key)
        if step is not None and step.notice_kind is not None and _is_notice(row.template, row.channel):
            sent.append((row, step.notice_kind))
    proofs = find_proofs(session, [row.message_id for row, _ in sent])
    for (row, kind), by_ways in zip(sent, told_of(session, sent), strict=True):
        told = [*by_ways, *((each.kind, each.delivered_at) for each in proofs.get(row.message_id, ()))]
        delivered = delivery_of(told, row.returned_at)
        found[row.borrower_id, row.loan_id].append(
            {"kind": kind, "channel": row.channel, "sent_at": row.sent_at,
             "delivered_at": None if delivered is None else delivered[0], "returned_at": row.returned_at}
        )  # fmt: skip
    words = vocabulary().enums["notice_kind"]
    for notice in find_served_to(session, borrower_ids):
        kind = LAW_WORD.get(notice.kind, notice.kind)
        if kind in words and notice.sent_at is not None:
            found[notice.borrower_id, notice.loan_id].append(
                {"kind": kind, "channel": notice.channel, "sent_at": notice.sent_at,
                 "delivered_at": notice.delivered_at, "returned_at": notice.returned_at}
            )  # fmt: skip
    for notices in found.values():
        notices.sort(key=lambda each: each["sent_at"])
    return found


def _is_notice(template: str, channel: str) -> bool:
    """Return whether a text is the notice itself; on other rungs of its step it only says that the notice is coming."""
    purpose = purpose_of(template)
    return purpose is None or purpose.notices is None or purpose.notice(channel) is not None


def _with_arrears(facts: dict[str, Any], pack: LawPack, now: datetime) -> dict[str, Any]:
    """Add the day since which the arrears conditions of the pack hold, which other rules of it are told as a fact."""
    question = Question(facts, now)
    for rule in rules_of(pack, facts):
        for test in rule.tests:
            if test.kind == _ARREARS_TEST:
                met_on = conditions_met_on(test.document, question)
                return {**facts, "position": {**facts["position"], "arrears_conditions_met_on": met_on}}
    return facts
