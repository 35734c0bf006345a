"""What a credit report is made of, from the book: the loan with its ledger, its person, and what stands beside the money."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy.orm import Session

from app.domain.collateral_events import standing as still_standing
from app.domain.credit_accounts import Arrangement, CreditConsumer
from app.domain.credit_bureaus import METRO2
from app.domain.credit_collateral import ThingMove, loan_events
from app.domain.credit_events import CreditEvent, CreditEventKind
from app.domain.credit_histories import LoanLedger
from app.domain.credit_months import CreditLoan
from app.domain.credit_people import consumer_of
from app.domain.ledger import EntryKind, LedgerEntry, standing
from app.domain.metro2_codes import account_number
from app.domain.money import currency_exponent
from app.domain.plans import PlanVersion
from app.domain.times import business_date
from app.persistence.queries.arrangements import find_agreed
from app.persistence.queries.credit_loan_events import PledgedEvent, find_pledged_events, find_transfers
from app.persistence.queries.positions import load_ledgers
from app.persistence.vault import Vault
from app.services.terms import kernel_terms

_FREQUENCIES = ((8, "W"), (14, "B"), (16, "E"), (35, "M"), (70, "L"), (100, "Q"), (200, "S"))
"""Most days between two payments -> Metro 2's letter: B every two weeks, E twice a month, L every two months."""
UNKNOWN_PERSON = CreditConsumer("", "")


def load_credit_loans(
    session: Session, ring: Vault, loans: Sequence[Any], *, form: str, now: datetime, known: Collection[str] = ()
) -> dict[str, CreditLoan]:
    """Return what a report is made of, for rows of `queries.credit_snapshots`; loans that never began are absent.

    `known`: loans of which the person is not needed (nothing of them is furnished).
    """
    ids = [loan.id for loan in loans]
    ledgers = load_ledgers(session, ids)
    agreed = find_agreed(session, ids, now)
    told = find_events(session, loans, now)
    found: dict[str, CreditLoan] = {}
    for loan in loans:
        versions, entries = ledgers[loan.id]
        opened_on = _opened_on(loan, entries, versions)
        if opened_on is None:
            continue
        found[loan.id] = CreditLoan(
            lender_code=loan.lender_code,
            loan_id=loan.id,
            loan_no=known_number(loan, form),
            borrower_id=loan.borrower_id,
            currency=loan.currency,
            opened_on=opened_on,
            product=loan.product_kind or "instalment",
            original_minor=loan.principal_minor or sum(row.due.principal for row in versions[0].rows),
            consumer=UNKNOWN_PERSON if loan.id in known else person_of(ring, loan),
            ledger=LoanLedger(
                loan.principal_minor, versions, entries, kernel_terms(loan).terms, 10 ** currency_exponent(loan.currency)
            ),
            events=[*_events(loan, entries, agreed.get(loan.id, ())), *told.get(loan.id, ())],
            frequency=_frequency([row.due_on for row in versions[-1].rows]),
            is_secured=loan.product_kind == "secured_vehicle",
        )
    return found


def find_events(session: Session, loans: Sequence[Any], now: datetime) -> dict[str, list[CreditEvent]]:
    """Return loan -> what happened to things pledged to it, and to its claim, of loans where anything did.

    A claim that the core tells was sold is told as transferred: whom it was sold to is not known here, and the format's
    own segment for a sale wants a name.
    """
    ids = [loan.id for loan in loans]
    found: dict[str, list[CreditEvent]] = {}
    for loan_id, told in find_pledged_events(session, ids).items():
        by_thing: dict[str, list[PledgedEvent]] = defaultdict(list)
        for each in told:
            by_thing[each.thing_id].append(each)
        moves = []
        for thing_id, each_of in by_thing.items():
            reasons = {each.event.id: each.reason for each in each_of}
            stands = still_standing([each.event for each in each_of])
            moves += [ThingMove(thing_id, event.kind, event.effective_on, reasons[event.id]) for event in stands]
        found[loan_id] = loan_events(sorted(moves, key=lambda move: move.on))
    for loan_id, on in find_transfers(session, ids, [loan.borrower_id for loan in loans], now).items():
        found.setdefault(loan_id, []).append(CreditEvent(CreditEventKind.TRANSFERRED, on))
    return {loan_id: events for loan_id, events in found.items() if events}


def person_of(ring: Vault, loan: Any) -> CreditConsumer:
    """Return whom a report on the loan names, opened from what is kept sealed."""
    lines = _opened(ring, loan, "address")
    return consumer_of(
        name=_opened(ring, loan, "name"),
        national_id=_opened(ring, loan, "national_id"),
        address_lines=json.loads(lines) if lines else (),
        phone=_opened(ring, loan, "phone"),
        country=loan.country,
    )


def _opened(ring: Vault, loan: Any, what: str) -> str | None:
    return ring.open(getattr(loan, f"{what}_sealed"), place=f"borrowers.{what}:{loan.borrower_id}")


def known_number(loan: Any, form: str) -> str:
    """Return the number by which the format names the account."""
    return account_number(loan.loan_no) if form == METRO2 else loan.loan_no


def stated_opening(loan: Any) -> date | None:
    """Return the day it began as its own record states it: disbursed, else signed; None: it states none."""
    if loan.disbursed_on is not None:
        return loan.disbursed_on  # type: ignore[no-any-return]
    signed = loan.contract.get("signed_on")
    return date.fromisoformat(signed) if isinstance(signed, str) else None


def _opened_on(loan: Any, entries: Sequence[LedgerEntry], versions: Sequence[PlanVersion]) -> date | None:
    """Return the day it began: disbursed, else signed, else known to us; None: it has no plan, so nothing is owed yet."""
    if not versions or not versions[0].rows:
        return None
    stated = stated_opening(loan)
    if stated is not None:
        return stated
    known = [business_date(versions[0].recorded_at, loan.zone), versions[0].rows[0].due_on]
    return min([*known, *(entry.effective_on for entry in entries)])


def _events(loan: Any, entries: Sequence[LedgerEntry], agreed: Sequence[datetime]) -> list[CreditEvent]:
    """Return what stands beside the money. A loss that the ledger books is read there, else the core's word counts."""
    found = [
        CreditEvent(CreditEventKind.ARRANGED, business_date(at, loan.zone), arrangement=Arrangement.PLAN) for at in agreed
    ]
    is_booked = any(entry.kind is EntryKind.CHARGE_OFF for entry in standing(entries))
    if loan.status == "written_off" and loan.ended_at is not None and not is_booked:
        found.append(CreditEvent(CreditEventKind.CHARGED_OFF, business_date(loan.ended_at, loan.zone)))
    return found


def _frequency(days: Sequence[date]) -> str:
    """Return Metro 2's letter for how often payments fall due; P: once."""
    gaps = Counter((later - earlier).days for earlier, later in pairwise(days))
    if not gaps:
        return "P"
    usual = max(gaps, key=lambda gap: (gaps[gap], -gap))
    return next((letter for most, letter in _FREQUENCIES if usual <= most), "Y")
