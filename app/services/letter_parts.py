"""What letters are made from: the rendered text, whom it is for, the loans it is about with what is owed on them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NamedTuple

import orjson
from sqlalchemy.orm import Session

from app.domain.itemisations import Itemisation
from app.domain.letter_ledgers import LedgerRow, LetterLedger
from app.domain.letters import LetterRefusedError
from app.domain.positions import Position, Snapshot, open_rows_at
from app.domain.times import business_date
from app.persistence.queries.letters import find_letter_loans, find_letter_messages, find_loans_of_letters_by_hand
from app.persistence.queries.positions import find_recorded
from app.persistence.queries.served_notices import find_kinds_of
from app.persistence.unit_of_work import Work
from app.services.collateral_letters import KIND as COLLATERAL
from app.services.collateral_letters import pledges_of_letter
from app.services.law_packs import pack_for
from app.services.letter_itemisations import itemisations_of
from app.services.policies import policy_version
from app.services.positions import position_by, snapshots_of
from app.services.terms import kernel_terms
from app.wording.catalogue import render
from app.wording.letter_kinds import KINDS, LetterKind, find_kind
from app.wording.letter_pledges import LetterPledge
from app.wording.letter_texts import letter_law
from app.wording.template_texts import purpose_of
from app.wording.variables import Value, write_variables


@dataclass(frozen=True, slots=True)
class LetterParts:
    """One letter's facts, opened: personal data. `loans`: columns of loan and lender, the one that leads first."""

    message_id: str
    borrower_id: str
    template: str
    locale: str
    title: str = field(repr=False)
    body: str = field(repr=False)
    name: str | None = field(repr=False)
    address: tuple[str, ...] = field(repr=False)
    country: str
    written_on: date
    """The day in the loan's zone on which it was decided: amounts stand as of then."""
    jurisdiction: str
    """Of the law pack that governs the lender."""
    notice: str | None
    """Which notice of law it is, or None."""
    loans: tuple[Any, ...] = field(repr=False)
    positions: tuple[Position, ...] = field(repr=False)
    ledgers: tuple[LetterLedger, ...] = field(repr=False)
    """One a loan: of notices, and of letters of a kind."""
    kind: LetterKind | None
    as_of: datetime
    """When its facts stand."""
    zone: str
    """Where the borrower lives, as far as is known: its last day ends there."""
    itemisations: tuple[Itemisation | LetterRefusedError, ...] = field(default=(), repr=False)
    """One a loan, of kinds that need them: how the debt came to be what it is, or why that cannot be told."""
    pledges: tuple[LetterPledge, ...] = field(default=(), repr=False)
    """What its loans have pledged, of a letter about that."""


def load_parts(work: Work, message_ids: Sequence[str]) -> Iterator[LetterParts]:
    """Yield the facts of these letter messages; ids of other messages are passed over."""
    session = work.session
    messages = find_letter_messages(session, message_ids)
    of_contacts = find_letter_loans(session, [each.contact_id for each in messages if each.contact_id])
    about = {each.id: _spoken_of(each, of_contacts.get(each.contact_id or "", [])) for each in messages}
    by_hand = {each.id: _loans_named(each) for each in messages if not of_contacts.get(each.contact_id or "")}
    named = find_loans_of_letters_by_hand(session, sorted({loan for loans in by_hand.values() for loan in loans}))
    about |= {key: [named[loan] for loan in loans if loan in named] for key, loans in by_hand.items()}
    served = find_kinds_of(session, [each.id for each in messages])
    kinds = {each.id: _kind(each, about[each.id], served.get(each.id)) for each in messages}
    recorded = find_recorded(session, {loan.id for key, loans in about.items() if kinds[key] for loan in loans})
    as_of = {each.id: _stands_at(each, about[each.id], recorded if kinds[each.id] else {}) for each in messages}
    by_day: dict[date, dict[str, Any]] = {}
    days: dict[str, date] = {}
    for message in messages:
        found = about[message.id]
        days[message.id] = business_date(as_of[message.id], found[0].zone if found else "UTC")
        by_day.setdefault(days[message.id], {}).update({loan.id: loan for loan in found})
    itemised = itemisations_of(
        session,
        [
            (loan, days[key])
            for key, kind in kinds.items()
            if kind is not None and "itemisation" in kind.needs
            for loan in about[key]
        ],
    )
    snapshots = {day: snapshots_of(session, list(loans.values()), day) for day, loans in by_day.items()}
    for message in messages:
        loans = tuple({loan.id: loan for loan in about[message.id]}.values())
        day = days[message.id]
        yield _parts(
            work,
            message,
            loans,
            snapshots.get(day, {}),
            _Of(
                day,
                as_of[message.id],
                kinds[message.id],
                served.get(message.id),
                tuple(itemised[loan.id, day] for loan in loans if (loan.id, day) in itemised),
            ),
        )


class _Of(NamedTuple):
    """What is known of one letter before its loans are looked at."""

    day: date
    as_of: datetime
    kind: LetterKind | None
    served_as: str | None
    itemisations: tuple[Itemisation | LetterRefusedError, ...]


