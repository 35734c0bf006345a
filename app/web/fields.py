"""Fields that several schemas share: money, instants, business dates, text that both databases can hold."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from app.domain import errors
from app.domain.money import Money, currency_exponent
from app.domain.times import parse_instant, rfc3339

MOST_MINOR = 10**15
"""Largest amount taken in, in minor units: fits 64 bits with room for sums."""
ID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
NUMBER_PATTERN = "[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"
"""Numbers given by a lender or an app: borrower_no, loan_no, installation id."""
PHONE_PATTERN = "[+][1-9][0-9]{6,14}"
"""E.164 by its form."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:\d{2})")
MOST_STATE = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 8259)."""
_STATE = re.compile("[0-9]{1,16}")
_DIGITS = re.compile("[0-9]{1,9}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class MoneyField(fields.Field[Money]):
    """`{"amount_minor": 123456, "currency": "CNY"}`: whole minor units and an ISO 4217 code."""

    def _serialize(self, value: Money | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else {"amount_minor": value.minor, "currency": value.currency}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Money:
        if not isinstance(value, Mapping):
            raise ValidationError("Not a valid amount.")
        unknown = {key: ["Unknown field."] for key in value if key not in ("amount_minor", "currency")}
        if unknown:
            raise ValidationError(unknown)
        minor, currency = value.get("amount_minor"), value.get("currency")
        if not isinstance(minor, int) or isinstance(minor, bool) or abs(minor) > MOST_MINOR:
            raise ValidationError({"amount_minor": ["Not a whole number of minor units."]})
        try:
            currency_exponent(currency if isinstance(currency, str) else "")
        except errors.ValidationError:
            raise ValidationError({"currency": ["Not an ISO 4217 currency."]}) from None
        return Money(minor, str(currency))


class InstantField(fields.Field[datetime]):
    """RFC 3339; written in UTC with a Z."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else rfc3339(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            raise ValidationError("Not an instant; write it like 2026-11-23T09:00:00Z.")
        try:
            return parse_instant(value)
        except errors.ValidationError:
            raise ValidationError("Not an instant; write it like 2026-11-23T09:00:00Z.") from None


class DateField(fields.Field[date]):
    """A business date, `YYYY-MM-DD`, from 1900 to 2199."""

    def _serialize(self, value: date | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else value.isoformat()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        try:
            on = date.fromisoformat(value) if isinstance(value, str) and _DATE.fullmatch(value) else None
        except ValueError:
            on = None
        if on is None or not 1900 <= on.year < 2200:
            raise ValidationError("Not a date; write it like 2026-11-23.")
        return on


class TextField(fields.String):
    """Text without control characters (PostgreSQL cannot hold NUL), of 1 to `most` characters, not only blanks."""

    def __init__(self, most: int, **kwargs: Any) -> None:
        self.most = most
        super().__init__(validate=validate.Length(min=1, max=most), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if _CONTROL.search(text) or not text.strip():
            raise ValidationError("Write a text: not only blanks, and no control characters.")
        return text


class PatternField(fields.String):
    """Text that matches a pattern as a whole. The pattern must mean the same in Python and in ECMAScript."""

    def __init__(self, pattern: str, wrong: str = "Not in the expected form.", **kwargs: Any) -> None:
        self.pattern = pattern
        self.wrong = wrong
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise ValidationError(self.wrong)
        return text


class IdField(PatternField):
    """A UUID in text, lower case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ID_PATTERN, "Not an id.", **kwargs)


class CountField(fields.Integer):
    """A whole number in a query, in plain digits: `int` would also take 1_0, blanks and digits of other scripts."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not _DIGITS.fullmatch(value):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class StateField(fields.Integer):
    """A state of an inbox. It only grows; apart from that it means nothing to a client."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(0, MOST_STATE), **kwargs)


class StateParameterField(StateField):
    """A state in a query, in plain digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not _STATE.fullmatch(value):
            raise self.make_error("invalid")
        return super()._deserialize(int(value), attr, data, **kwargs)


class MapField(fields.Dict):
    """An object with keys of its own. Errors point at the key, without the `key` or `value` marshmallow adds."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if isinstance(error.messages, dict):
                named = {key: [text for texts in wrong.values() for text in texts] for key, wrong in error.messages.items()}
                raise ValidationError(named) from None
            raise


class PageQuerySchema(Schema):
    """What every list takes."""

    cursor = TextField(512, metadata={"description": "`next_cursor` of the page before."})
    limit = CountField(
        load_default=20, validate=validate.Range(1, 100), metadata={"description": "How many at most, 1 to 100."}
    )
