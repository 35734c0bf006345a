"""What the law says of what was done already: charges, changed plans, calls. Booked all the same; see ADR 0011."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from app.domain.case_records import merged
from app.domain.law.rules import Rule
from app.domain.ledger import EntryKind
from app.domain.plans import PlanRow
from app.domain.times import end_of_day
from app.persistence.queries.positions import find_plan_versions
from app.persistence.unit_of_work import Work
from app.services.law_facts import LoanLaw, load_loan_laws
from app.services.law_gates import ask_pack, is_spoken_on, note

CHARGE, MODIFY = "charge", "modify_contract"
HISTORY = timedelta(days=31)
"""A charge told so long after its day is the past of a loan that is taken over, and no act of today."""
_HUNDREDTH = Decimal("0.01")


_CONTACT, _UNCOUNTED = "contact", "uncounted_outcomes"
_ENGINE = "engine"
"""Who decides the rules about contacts that can be judged afterwards. What was said in a call nobody knows."""


class NewPlan(NamedTuple):
    """A plan that takes the place of another."""

    loan_id: str
    rows: Sequence[PlanRow]


def note_charges(work: Work, entries: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    """Ask the law of each charge among ledger entries that are about to be added; its objections become tasks."""
    charges = [entry for entry in entries if entry["kind"] == EntryKind.CHARGE.value and not _is_past(entry, now)]
    loans = _loans(work, [entry["loan_id"] for entry in charges], CHARGE, ("charge",), now)
    earlier: dict[str, list[dict[str, Any]]] = {}
    for entry in charges:
        loan = loans.get(entry["loan_id"])
        if loan is None:
            continue
        before = earlier.setdefault(loan.loan.id, [])
        for kind, amount_minor in (("arrears_fee", entry["fees_minor"]), ("penal_charge", entry["penalties_minor"])):
            if amount_minor:
                stated = {"charge": {"kind": kind, "amount_minor": amount_minor, "instalment_no": entry["row_no"]}}
                facts = merged({**loan.facts, "fees": (*loan.facts["fees"], *before)}, stated)
                at = min(now, end_of_day(entry["effective_on"], loan.zone))
                answer = ask_pack(loan.pack, CHARGE, facts, at, stated=stated)
                occasion = f"{entry['id']}/{kind}"
                note(work, answer, occasion=occasion, borrower_id=loan.borrower_id, loan_id=loan.loan.id, now=now)
        before.append(
            {"kind": "default_sum", "amount_minor": entry["amount_minor"], "charged_on": entry["effective_on"],
             "instalment_no": entry["row_no"]}
        )  # fmt: skip


def note_plans(work: Work, plans: Sequence[NewPlan], *, now: datetime) -> None:
    """Ask the law of each plan that is about to take the place of another: by how much more is to be paid in all."""
    loans = _loans(work, [plan.loan_id for plan in plans], MODIFY, ("total_increase_pct",), now)
    if not loans:
        return
    versions = find_plan_versions(work.session, list(loans))
    for plan in plans:
        loan = loans.get(plan.loan_id)
        before = max(versions[plan.loan_id], key=lambda version: version.anchor_no, default=None) if loan else None
        if loan is None or before is None:
            continue
        rise = rise_percent(_total(before.rows), _total(plan.rows))
        if rise is None:
            continue
        stated = {"total_increase_pct": rise}
        answer = ask_pack(loan.pack, MODIFY, {**loan.facts, **stated}, now, stated=stated)
        occasion = f"{loan.loan.id}/{before.anchor_no + 1}"
        note(work, answer, occasion=occasion, borrower_id=loan.borrower_id, loan_id=loan.loan.id, now=now)


def note_call(
    work: Work,
    loan_ids: Collection[str],
    call_id: str,
    *,
    borrower_id: str,
    is_about_loan: bool,
    message_class: str,
    outcome: str,
    at: datetime,
    now: datetime,
) -> None:
    """Ask the law of a call that a person has made, and that is about to be recorded; its objections become tasks.

    It is judged by what was known when it began, and by the calls before it; a rule that does not count calls of such an
    `outcome` (the packs' word) is not asked. `loan_ids`: the loan it was about, or where
    `is_about_loan` is False all that it may have been about: each law is asked once.
    """

    def speaks(rule: Rule) -> bool:
        return rule.decided_by == _ENGINE and not any(outcome in test.document.get(_UNCOUNTED, ()) for test in rule.tests)

    asked: set[str] = set()
    for loan in load_loan_laws(work.session, [borrower_id], at, loan_ids=loan_ids):
        if loan.pack.jurisdiction in asked:
            continue
        asked.add(loan.pack.jurisdiction)
        facts = {
            **loan.facts,
            "channel": "voice",
            "message_class": message_class,
            "stage": "overdue" if loan.facts["position"]["overdue_minor"] else "upcoming",
            "dial_mode": "manual",
            "recipient": "borrower",
            "initiated_by": "lender",
            "visibility": "private",
            "endpoint": {"kind": "personal", "line": "mobile", "source": "borrower"},
        }
        if is_about_loan:
            facts["debt"] = loan.loan.id
        answer = ask_pack(loan.pack, _CONTACT, facts, at, only=speaks)
        about = loan.loan.id if is_about_loan else None
        note(work, answer, occasion=call_id, borrower_id=borrower_id, loan_id=about, now=now)


def rise_percent(before_minor: int, after_minor: int) -> Decimal | None:
    """Return by how many per cent a total rises, half up to two places; None where there was nothing to pay."""
    if before_minor <= 0:
        return None
    rise = Decimal(after_minor - before_minor) * 100 / before_minor
    return rise.quantize(_HUNDREDTH, rounding=ROUND_HALF_UP)


def _total(rows: Sequence[PlanRow]) -> int:
    return sum(row.due.total for row in rows)


def _is_past(entry: Mapping[str, Any], now: datetime) -> bool:
    effective_on: date = entry["effective_on"]
    return now.date() - effective_on > HISTORY


def _loans(work: Work, loan_ids: Sequence[str], act: str, stated: Sequence[str], now: datetime) -> dict[str, LoanLaw]:
    """Return those of these loans on which the law may have something to say, by id; nothing is read where it has not."""
    if not loan_ids:
        return {}
    spoken = is_spoken_on(work.session, sorted(set(loan_ids)), act, stated)
    if not spoken:
        return {}
    borrower_ids = sorted({borrower_id for borrower_id, _ in spoken.values()})
    return {loan.loan.id: loan for loan in load_loan_laws(work.session, borrower_ids, now, loan_ids=spoken)}
