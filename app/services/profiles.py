"""Who a borrower is, as far as they are shown it themselves."""

from dataclasses import dataclass, field

from sqlalchemy import Connection

from app.persistence.db import vault
from app.persistence.queries.profiles import get_profile_row

_MASK = "••••"


@dataclass(frozen=True, slots=True)
class Profile:
    """A borrower's own view of themself."""

    id: str
    borrower_no: str
    name: str | None = field(repr=False)
    phone_masked: str | None
    email_masked: str | None
    country: str | None
    locale: str | None
    timezone: str | None
    officer: str | None
    loan_timezone: str | None = None
    """Of their newest loan: where they are thought to be when they named no zone themselves."""

    @property
    def zone(self) -> str:
        """The zone in which staff are shown what happened to them."""
        return self.timezone or self.loan_timezone or "UTC"


def get_profile(reads: Connection, borrower_id: str) -> Profile:
    """Return the borrower's profile."""
    row = get_profile_row(reads, borrower_id)
    ring = vault()
    phone = ring.open(row.phone_sealed, place=f"borrowers.phone:{row.id}")
    email = ring.open(row.email_sealed, place=f"borrowers.email:{row.id}")
    return Profile(
        id=row.id,
        borrower_no=row.borrower_no,
        name=ring.open(row.name_sealed, place=f"borrowers.name:{row.id}"),
        phone_masked=f"{_MASK} {phone[-4:]}" if phone else None,
        email_masked=f"{email[0]}{_MASK}@{email.rpartition('@')[2]}" if email else None,
        country=row.country,
        locale=row.locale,
        timezone=row.zone,
        officer=row.officer,
        loan_timezone=row.loan_zone,
    )
