"""Reporting to a bureau: what is set per lender, and who may say so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.book import check_text
from app.domain.credit_gates import MARKED, WITHHELD
from app.domain.errors import FieldError, ValidationError

METRO2, PBOC = "metro2", "pboc"
FORMATS = (METRO2, PBOC)
ALL, NEGATIVE_ONLY = "all", "negative_only"
LONGEST_LEAD_DAYS = 90
_OF_PBOC: Mapping[str, tuple[str, str]] = {
    "furnisher_code": (r"[0-9A-Z]{14}", "For PBOC records this is the institution's code: 14 capital letters and digits."),
    "furnisher_address": (r"[0-9]{6}", "For PBOC records this is the district: six digits of the administrative division."),
}
"""Field -> its form in PBOC records, and what to say of another: the file of a month that is frozen could not be made."""
STATES = ("waiting", "enabled", "declined", "ended")


@dataclass(frozen=True, slots=True)
class BureauValues:
    """What somebody asks to have set. `lead_days`: whole days after the day on which a notice was delivered, 1 to 90."""

    bureau: str
    format: str
    furnisher_code: str
    furnisher_name: str
    furnisher_address: str
    """As the header of the file names the lender, on one line; of PBOC records the district's six digits."""
    reports: str = ALL
    while_disputed: str = WITHHELD
    lead_days: int = 1


def check_bureau(values: BureauValues) -> None:
    """Refuse what cannot be set. Raises ValidationError that points at each field."""
    check_text("bureau", values.bureau, 24)
    check_text("furnisher_code", values.furnisher_code, 40)
    check_text("furnisher_name", values.furnisher_name, 60)
    check_text("furnisher_address", values.furnisher_address, 96)
    allowed: Mapping[str, tuple[Any, tuple[str, ...]]] = {
        "format": (values.format, FORMATS),
        "reports": (values.reports, (ALL, NEGATIVE_ONLY)),
        "while_disputed": (values.while_disputed, (WITHHELD, MARKED)),
    }
    errors = [
        FieldError(f"/{name}", "choice", f"{name} is not one of {', '.join(choices)}.")
        for name, (value, choices) in allowed.items()
        if value not in choices
    ]
    errors += [
        FieldError(f"/{name}", "invalid", f"{name} is one line: a line end in it would break the header of every file.")
        for name in ("furnisher_code", "furnisher_name", "furnisher_address")
        if not getattr(values, name).isprintable()
    ]
    if values.format == PBOC:
        errors += [
            FieldError(f"/{name}", "invalid", told)
            for name, (form, told) in _OF_PBOC.items()
            if not re.fullmatch(form, getattr(values, name))
        ]
    if not 1 <= values.lead_days <= LONGEST_LEAD_DAYS:
        errors.append(FieldError("/lead_days", "range", f"lead_days is 1 to {LONGEST_LEAD_DAYS}."))
    if errors:
        raise ValidationError("The bureau cannot be set like that.", errors=errors)
