"""Why an account may not be reported, whatever the format, and the file that goes on without it or stops."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from app.domain.credit_accounts import CreditAccount
from app.domain.errors import FieldError, ValidationError


class Refusal(NamedTuple):
    """One reason: the field of `CreditAccount`, a stable code, and what is wrong and what to do, without personal data."""

    field: str
    code: str
    detail: str


Refuse = Callable[[CreditAccount, list[Refusal]], None]
"""Told of each account that may not be written; it is left out."""


class ByteSink(Protocol):
    """Where a file goes, e.g. an open binary file."""

    def write(self, data: bytes, /) -> object:
        """Take some bytes."""


def refused_account(account: CreditAccount, wrong: list[Refusal]) -> ValidationError:
    """Return the error of a file that stops at this account: a pointer for each field, by the loan's id."""
    errors = [FieldError(f"/accounts/{account.loan_id}/{each.field}", each.code, each.detail) for each in wrong]
    return ValidationError(f"Loan {account.loan_id} may not be reported: {wrong[0].detail}", errors=errors)
