"""What a letter of a kind holds beside its text: ledger, terms, cap, statements of the law, and a place for its proof.

Each part that the kind needs is there or the letter is refused by the part's name; nothing is left out silently.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson

from app.domain.itemisations import LAST_PAYMENT, Itemisation
from app.domain.letter_ledgers import LetterLedger, require_whole
from app.domain.letters import LetterRefusedError, refused
from app.domain.times import business_date, zone_named
from app.services.collateral_letters import KIND as COLLATERAL
from app.services.letter_parts import LetterParts
from app.wording.amounts import written_date, written_number
from app.wording.letter_contents import Section, Table
from app.wording.letter_kinds import LetterKind
from app.wording.letter_pledges import pledge_section
from app.wording.letter_texts import Letterhead
from app.wording.letter_words import Words
from app.wording.statement_labels import labels

FIRST_PARTY, THIRD_PARTY = "first_party", "third_party_collector"


@dataclass(frozen=True, slots=True)
class KindSetting:
    """What a kind adds: lines before the one that takes leave, tables, sections; and the texts that others of it share."""

    lines: tuple[str, ...]
    tables: tuple[Table, ...]
    sections: tuple[Section, ...]
    fixed_text: str


def set_kind(parts: LetterParts, head: Letterhead, words: Words) -> KindSetting:
    """Set what the kind of a letter wants. Raises LetterRefusedError that names the first part that is lacking."""
    kind = parts.kind
    assert kind is not None
    values = _values(parts, kind, head, words)
    pay_by = f"{words.pay_by if kind.asks_to_pay else words.dispute_until}{words.colon}{values['pay_by']}"
    statements = (*_pledges(parts, kind), *_statements(parts, kind, values))
    facts = _facts(parts, kind, head, words, statements)
    tables = tuple(ledger_table(ledger, words, parts) for ledger in parts.ledgers)
    if "itemisation" in kind.needs:
        tables = (*(itemisation_table(each, words, parts.locale) for each in _itemised(parts)), *tables)
    fixed = "".join(
        each for said in kind.says for each in (said.heading.get(parts.locale, ""), said.text.get(parts.locale, ""))
    )
    return KindSetting((pay_by,), tables, (*statements, facts), fixed)


def pay_by_of(parts: LetterParts, kind: LetterKind) -> date:
    """Return the last day that a letter leaves: counted from the day of its amounts where the borrower lives."""
    return business_date(parts.as_of, parts.zone) + timedelta(days=kind.pay_by_days)


def ledger_table(ledger: LetterLedger, words: Words, parts: LetterParts) -> Table:
    """Return a loan's ledger: a row for each instalment, the total as the account has it."""
    locale, currency = parts.locale, ledger.currency

    def amounts(split: Any) -> tuple[str, ...]:
        shown = (split.principal, split.interest, split.fees, split.penalties, split.total)
        return tuple(written_number(minor, currency, locale) for minor in shown)

    rows = [
        (str(row.row_no), written_date(row.due_on, locale), str(row.days_late), *amounts(row.open)) for row in ledger.rows
    ]
    rows.append((words.total, "", "", *amounts(ledger.total)))
    caption = words.ledger_of.format(loan=ledger.loan_no, currency=currency, as_of=written_date(ledger.as_of, locale))
    return Table(caption, words.ledger_of_columns, tuple(rows), text_columns=frozenset({0, 1}))


def itemisation_table(item: Itemisation, words: Words, locale: str) -> Table:
    """Return how a debt came to be what it is: what was owed then, what came on, what was paid, and the sum of it."""
    on = written_date(item.since, locale)
    named = words.since_payment if item.basis == LAST_PAYMENT else words.since_lent
    lines = (
        (words.owed_then.format(on=on), item.owed_then_minor),
        (words.interest_since, item.charged.interest),
        (words.fees_since, item.charged.fees),
        (words.penalties_since, item.charged.penalties),
        (words.paid_since, 0),
        (words.credited_since, 0),
        (words.owed_now, item.owed_now_minor),
    )
    rows = tuple((name, written_number(minor, item.currency, locale)) for name, minor in lines)
    caption = words.itemisation_of.format(loan=item.loan_no, currency=item.currency, on=on, named=named)
    return Table(caption, words.itemisation_columns, rows)


