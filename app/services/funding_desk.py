"""What staff read of funders: names and statements, each reading written down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from app.domain.errors import DomainError
from app.domain.funder_statements import FunderStatement, check_period
from app.domain.funding import FunderValues
from app.domain.permissions import check_may
from app.domain.times import business_date
from app.persistence.queries import funding as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.pass_through import page_of_funder
from app.persistence.unit_of_work import Work, unit_of_work
from app.services.desk_payments import DeskStaff
from app.services.funder_statements import statement_of
from app.services.funders import open_funder, put_funders
from app.wording.funder_statement_pdf import FunderDocument, funder_statement_pdf


@dataclass(frozen=True, slots=True)
class MadeStatement:
    """A statement, and the document where one was asked for."""

    funder: Any
    statement: FunderStatement
    pdf: bytes | None


def page_funders(staff: DeskStaff, *, after: str, limit: int, now: datetime) -> Sequence[Any]:
    """Return funders of the lender by id, following `after`."""
    check_may(staff.role, "funding.read")
    with unit_of_work() as work:
        rows = queries.page_funders(work.session, staff.lender_id, after=after, limit=limit)
        _audit(work, "list_read", staff, now, funders=len(rows))
        return rows


def read_funder(staff: DeskStaff, funder_no: str, *, now: datetime) -> Any:
    """Return one funder. Raises NotFoundError."""
    check_may(staff.role, "funding.read")
    with unit_of_work() as work:
        row = queries.get_funder(work.session, staff.lender_id, funder_no)
        _audit(work, "funder_read", staff, now, funder_id=row.id)
        return row


def change_funder(work: Work, values: FunderValues, *, staff: DeskStaff, now: datetime) -> None:
    """Bring a funder up to these values; without an account the one that is known stays, since nobody sees it whole.

    Raises NotFoundError, ForbiddenError, ValidationError.
    """
    check_may(staff.role, "funding.write")
    lender = get_lender(work.session, staff.lender_id)
    known = open_funder(work.vault, queries.get_funder(work.session, lender.id, values.funder_no))
    kept = replace(values, account=values.account or known.account)
    (result,) = put_funders(work, lender, [kept], by=staff.by, now=now)
    if isinstance(result, DomainError):
        raise result


def make_statement(
    staff: DeskStaff, funder_no: str, first: date, last: date, *, locale: str, now: datetime, as_pdf: bool
) -> MadeStatement:
    """Return a funder's statement. Raises NotFoundError, ValidationError."""
    check_may(staff.role, "funding.read")
    with unit_of_work() as work:
        lender = get_lender(work.session, staff.lender_id)
        funder = queries.get_funder(work.session, lender.id, funder_no)
        statement = statement_of(work.session, lender, funder_no, first, last, now=now)
        _audit(work, "statement_exported" if as_pdf else "statement_read", staff, now, funder_id=funder.id)
        if not as_pdf:
            return MadeStatement(funder, statement, None)
        name = open_funder(work.vault, funder).name
        on = business_date(now, lender.zone)
        return MadeStatement(
            funder, statement, funder_statement_pdf(FunderDocument(lender.name, name, statement, on, locale))
        )


def page_entries(
    staff: DeskStaff,
    funder_no: str,
    first: date,
    last: date,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
    now: datetime,
) -> Sequence[Any]:
    """Return what was booked for a funder in a period, oldest first, following `after`: what a statement adds up.

    Raises NotFoundError, ValidationError.
    """
    check_may(staff.role, "funding.read")
    with unit_of_work() as work:
        lender = get_lender(work.session, staff.lender_id)
        check_period(first, last, business_date(now, lender.zone))
        funder = queries.get_funder(work.session, lender.id, funder_no)
        rows = page_of_funder(work.session, funder.id, first=first, last=last, after=after, limit=limit)
        _audit(work, "entries_read", staff, now, funder_id=funder.id, entries=len(rows))
        return rows


def _audit(work: Work, verb: str, staff: DeskStaff, now: datetime, **facts: Any) -> None:
    add_audit(work.session, at=now, actor=staff.by, action=f"funding.{verb}", borrower_id=None, facts=facts)
