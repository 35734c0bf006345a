"""What letters are made from: the rendered text, whom it is for, the loans it is about with what is owed on them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson
from sqlalchemy.orm import Session

from app.domain.positions import Position, open_rows_at
from app.domain.times import business_date
from app.persistence.queries.letters import find_letter_loans, find_letter_messages, find_loans_of_letters_by_hand
from app.persistence.unit_of_work import Work
from app.services.law_packs import pack_for
from app.services.policies import policy_version
from app.services.positions import positions_of, snapshot_on
from app.services.terms import kernel_terms
from app.wording.template_texts import purpose_of


@dataclass(frozen=True, slots=True)
class OpenInstalment:
    """One row that was missed."""

    loan_no: str
    row_no: int
    due_on: date
    open_minor: int


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
    rows: tuple[OpenInstalment, ...] = field(repr=False)
    """Of notices only."""


def load_parts(work: Work, message_ids: Sequence[str]) -> Iterator[LetterParts]:
    """Yield the facts of these letter messages; ids of other messages are passed over."""
    messages = find_letter_messages(work.session, message_ids)
    of_contacts = find_letter_loans(work.session, [each.contact_id for each in messages if each.contact_id])
    about = {each.id: _spoken_of(each, of_contacts.get(each.contact_id or "", [])) for each in messages}
    by_hand = {each.id: _loans_named(each) for each in messages if not of_contacts.get(each.contact_id or "")}
    named = find_loans_of_letters_by_hand(work.session, sorted({loan for loans in by_hand.values() for loan in loans}))
    about |= {key: [named[loan] for loan in loans if loan in named] for key, loans in by_hand.items()}
    by_day: dict[date, dict[str, Any]] = {}
    days: dict[str, date] = {}
    for message in messages:
        found = about[message.id]
        days[message.id] = business_date(message.created_at, found[0].zone if found else "UTC")
        by_day.setdefault(days[message.id], {}).update({loan.id: loan for loan in found})
    positions = {day: positions_of(work.session, list(loans.values()), day) for day, loans in by_day.items()}
    for message in messages:
        day = days[message.id]
        loans = tuple({loan.id: loan for loan in about[message.id]}.values())
        yield _parts(work, message, loans, day, tuple(positions[day][loan.id] for loan in loans))


def _spoken_of(message: Any, found: list[Any]) -> list[Any]:
    """What a letter speaks of, of all that its contact was about."""
    return [each for each in found if message.about is None or f"{each.id}/{each.row_no}" in message.about]


def _loans_named(message: Any) -> list[str]:
    """What a letter by hand names itself: there is no decision behind it."""
    return list(dict.fromkeys(subject.partition("/")[0] for subject in message.about or ()))


def _parts(work: Work, message: Any, loans: tuple[Any, ...], day: date, positions: tuple[Position, ...]) -> LetterParts:
    text = orjson.loads(work.vault.open(message.text_sealed, place=f"messages.text:{message.id}") or "{}")
    address = work.vault.open(message.address_sealed, place=f"borrowers.address:{message.borrower_id}")
    notice = _notice(work.session, message, loans)
    return LetterParts(
        message_id=message.id,
        borrower_id=message.borrower_id,
        template=message.template,
        locale=message.locale,
        title=text.get("title", ""),
        body=text.get("body", ""),
        name=work.vault.open(message.name_sealed, place=f"borrowers.name:{message.borrower_id}"),
        address=tuple(json.loads(address)) if address else (),
        country=message.country or "",
        written_on=day,
        jurisdiction=pack_for(loans[0].jurisdiction).pack.jurisdiction if loans else "",
        notice=notice,
        loans=loans,
        positions=positions,
        rows=tuple(_missed(work.session, loans, day)) if notice else (),
    )


def _notice(session: Session, message: Any, loans: tuple[Any, ...]) -> str | None:
    purpose = purpose_of(message.template)
    of_template = None if purpose is None else purpose.notice("letter")
    if of_template is not None or not loans or loans[0].policy_id is None:
        return of_template
    lead = loans[0]
    steps = {step.key: step for step in policy_version(session, lead.policy_id).all_steps}
    step = steps.get(lead.step_key)
    return None if step is None else step.notice_kind


def _missed(session: Session, loans: tuple[Any, ...], day: date) -> Iterator[OpenInstalment]:
    for loan in loans:
        snapshot = snapshot_on(session, loan, day)
        for row in open_rows_at(snapshot, day, kernel_terms(loan).terms.late):
            if row.due_on < day:
                yield OpenInstalment(loan.loan_no, row.row_no, row.due_on, row.open.total)
