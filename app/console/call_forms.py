"""The form in which somebody tells how a call went: of the worklist, or of a call made outside."""

import re
from datetime import date, datetime, time
from typing import Any

from marshmallow import Schema, fields, validate

from app.domain.calls import TELLABLE
from app.domain.disputes import GROUNDS, DisputeValues
from app.domain.errors import ValidationError, refused_at
from app.domain.hardship import CHANGES, HardshipValues
from app.domain.money import Money, minor_from_text
from app.domain.times import local_instant
from app.services.call_cards import CallCard
from app.services.call_outcomes import ToldOutcome
from app.services.calls import DIRECTIONS, LONGEST_NOTE
from app.web.fields import NUMBER_PATTERN, DateField, PatternField, TextField

LOCAL = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?"
"""What a field of type datetime-local sends."""
LANGUAGES = ("zh-CN", "en", "hi", "es", "pl", "ur", "vi", "ar", "pt", "fr", "de")
"""Languages that somebody who calls can say are needed."""
_FIGURES = re.compile(r"[0-9]{1,12}([.][0-9]{1,3})?")
_MOST_MINUTES = 24 * 60


class CallOutcomeFormSchema(Schema):
    """How a call went. Beside some outcomes comes what was said; local times are where the borrower is."""

    outcome = fields.String(required=True, validate=validate.OneOf(TELLABLE))
    direction = fields.String(load_default="outbound", validate=validate.OneOf(DIRECTIONS))
    at = PatternField(LOCAL, load_default=None)
    minutes = fields.Integer(load_default=0, validate=validate.Range(0, _MOST_MINUTES))
    loan_no = PatternField(NUMBER_PATTERN, load_default=None)
    note = TextField(LONGEST_NOTE, load_default=None)
    promise_amount = TextField(20, load_default=None)
    promised_on = DateField(load_default=None)
    call_back_at = PatternField(LOCAL, load_default=None)
    dispute_ground = fields.String(load_default=None, validate=validate.OneOf(list(GROUNDS)))
    dispute_words = TextField(4000, load_default=None)
    hardship_change = fields.String(load_default=None, validate=validate.OneOf(CHANGES))
    hardship_words = TextField(4000, load_default=None)
    language = fields.String(load_default=None, validate=validate.OneOf(LANGUAGES))


def told_by_form(values: dict[str, Any], card: CallCard, zone: str) -> ToldOutcome:
    """Return what a form says. `zone`: where its local times are. Raises ValidationError that names the field.

    What belongs to another outcome than the one chosen is left out: the fields stand on one page, and nobody empties them.
    """
    outcome = values["outcome"]
    return ToldOutcome(
        outcome=outcome,
        at=None if values["at"] is None else instant_of("at", values["at"], zone),
        seconds=values["minutes"] * 60,
        loan_no=values["loan_no"],
        note=values["note"],
        direction=values["direction"],
        promise=_promise(values, card) if outcome == "promise" else None,
        call_back_at=_call_back(values, zone) if outcome == "callback" else None,
        dispute=_dispute(values) if outcome == "dispute" else None,
        hardship=_hardship(values) if outcome == "hardship" else None,
        language=values["language"] if outcome == "language_needed" else None,
    )


def _promise(values: dict[str, Any], card: CallCard) -> tuple[Money, date]:
    text, on = values["promise_amount"], values["promised_on"]
    if text is None:
        raise refused_at("/promise_amount", "Say how much was promised.")
    if on is None:
        raise refused_at("/promised_on", "Say for which day it was promised.")
    currencies = {loan.currency for loan in card.loans if values["loan_no"] in (None, loan.loan_no)}
    if len(currencies) != 1:
        raise refused_at("/loan_no", "Say which loan it is about.")
    return money_in(text, currencies.pop(), "promise_amount"), on


def money_in(text: str, currency: str, name: str) -> Money:
    """Return an amount written in figures. Raises ValidationError that names the field."""
    plain = text.replace(",", "").strip()
    try:
        if _FIGURES.fullmatch(plain):
            return Money(minor_from_text(plain, currency), currency)
    except ValidationError:
        pass
    raise refused_at(f"/{name}", f"Write the amount in figures of {currency}, like 120.50.")


def _call_back(values: dict[str, Any], zone: str) -> datetime | None:
    text = values["call_back_at"]
    return None if text is None else instant_of("call_back_at", text, zone)


def _dispute(values: dict[str, Any]) -> DisputeValues:
    if values["dispute_ground"] is None:
        raise refused_at("/dispute_ground", "Say what is disputed.")
    if values["dispute_words"] is None:
        raise refused_at("/dispute_words", "Write down what the borrower said.")
    return DisputeValues("dispute", values["dispute_ground"], values["dispute_words"])


def _hardship(values: dict[str, Any]) -> HardshipValues:
    if values["hardship_change"] is None:
        raise refused_at("/hardship_change", "Say what has changed.")
    return HardshipValues(values["hardship_change"], words=values["hardship_words"])


def instant_of(name: str, text: str, zone: str) -> datetime:
    """Return the instant of a local time in a zone. Raises ValidationError that names the field."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise refused_at(f"/{name}", "There is no such day or time.") from None
    return local_instant(local.date(), time(local.hour, local.minute), zone)
