"""What may be public of registers: figures, and never a name. Whoever would publish asks here, and the law is asked."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.errors import ForbiddenError
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.restricted_register import count_standing
from app.services.law_gates import ask_law, require_lawful

LEAST_CELL = 5
"""A figure about fewer people says something of each of them. A figure of this house; a law may want more."""
PERSONAL = frozenset({"name", "id_tail", "phone", "address", "photo", "national_id", "loan_no"})


def require_publishable(
    session: Session, lender_id: str, fields: Sequence[str], *, smallest_cell: int | None, now: datetime
) -> None:
    """Let figures pass. Raises LawRefusedError (names the rule), ForbiddenError where no rule of that country speaks.

    `fields`: what would be shown of each person; none for figures.
    """
    lender = get_lender(session, lender_id)
    known = [name for name in fields if name in ("name", "id_tail", "phone", "address", "photo")]
    facts = {"publication": {"fields": known, "smallest_cell": smallest_cell}}
    require_lawful(ask_law(session, act="publish", jurisdiction=lender.jurisdiction, facts=facts, now=now))
    if PERSONAL & set(fields):
        raise ForbiddenError("People who are reported to a register are never published, in no country; publish figures.")


def public_figures(session: Session, lender_id: str, *, now: datetime) -> dict[str, int | None]:
    """Return register -> how many people stand on it; None: so few that the figure is withheld. Raises LawRefusedError."""
    counts = count_standing(session, lender_id)
    shown = {key: count if count >= LEAST_CELL else None for key, count in counts.items()}
    least = min((count for count in shown.values() if count is not None), default=None)
    require_publishable(session, lender_id, (), smallest_cell=least, now=now)
    return shown
