"""Where borrowers of a lender transfer to, and the lender's own rules for matching the lines of its statements."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from app.domain.book import check_text
from app.domain.creditor_references import is_iban
from app.domain.errors import ValidationError
from app.domain.statement_matching import MatchRules
from app.persistence.models.statement_lines import TransferSettingsRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.transfer_references import find_transfer_settings
from app.persistence.unit_of_work import Work
from app.services.lenders import get_lender
from app.services.statement_evidence import read_rules

_LONGEST = {"account": 56, "bic": 11, "holder": 70}
_HIGHEST = Decimal(1000)
"""Of a tolerance, in major units: more is no tolerance but another amount."""
_MOST = 366


@dataclass(frozen=True, slots=True)
class TransferChange:
    """What to change; None leaves a field as it is, an empty text takes it out."""

    account: str | None = None
    bic: str | None = None
    holder: str | None = None
    rules: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to change."""
        return self.rules == {} and self.account is None and self.bic is None and self.holder is None


@dataclass(frozen=True, slots=True)
class ShownSettings:
    """The settings as they stand."""

    where: Mapping[str, str | None]
    rules: MatchRules


def change_settings(work: Work, lender_code: str, change: TransferChange, *, by: str, now: datetime) -> ShownSettings:
    """Change a lender's transfer settings and return them as they stand. Raises NotFoundError, ValidationError."""
    lender = get_lender(work, lender_code)
    row = find_transfer_settings(work.session, lender.id)
    if not change.is_empty:
        if row is None:
            row = TransferSettingsRow(lender_id=lender.id, rules={}, changed_at=now, changed_by=by)
            work.session.add(row)
        _change(row, change)
        row.changed_at, row.changed_by = now, by
        work.session.flush()
        facts = {"lender": lender.code, "rules": row.rules}
        add_audit(work.session, at=now, actor=by, action="transfer_settings.changed", borrower_id=None, facts=facts)
    where = {name: getattr(row, name) if row else None for name in _LONGEST}
    return ShownSettings(where, read_rules(row.rules if row else None))


def _change(row: TransferSettingsRow, change: TransferChange) -> None:
    for name, most in _LONGEST.items():
        text = getattr(change, name)
        if text is not None:
            check_text(name, text, most)
            setattr(row, name, " ".join(text.split()) or None)
    if change.account:
        compact = "".join(change.account.split()).upper()
        if compact[:2].isalpha() and not is_iban(compact):
            raise ValidationError("The account looks like an IBAN, and its check digits do not hold.")
        row.account = compact if is_iban(compact) else row.account
    row.rules = {**row.rules, **{name: _rule(name, text) for name, text in change.rules.items()}}


def _rule(name: str, text: str) -> Any:
    """Return a rule's value as it is stored: decimals as text."""
    kinds = {each.name: type(each.default) for each in fields(MatchRules)}
    kind = kinds.get(name)
    if kind is bool and text in ("yes", "no"):
        return text == "yes"
    if kind is int and text.isascii() and text.isdigit() and int(text) <= _MOST:
        return int(text)
    if kind is Decimal:
        try:
            amount = Decimal(text)
        except InvalidOperation:
            amount = Decimal(-1)
        if amount.is_finite() and 0 <= amount <= _HIGHEST:
            return str(amount)
    if kind is None:
        raise ValidationError(f"There is no rule {name!r}; there are {', '.join(kinds)}.")
    wanted = {bool: "yes or no", int: f"a whole number up to {_MOST}"}.get(kind, f"an amount from 0 to {_HIGHEST}")
    raise ValidationError(f"The rule {name} is {wanted}.")
