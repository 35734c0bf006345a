"""Putting a letter together: its text, the ledger behind it, what law and lender add, in the layout of its envelope."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

from babel import Locale

from app.domain.letters import refused
from app.domain.splits import Split, total_of
from app.services.letter_kind_setting import KindSetting, set_kind
from app.services.letter_parts import LetterParts
from app.wording.amounts import written_date, written_number
from app.wording.catalogue import template_infos
from app.wording.letter_contents import Letter, LetterPdf, Section, Table
from app.wording.letter_pdf import letter_pdf, postal_lines
from app.wording.letter_texts import Letterhead, Sheet, letter_law, letterhead_of
from app.wording.letter_words import Words, words_in
from app.wording.statement_labels import labels
from app.wording.template_texts import load_texts

_NO_MARKERS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Setting:
    """A letter as it was set, with what the printer is told beside it."""

    letter: LetterPdf
    recipient: tuple[str, ...]
    letterhead: Letterhead
    inserts: tuple[str, ...]


def set_letter(parts: LetterParts) -> Setting:
    """Set one letter. Raises LetterRefusedError that names what is missing or wrong."""
    if not parts.loans:
        raise refused("letterhead", "The message is about no loan, so that nobody knows which lender writes.")
    if not parts.address:
        raise refused("address", "There is no postal address.")
    if not (parts.name or "").strip():
        raise refused("recipient", "There is no name to write to: whoever lives there would read it.")
    lead = parts.loans[0]
    head = letterhead_of(lead.lender_code)
    words = words_in(parts.locale)
    law = letter_law(parts.jurisdiction)
    rule = law.notice(parts.notice) if parts.notice else None
    keys = law.sheets_said(_markers(parts)) + list(rule.sheets if rule else ())
    sheets = [head.sheet(key, parts.locale) for key in dict.fromkeys(keys)]
    sections = list(_sections(parts, head, words))
    paragraphs = tuple(line for line in parts.body.split("\n") if line)
    prescribed = head.notice_text(rule, parts.locale) if rule else ()
    added = None if parts.kind is None else set_kind(parts, head, words)
    lines = added.lines if added else ()
    paragraphs = (*paragraphs[:-1], *prescribed, *lines, *paragraphs[-1:])  # before the last line, which takes leave
    recipient = postal_lines(parts.name, parts.address, head.layout)
    if parts.country and parts.country != head.country:
        recipient = (*recipient, _country_name(parts.country))
    letter = Letter(
        layout=head.layout,
        locale=parts.locale,
        sender_name=head.name,
        sender_lines=(*head.address, *(f"{getattr(words, key)}{words.colon}{value}" for key, value in head.reach)),
        return_line=head.return_line,
        recipient=recipient,
        written_on=parts.written_on,
        references=(
            (words.reference, parts.message_id[-12:]),
            (words.loan, words.joiner.join(loan.loan_no for loan in parts.loans)),
        ),
        subject=parts.title,
        paragraphs=paragraphs,
        tables=_all_tables(parts, words, added, with_rows=rule is not None and rule.with_rows),
        sections=(*sections, *(added.sections if added else ())),
        sheets=tuple(Section(sheet.title, sheet.paragraphs) for sheet in sheets if sheet.insert is None),
        enclosed=tuple(sheet.title for sheet in sheets),
        legal_line=_legal_line(lead, words, parts.locale),
        fixed_text=_fixed_text(parts, head, words, sheets, sections, prescribed) + (added.fixed_text if added else ""),
    )
    return Setting(letter_pdf(letter), recipient, head, tuple(sheet.insert for sheet in sheets if sheet.insert is not None))


def _markers(parts: LetterParts) -> frozenset[str]:
    info = template_infos().get((parts.template, "letter"), {}).get(parts.locale)
    return (info.markers if info is not None else None) or _NO_MARKERS


def _sections(parts: LetterParts, head: Letterhead, words: Words) -> Iterator[Section]:
    ways = head.ways_to_pay.get(parts.locale)
    if ways:
        yield Section(words.ways_to_pay, ways)


def _all_tables(parts: LetterParts, words: Words, added: KindSetting | None, *, with_rows: bool) -> tuple[Table, ...]:
    """Return the ledgers of a letter of a kind, after what several loans come to; else what is overdue by component."""
    if added is None:
        return tuple(_tables(parts, words, with_rows=with_rows))
    together = _tables(parts, words, with_rows=False) if len(parts.loans) > 1 else ()
    return (*together, *added.tables)


def _tables(parts: LetterParts, words: Words, *, with_rows: bool) -> Iterator[Table]:
    """Yield by currency what is overdue by component, which adds up, and of notices the instalments that were missed."""
    pairs = sorted(zip(parts.loans, parts.positions, strict=True), key=lambda pair: pair[0].currency)
    on = written_date(parts.written_on, parts.locale)
    for currency, some in groupby(pairs, key=lambda pair: pair[0].currency):
        of_currency = list(some)
        rows = [_ledger_row(loan.loan_no, position.overdue, currency, parts.locale) for loan, position in of_currency]
        has_total = len(rows) > 1
        if has_total:
            total = total_of([position.overdue for _, position in of_currency])
            rows.append(_ledger_row(words.total, total, currency, parts.locale))
        yield Table(words.ledger.format(on=on, currency=currency), words.ledger_columns, tuple(rows), has_total=has_total)
        if with_rows:
            loan_nos = {loan.loan_no for loan, _ in of_currency}
            missed = [(each.loan_no, row) for each in parts.ledgers if each.loan_no in loan_nos for row in each.rows]
            cells = [
                (
                    loan_no,
                    str(row.row_no),
                    written_date(row.due_on, parts.locale),
                    written_number(row.open.total, currency, parts.locale),
                )
                for loan_no, row in missed
            ]
            total_minor = sum(row.open.total for _, row in missed)
            cells.append((words.total, "", "", written_number(total_minor, currency, parts.locale)))
            yield Table(words.rows.format(on=on, currency=currency), words.row_columns, tuple(cells))


def _ledger_row(name: str, split: Split, currency: str, locale: str) -> tuple[str, ...]:
    amounts = (split.principal, split.interest, split.fees, split.penalties, split.total)
    return (name, *(written_number(minor, currency, locale) for minor in amounts))


def _legal_line(lender: Any, words: Words, locale: str) -> str:
    """Return licence, regulator and where to complain, as far as they are known."""
    kinds = labels(locale).licences
    licence = words.joiner.join(part for part in (kinds.get(lender.licence_kind, ""), lender.licence_no or "") if part)
    named = (
        (words.licence, licence),
        (words.regulator, lender.regulator or ""),
        (words.complaints, lender.complaints_contact or ""),
    )
    return " · ".join(f"{name}{words.colon}{value}" for name, value in named if value)


def _country_name(country: str) -> str:
    """Return a country as it must stand on letters from abroad: in capitals, in English. Source: UPU, S42."""
    return str(Locale("en").territories.get(country, country)).upper()


@lru_cache(maxsize=1)
def _letter_texts() -> dict[tuple[str, str], str]:
    """Return (template, locale) -> the text of letters before anything is put in."""
    return {(each.template, each.locale): each.title + each.body for each in load_texts() if each.channel == "letter"}


def _fixed_text(
    parts: LetterParts,
    head: Letterhead,
    words: Words,
    sheets: Sequence[Sheet],
    sections: Sequence[Section],
    prescribed: Sequence[str],
) -> str:
    """Return the texts that all letters of this kind share."""
    texts = [
        _letter_texts().get((parts.template, parts.locale), ""),
        *prescribed,
        head.name,
        *head.address,
        head.return_line,
    ]
    texts += [line for section in sections for line in (section.heading, *section.paragraphs)]
    texts += [line for sheet in sheets for line in (sheet.title, *sheet.paragraphs)]
    texts += [each if isinstance(each, str) else "".join(each) for each in words]
    return "".join(texts)
