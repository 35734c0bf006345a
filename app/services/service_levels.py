"""Service levels of a lender's desk: those it has set, else those that come with the product; on its own calendar."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy.orm import Session

from app.domain.errors import StaleVersionError
from app.domain.service_levels import ServiceLevels, read_service_levels
from app.persistence.models.desk_rules import ServiceLevelsRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.services.calendars import calendar_for

_SHIPPED = Path(__file__).resolve().parents[1] / "content" / "service_levels.yaml"


@dataclass(frozen=True, slots=True)
class ShownLevels:
    """The levels as they stand. `version` 0: the lender has set none."""

    document: Mapping[str, Any]
    version: int
    changed_at: datetime | None
    changed_by: str | None
    zone: str


@lru_cache(maxsize=1)
def shipped_levels() -> Mapping[str, Any]:
    """Return the document that comes with the product."""
    document: dict[str, Any] = yaml.safe_load(_SHIPPED.read_text(encoding="utf-8"))
    document.pop("version")
    return document


def levels_of(session: Session, lender_id: str) -> ServiceLevels:
    """Return what counts at a lender's desk."""
    lender, row = get_lender(session, lender_id), session.get(ServiceLevelsRow, lender_id)
    document = shipped_levels() if row is None else row.document
    return read_service_levels(document, zone=lender.zone, calendar=calendar_for(session, lender))


def shown_levels(session: Session, lender_id: str) -> ShownLevels:
    """Return a lender's levels as they are shown."""
    lender, row = get_lender(session, lender_id), session.get(ServiceLevelsRow, lender_id)
    if row is None:
        return ShownLevels(shipped_levels(), 0, None, None, lender.zone)
    return ShownLevels(row.document, row.version, row.changed_at, row.changed_by, lender.zone)


def put_levels(
    work: Work, lender_id: str, document: Mapping[str, Any], *, version: int, by: str, now: datetime
) -> ShownLevels:
    """Set a lender's levels; they count from the next word or act on. The same again changes nothing.

    `version`: of the levels it was made from. Raises ValidationError, StaleVersionError.
    """
    lender = get_lender(work.session, lender_id)
    read_service_levels(document, zone=lender.zone, calendar=calendar_for(work.session, lender))
    row = work.session.get(ServiceLevelsRow, lender_id, with_for_update=True)
    if version != (0 if row is None else row.version):
        raise StaleVersionError("The service levels have changed since you read them; make your change from there.")
    if row is None:
        row = ServiceLevelsRow(lender_id=lender_id, document={}, changed_at=now, changed_by=by, version=0)
        work.session.add(row)
    if row.document != document:
        row.document, row.changed_at, row.changed_by, row.version = dict(document), now, by, row.version + 1
        add_audit(
            work.session, at=now, actor=by, action="service_levels.changed", borrower_id=None,
            facts={"lender_id": lender_id, "version": row.version},
        )  # fmt: skip
    work.session.flush()
    return shown_levels(work.session, lender_id)