# -- what must be there ------------------------------------------------------------------------------------------------


def _values(parts: LetterParts, kind: LetterKind, head: Letterhead, words: Words) -> Mapping[str, str]:
    """Return what statements put in. Raises LetterRefusedError for the first of the kind's needs that is lacking."""
    lead, locale = parts.loans[0], parts.locale
    reports_to = head.reports_to.get(locale) or (kind.reports_to or {}).get(locale, "")
    register = head.register.get(locale, "")
    creditor = _current_creditor(lead, head, locale)
    if "ledger" in kind.needs:
        require_whole(parts.ledgers)
    lacking = {
        "licence": not lead.licence_no and f"The licence number of lender {lead.lender_code} is not recorded.",
        "contract": any(_signed_on(loan) is None for loan in parts.loans)
        and "The day on which the contract was signed is not recorded.",
        "ways_to_pay": not head.ways_to_pay.get(locale)
        and f"Lender {lead.lender_code} has no ways to pay in {locale}; its letterhead file must name them.",
        "complaints": not lead.complaints_contact and f"Where to complain of lender {lead.lender_code} is not recorded.",
        "reports_to": not reports_to
        and f"To whom lender {lead.lender_code} reports its letterhead file must say, under `reports_to`, in {locale}.",
        "register": not register
        and f"Which register lender {lead.lender_code} uses its letterhead file must say, under `register`, in {locale}.",
        "regulator": not lead.regulator and f"Who supervises lender {lead.lender_code} is not recorded.",
        "current_creditor": not creditor
        and f"For whom lender {lead.lender_code} collects its letterhead file must say, under `creditor`, in {locale}.",
    }
    for need in kind.needs:
        if need == "cap":
            for loan in parts.loans:
                _require_cap(loan)
        elif detail := lacking.get(need):
            raise refused(need, str(detail))
    day = written_date(pay_by_of(parts, kind), locale)
    return {
        "lender": lead.legal_name or head.name,
        "pay_by": words.day_end.format(on=day, zone=parts.zone),
        "contract_no": words.joiner.join(_contract_no(loan) for loan in parts.loans),
        "reports_to": reports_to,
        "register": register,
        "complaints": lead.complaints_contact or "",
        "regulator": lead.regulator or "",
        "creditor": creditor,
        "mailing_address": words.joiner.join((head.name, *head.address)),
        "addressee": words.joiner.join((parts.name or "", *parts.address)),
        "account": words.joiner.join(_masked(_contract_no(loan)) for loan in parts.loans),
    }


def _itemised(parts: LetterParts) -> list[Itemisation]:
    """Return the itemisation of each loan. Raises LetterRefusedError where one cannot be told."""
    found = []
    for each in parts.itemisations:
        if isinstance(each, LetterRefusedError):
            raise each
        found.append(each)
    if len(found) != len(parts.loans):
        raise refused("itemisation", "How the debt came to be what it is was not looked at.")
    return found


def _current_creditor(loan: Any, head: Letterhead, locale: str) -> str:
    """Return to whom a debt is owed now; "" where nobody said so. Who lends for itself is the creditor."""
    if loan.role == FIRST_PARTY:
        return str(loan.legal_name or head.name)
    return head.creditor.get(locale, "")


def _require_cap(loan: Any) -> None:
    """Refuse a letter that needs a cap which is not known, or not kept. Raises LetterRefusedError."""
    cap = loan.cap
    if cap is None or cap.get("code") is None or cap["may_bind"]:
        why = "it was never looked at" if cap is None else str(cap.get("code"))
        raise refused(
            "cap", f"Whether loan {loan.loan_no} keeps the highest rate is not known ({why}); the letter needs it."
        )
    if loan.over_cap_minor:
        raise refused("cap", f"Loan {loan.loan_no} asks for more than the highest rate allows; no letter asks for that.")


def _signed_on(loan: Any) -> date | None:
    stated = loan.contract.get("signed_on")
    try:
        on: date | None = date.fromisoformat(stated) if isinstance(stated, str) else loan.disbursed_on
    except ValueError:
        return None
    return on


def _masked(number: str) -> str:
    """Return the last four characters of a number: a form that is sent back by post shows no more of it."""
    return f"…{number[-4:]}" if len(number) > 4 else number


