"""What stands in the way of reporting loans to a register, asked of the book and of the law; many loans at once.

Asked when a report is asked for, when it is decided, and again before a file is made: between them a notice comes back, a
dispute is opened, a consent is withdrawn.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.case_records import merged, typed_records
from app.domain.cases import Case
from app.domain.law.packs import LawPack
from app.domain.law_facts import licence_word, person_facts
from app.domain.positions import Position
from app.domain.registers import Gate, Notice, Register, ReportCase, gate_of
from app.domain.times import business_date
from app.persistence.models.loans import LoanRow
from app.persistence.queries.arrangements import find_agreed
from app.persistence.queries.chunks import chunks
from app.persistence.queries.credit_gates import find_gated_loans, find_late_since, find_waiting_for_help
from app.persistence.queries.law_cases import gather_people
from app.persistence.queries.loans import find_loans
from app.persistence.queries.restricted_register import find_disputed, find_forborne, find_live
from app.services.caps import cap_states
from app.services.forbearance import ASSESSED, BROKEN, DECLINED
from app.services.law_gates import ask_pack
from app.services.law_packs import pack_for, vocabulary
from app.services.positions import positions_of
from app.services.served_notices import find_served

ACT = "share_data"
_PAGE = 500
_FORBEARANCE = frozenset({ASSESSED, DECLINED, BROKEN})
_OBJECTIONS = frozenset({"credit_objection", "credit_dispute"})


@dataclass(frozen=True, slots=True)
class LoanToday:
    """A loan with what is owed on it today."""

    loan: LoanRow
    on: date
    """The day of its position, where the loan is."""
    position: Position
    late_since: date | None


@dataclass(frozen=True, slots=True)
class AskedGate(LoanToday):
    """What stands in the way of one loan. `gate` None: nothing; then `notice` is the one the report rests on."""

    gate: Gate | None
    notice: Notice | None
    rule: str | None
    """Of the law that stops it."""


def loans_today(session: Session, loan_ids: Collection[str], *, now: datetime) -> dict[str, LoanToday]:
    """Return loan -> what is owed on it today, without asking any gate; loans that do not exist are absent."""
    found: dict[str, LoanToday] = {}
    for part in chunks(loan_ids, _PAGE):
        loans = find_loans(session, part)
        late_since, positions = find_late_since(session, part), _positions(session, loans, now)
        found |= {
            loan.id: LoanToday(loan, business_date(now, loan.zone), positions[loan.id], late_since.get(loan.id))
            for loan in loans
        }
    return found


def ask_gates(
    session: Session,
    loan_ids: Collection[str],
    register: Register,
    *,
    now: datetime,
    but_waiting: bool = False,
    but_standing: bool = False,
) -> Mapping[str, AskedGate]:
    """Return loan -> what stands in the way of reporting it; loans that do not exist are absent.

    `but_waiting`: a report that waits for its decision is none yet, since it is that decision that asks. `but_standing`: nor
    is one that stands, since whoever asks is about to hand it over for the first time.
    """
    found: dict[str, AskedGate] = {}
    for part in chunks(loan_ids, _PAGE):
        found |= _ask_page(session, part, register, now, but_waiting, but_standing)
    return found


def _ask_page(
    session: Session,
    loan_ids: Sequence[str],
    register: Register,
    now: datetime,
    but_waiting: bool,
    but_standing: bool,
) -> dict[str, AskedGate]:
    loans = {loan.id: loan for loan in find_loans(session, loan_ids)}
    heads = find_gated_loans(session, loans)
    people = gather_people(session, {loan.borrower_id for loan in loans.values()}, now)
    cases = {borrower_id: gathered.build().case for borrower_id, gathered in people.items()}
    agreed = find_agreed(session, list(loans), now)
    disputed = find_disputed(session, loans)
    late_since = find_late_since(session, loans)
    waiting = find_waiting_for_help(session, cases)
    served = find_served(session, list(loans), register.notice_kinds)
    forborne = find_forborne(session, loans)
    caps = cap_states(session, loans)
    live = set() if but_standing else find_live(session, loans, register.key, but_waiting=but_waiting)
    positions = _positions(session, list(loans.values()), now)
    found: dict[str, AskedGate] = {}
    for head in heads:
        loan, case, position = loans[head.id], cases[head.borrower_id], positions[head.id]
        pack = pack_for(case.country or head.jurisdiction)
        facts = _facts(head, case, pack.law_pack, now)
        stop, rule = _ask_law(pack.pack, facts, register, now)
        asked = ReportCase(
            zone=loan.zone,
            days_past_due=position.days_past_due,
            overdue_minor=position.overdue_minor,
            notices=_notices(served.get(loan.id, ()), facts.get("notices", ())),
            late_since=late_since.get(loan.id),
            is_reported=loan.id in live,
            has_open_dispute=loan.id in disputed or _is_disputed(facts, now),
            hold=_hold(case, loan.id, bool(agreed.get(loan.id)), now),
            help_open=not waiting.isdisjoint({(loan.borrower_id, loan.id), (loan.borrower_id, None)}),
            forbearance_on=_forbearance_on(facts, forborne.get(loan.id), loan.zone),
            cap_status="unknown" if caps[loan.id].is_unknown else caps[loan.id].status,
            is_over_cap=caps[loan.id].is_kept is False,
            law_gate=stop,
        )
        gate, notice = gate_of(register, asked, now)
        found[loan.id] = AskedGate(
            loan,
            business_date(now, loan.zone),
            position,
            late_since.get(loan.id),
            gate,
            notice,
            rule if gate in (Gate.LAW, Gate.NO_CONSENT) else None,
        )
    return found


def _positions(session: Session, loans: Sequence[LoanRow], now: datetime) -> dict[str, Position]:
    by_day: defaultdict[date, list[LoanRow]] = defaultdict(list)
    for loan in loans:
        by_day[business_date(now, loan.zone)].append(loan)
    found: dict[str, Position] = {}
    for on, some in by_day.items():
        found |= positions_of(session, some, on)
    return found


def _facts(head: Any, case: Case, law_pack: str | None, now: datetime) -> dict[str, Any]:
    zones = case.zone_sources or ((head.lender_zone, "lender"),)
    facts = {
        **person_facts(case, (), head.id, now),
        "zones": [{"name": name, "source": source} for name, source in zones],
        "law_pack": law_pack,
        "notices": [],
    }
    stated = {
        "lender_role": head.role, "licence_kind": licence_word(head.licence_kind), "product_kind": head.product_kind,
        "country": case.country,
    }  # fmt: skip
    facts |= {name: value for name, value in stated.items() if value is not None}
    return merged(facts, typed_records(case.records, vocabulary(), head.id))


def _ask_law(pack: LawPack, facts: Mapping[str, Any], register: Register, now: datetime) -> tuple[Gate | None, str | None]:
    stated = {"processing": {"share_kind": register.share_kind}}
    stop = ask_pack(pack, ACT, merged(facts, stated), now, stated=stated).stop
    if stop is None:
        return None, None
    rule, result = stop
    lacks_consent = result.missing and set(result.missing) <= set(vocabulary().enums["consent_purpose"])
    return (Gate.NO_CONSENT if lacks_consent else Gate.LAW), rule.id


def _notices(served: Sequence[Any], told: Sequence[Mapping[str, Any]]) -> list[Notice]:
    """Return notices we served, and those that the core told of: of these one that came back is none."""
    return [Notice(each.kind, each.delivered_at, each.returned_at, each.message_id, each.answer_by) for each in served] + [
        Notice(each["kind"], each.get("delivered_at")) for each in told if each.get("returned_at") is None
    ]


def _hold(case: Case, loan_id: str, has_arrangement: bool, now: datetime) -> str | None:
    if has_arrangement:
        return "plan_agreed"
    standing = (hold.kind for hold in case.holds if hold.loan_id in (None, loan_id) and hold.stands(now))
    return min(standing, default=None)


def _is_disputed(facts: Mapping[str, Any], now: datetime) -> bool:
    """Return whether a dispute or an objection is open that the core, or a hold, tells of."""
    if any(_lasts(each.get("resolved_at"), now) for each in facts.get("disputes", ())):
        return True
    return any(
        each["kind"] in _OBJECTIONS and _lasts(each.get("answered_at"), now) and _lasts(each.get("closed_at"), now)
        for each in facts.get("requests", ())
    )


def _lasts(ended_at: datetime | None, now: datetime) -> bool:
    return ended_at is None or ended_at > now


def _forbearance_on(facts: Mapping[str, Any], answered_at: datetime | None, zone: str) -> date | None:
    days = [each["on"] for each in facts.get("events", ()) if each["kind"] in _FORBEARANCE and each.get("on") is not None]
    if answered_at is not None:
        days.append(business_date(answered_at, zone))
    return max(days, default=None)
