"""What a lender's core, or its desk, says of funders and of their shares."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from app.domain.book import check_text
from app.domain.errors import refused_at

FUNDER_KINDS = ("person", "firm")
LONGEST_FUNDER_NO, LONGEST_NAME, LONGEST_EMAIL, LONGEST_ACCOUNT, LONGEST_REFERENCE = 64, 200, 254, 64, 120
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .-]*")


@dataclass(frozen=True, slots=True)
class FunderValues:
    """A funder. A put says everything: a field left out is emptied."""

    funder_no: str
    kind: str
    name: str = field(repr=False)
    email: str | None = field(default=None, repr=False)
    account: str | None = field(default=None, repr=False)
    locale: str = "en"

    def check(self) -> None:
        """Raises ValidationError for what no funder can be."""
        check_number("funder_no", self.funder_no)
        if self.kind not in FUNDER_KINDS:
            raise refused_at("/kind", f"kind is not one of {', '.join(FUNDER_KINDS)}.")
        if not self.name.strip():
            raise refused_at("/name", "name is empty.")
        check_text("name", self.name, LONGEST_NAME)
        if self.email is not None:
            check_text("email", self.email, LONGEST_EMAIL)
            if "@" not in self.email:
                raise refused_at("/email", "email is no address.")
        if self.account is not None and (len(self.account) > LONGEST_ACCOUNT or not _ACCOUNT.fullmatch(self.account)):
            raise refused_at("/account", "account is letters, digits, blanks, points and hyphens, at most 64.")


@dataclass(frozen=True, slots=True)
class ShareValues:
    """A share of a loan that goes from one to another. `units_minor`: principal funded, in minor units of the loan's
    currency. From None: it is funded. To None: the lender takes it back.
    """

    reference: str
    loan_no: str
    units_minor: int
    currency: str
    effective_on: date
    to_funder_no: str | None = None
    from_funder_no: str | None = None
    service_fee: Mapping[str, str] | None = None
    """What the platform keeps of money passed on, by component, as fractions; None: as the loan has it."""

    def check(self) -> None:
        """Raises ValidationError for what no share can be."""
        check_number("reference", self.reference, LONGEST_REFERENCE)
        if self.to_funder_no == self.from_funder_no:
            raise refused_at("/to_funder_no", "A share goes from one to another: say who gets it, or who gives it, or both.")
        if self.units_minor <= 0:
            raise refused_at("/amount", "The amount has to be more than nothing.")


def check_number(name: str, text: str, most: int = LONGEST_FUNDER_NO) -> None:
    """Refuse a number that is empty, too long, or of several lines. Raises ValidationError."""
    if not text or text != text.strip() or "\n" in text or "\t" in text:
        raise refused_at(f"/{name}", f"{name} is empty, or has blanks around it or a line end in it.")
    check_text(name, text, most)