def _contract_no(loan: Any) -> str:
    return str(loan.contract.get("contract_no") or loan.loan_no)


# -- sections ----------------------------------------------------------------------------------------------------------


def _statements(parts: LetterParts, kind: LetterKind, values: Mapping[str, str]) -> Iterator[Section]:
    """Yield the statements of the kind, those of one heading as one section, in the order in which they first stand."""
    role = parts.loans[0].role or THIRD_PARTY
    by_heading: dict[str, list[str]] = {}
    for said in kind.says:
        if said.who is None or said.who == role:
            heading = said.heading.get(parts.locale, "")
            by_heading.setdefault(heading, []).append(said.said(parts.locale, values))
    for heading, paragraphs in by_heading.items():
        yield Section(heading, tuple(paragraphs))


def _pledges(parts: LetterParts, kind: LetterKind) -> Iterator[Section]:
    """Yield what is pledged, named one by one. Raises LetterRefusedError where nothing is that the letter could be about."""
    if kind.kind == COLLATERAL:
        if not parts.pledges:
            raise refused("pledged", f"Nothing is pledged for loan {parts.loans[0].loan_no} any more.")
        yield pledge_section(parts.pledges, parts.locale)


def _facts(parts: LetterParts, kind: LetterKind, head: Letterhead, words: Words, statements: tuple[Section, ...]) -> Section:
    lead = parts.loans[0]
    lender = lead.legal_name or head.name
    kinds = labels(parts.locale).licences
    licence = " ".join(part for part in (kinds.get(lead.licence_kind, ""), lead.licence_no or "") if part)
    acts = (words.for_itself if lead.role == FIRST_PARTY else words.for_creditor).format(lender=lender)
    creditor = words.joiner.join(part for part in (lender, licence, lead.regulator or "") if part)
    lines = [(words.creditor, creditor if lead.role is None else f"{creditor}{words.joiner}{acts}")]
    for loan, ledger in zip(parts.loans, parts.ledgers, strict=True):
        if (on := _signed_on(loan)) is not None:
            signed = words.contract_value.format(number=_contract_no(loan), on=written_date(on, parts.locale))
            lines.append((words.contract, signed))
        if rates := _rates(ledger, words):
            lines.append((words.rates, rates))
        if "cap" in kind.needs and loan.cap and loan.cap["annual_rate"]:
            lines.append((words.cap, words.cap_kept.format(rate=_percent(Fraction(Decimal(loan.cap["annual_rate"]))))))
    lines.append((words.as_of, _written_at(parts.as_of, parts, words)))
    lines.append((words.language, words.language_name))
    lines.append((words.check, content_hash(parts, statements)[:32]))
    lines.append((words.proof, words.proof_slot))
    return Section(words.facts, tuple(f"{name}{words.colon}{value}" for name, value in lines), is_small=True)


def content_hash(parts: LetterParts, statements: tuple[Section, ...]) -> str:
    """Return the SHA-256 of what a letter says, which stands on it; that of the document itself cannot stand in it."""
    said = [
        parts.message_id, parts.template, parts.locale, parts.title, parts.body, parts.as_of.isoformat(),
        [[each.loan_no, each.currency, [[row.row_no, row.due_on.isoformat(), *row.open] for row in each.rows], [*each.total]]
         for each in parts.ledgers],
        [[each.heading, *each.paragraphs] for each in statements],
    ]  # fmt: skip
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


def _rates(ledger: LetterLedger, words: Words) -> str:
    named = ((words.interest_rate, ledger.interest_rate), (words.late_rate, ledger.late_rate))
    return words.joiner.join(text.format(rate=_percent(rate)) for text, rate in named if rate)


def _percent(rate: Fraction) -> str:
    """Return a rate with two decimals, or as many more as it needs up to four."""
    text = f"{Decimal(rate.numerator) * 100 / Decimal(rate.denominator):.4f}"
    while text.endswith("0") and len(text.partition(".")[2]) > 2:
        text = text[:-1]
    return f"{text}%"


def _written_at(at: datetime, parts: LetterParts, words: Words) -> str:
    local = at.astimezone(zone_named(parts.zone))
    on = written_date(local.date(), parts.locale)
    return words.at.format(on=on, time=f"{local:%H:%M}", zone=parts.zone)