def _kind(message: Any, loans: Sequence[Any], served_as: str | None) -> LetterKind | None:
    if not loans:
        return None
    return find_kind(pack_for(loans[0].jurisdiction).pack.jurisdiction, kind=served_as, template=message.template)


def _stands_at(message: Any, loans: Sequence[Any], recorded: Mapping[str, datetime | None]) -> datetime:
    """Return when the facts of a letter stand: when it was decided, or when money of its loans was heard of since."""
    heard = [each for loan in loans if (each := recorded.get(loan.id)) is not None]
    at: datetime = max([message.created_at, *heard])
    return at


def _spoken_of(message: Any, found: list[Any]) -> list[Any]:
    """What a letter speaks of, of all that its contact was about."""
    return [each for each in found if message.about is None or f"{each.id}/{each.row_no}" in message.about]


def _loans_named(message: Any) -> list[str]:
    """What a letter by hand names itself: there is no decision behind it."""
    return list(dict.fromkeys(subject.partition("/")[0] for subject in message.about or ()))


def _parts(work: Work, message: Any, loans: tuple[Any, ...], snapshots: Mapping[str, Snapshot], of: _Of) -> LetterParts:
    text = orjson.loads(work.vault.open(message.text_sealed, place=f"messages.text:{message.id}") or "{}")
    address = work.vault.open(message.address_sealed, place=f"borrowers.address:{message.borrower_id}")
    notice = _notice_of_kind(of) or _notice(work.session, message, loans)
    ledgers = tuple(_ledger(loan, snapshots[loan.id], of.day) for loan in loans) if notice or of.kind else ()
    title, body = text.get("title", ""), text.get("body", "")
    if of.kind is not None and any(ledger.rows for ledger in ledgers):
        title, body = _said_again(message, text.get("variables", {}), loans[0], ledgers)
    return LetterParts(
        message_id=message.id,
        borrower_id=message.borrower_id,
        template=message.template,
        locale=message.locale,
        title=title,
        body=body,
        name=work.vault.open(message.name_sealed, place=f"borrowers.name:{message.borrower_id}"),
        address=tuple(json.loads(address)) if address else (),
        country=message.country or "",
        written_on=of.day,
        jurisdiction=pack_for(loans[0].jurisdiction).pack.jurisdiction if loans else "",
        notice=notice,
        loans=loans,
        positions=tuple(position_by(snapshots[loan.id], loan, of.day) for loan in loans),
        ledgers=ledgers,
        kind=of.kind,
        as_of=of.as_of,
        zone=message.zone or (loans[0].zone if loans else "UTC"),
        itemisations=of.itemisations,
        pledges=pledges_of_letter(work, [loan.id for loan in loans], as_of=of.as_of)
        if of.kind is not None and of.kind.kind == COLLATERAL
        else (),
    )


def _notice_of_kind(of: _Of) -> str | None:
    """Return which notice of law a letter is that was served, or is of a kind; None: it is none, or of neither."""
    if of.kind is not None:
        return of.kind.served_as if of.kind.served_as in letter_law(of.kind.jurisdiction).notices else None
    return None if of.served_as in KINDS else of.served_as


def _said_again(
    message: Any, variables: Mapping[str, str | int], lead: Any, ledgers: Sequence[LetterLedger]
) -> tuple[str, str]:
    """Return title and body with the amounts of the ledger: what the letter says and what it shows are one."""
    totals: dict[str, int] = {}
    for ledger in ledgers:
        totals[ledger.currency] = totals.get(ledger.currency, 0) + ledger.total.total
    rows = [row for ledger in ledgers for row in ledger.rows]
    stands: dict[str, Value] = {
        "count": len(rows), "amount": totals, "due_on": min(row.due_on for row in rows), "loan": lead.loan_no,
        "lender": lead.lender_name,
    }  # fmt: skip
    said = render(message.template, "letter", message.locale, {**variables, **write_variables(stands, message.locale)})
    return said.title, said.body


def _notice(session: Session, message: Any, loans: tuple[Any, ...]) -> str | None:
    purpose = purpose_of(message.template)
    of_template = None if purpose is None else purpose.notice("letter")
    if of_template is not None or not loans or loans[0].policy_id is None:
        return of_template
    lead = loans[0]
    steps = {step.key: step for step in policy_version(session, lead.policy_id).all_steps}
    step = steps.get(lead.step_key)
    return None if step is None else step.notice_kind


def _ledger(loan: Any, snapshot: Snapshot, day: date) -> LetterLedger:
    terms = kernel_terms(loan).terms
    late = terms.late
    return LetterLedger(
        loan.loan_no,
        loan.currency,
        day,
        tuple(
            LedgerRow(row.row_no, row.due_on, (day - row.due_on).days, row.open)
            for row in open_rows_at(snapshot, day, late)
            if row.due_on < day
        ),
        position_by(snapshot, loan, day).overdue,
        _rate(loan.contract.get("annual_rate")),
        late.annual_rate if late is not None and late.annual_rate else None,
    )


def _rate(stated: Any) -> Fraction | None:
    """Return the contract's rate as a fraction a year; None where it names none that can be read."""
    try:
        return Fraction(stated) if isinstance(stated, str | int) and not isinstance(stated, bool) else None
    except (ValueError, ZeroDivisionError):
        return None
