"""Lenders: put by their code."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.book import LENDER_ROLES, LICENCE_ROLES, LenderValues, check_texts
from app.domain.errors import NotFoundError, ValidationError, refused_at
from app.domain.money import currency_exponent
from app.domain.times import zone_named
from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.lenders import find_lender, find_lenders
from app.persistence.unit_of_work import Work
from app.services.locales import check_locale, check_territory


def put_lender(work: Work, values: LenderValues, *, now: datetime) -> LenderRow:
    """Make the lender, or bring it up to these values. Raises ValidationError.

    The currency of a lender is what its files mean where they name none; it does not change the loans that exist.
    """
    check_lender(values)
    row = find_lender(work.session, values.code)
    if row is None:
        row = LenderRow(id=new_id(), recorded_at=now, **asdict(values))
        work.session.add(row)
    else:
        for name, value in asdict(values).items():
            setattr(row, name, value)
    work.session.flush()
    return row


def check_lender(values: LenderValues) -> None:
    """Refuse what cannot be true of a lender. Raises ValidationError."""
    check_texts(values)
    if not values.code.strip():
        raise ValidationError("A lender needs a code.")
    zone_named(values.zone)
    currency_exponent(values.currency)
    check_locale(values.locale)
    if values.role is not None and values.role not in LENDER_ROLES:
        raise refused_at("/role", f"role is not one of {', '.join(LENDER_ROLES)}.")
    if values.role == "first_party" and not (values.role_reason or "").strip():
        raise refused_at(
            "/role_reason",
            "role_reason is empty: first_party is the laxer reading of the law, so say why this lender is one.",
        )
    if values.licence_role is not None and values.licence_role not in LICENCE_ROLES:
        raise refused_at("/licence_role", f"licence_role is not one of {', '.join(LICENCE_ROLES)}.")
    if values.licensed_from and values.licensed_until and values.licensed_until < values.licensed_from:
        raise refused_at("/licensed_until", "licensed_until is before licensed_from.")
    if values.jurisdiction != "EU":
        check_territory(values.jurisdiction, what="jurisdiction")


def get_lender(work: Work | Session, code: str) -> LenderRow:
    """Return the lender of that code. Raises NotFoundError that names the codes there are."""
    session = work.session if isinstance(work, Work) else work
    row = find_lender(session, code)
    if row is None:
        known = ", ".join(lender.code for lender in find_lenders(session)) or "none yet"
        raise NotFoundError(f"There is no lender {code!r}; known: {known}.")
    return row
