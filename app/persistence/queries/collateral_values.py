"""What pledged things were said to be worth, and how they are insured."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.persistence.models.collateral import CollateralAppraisalRow, CollateralInsuranceRow
from app.persistence.queries.chunks import chunks

_Appraisal, _Insurance = CollateralAppraisalRow, CollateralInsuranceRow


def find_appraisals(reads: Connection | Session, thing_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return the appraisals of things that stand, the newest day first."""
    found: dict[str, list[Any]] = defaultdict(list)
    for part in chunks(sorted(set(thing_ids))):
        statement = (
            select(*_Appraisal.__table__.columns)
            .where(_Appraisal.thing_id.in_(part), _Appraisal.withdrawn_at.is_(None))
            .order_by(_Appraisal.thing_id, _Appraisal.valued_on.desc(), _Appraisal.id.desc())
        )
        for row in reads.execute(statement):
            found[row.thing_id].append(row)
    return found


def find_insurance(reads: Connection | Session, thing_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return the policies on things, the one that lasts longest first."""
    found: dict[str, list[Any]] = defaultdict(list)
    for part in chunks(sorted(set(thing_ids))):
        statement = (
            select(*_Insurance.__table__.columns)
            .where(_Insurance.thing_id.in_(part))
            .order_by(_Insurance.thing_id, _Insurance.valid_until.desc(), _Insurance.id)
        )
        for row in reads.execute(statement):
            found[row.thing_id].append(row)
    return found


def find_appraisals_referenced(
    session: Session, lender_id: str, references: Collection[str]
) -> dict[str, CollateralAppraisalRow]:
    """Return a lender's appraisals by its references."""
    found: dict[str, CollateralAppraisalRow] = {}
    for part in chunks(sorted(set(references))):
        statement = select(_Appraisal).where(_Appraisal.lender_id == lender_id, _Appraisal.reference.in_(part))
        found |= {row.reference: row for row in session.scalars(statement)}
    return found


def find_insurance_referenced(
    session: Session, lender_id: str, references: Collection[str]
) -> dict[str, CollateralInsuranceRow]:
    """Return a lender's policies on things by its references."""
    found: dict[str, CollateralInsuranceRow] = {}
    for part in chunks(sorted(set(references))):
        statement = select(_Insurance).where(_Insurance.lender_id == lender_id, _Insurance.reference.in_(part))
        found |= {row.reference: row for row in session.scalars(statement)}
    return found


def get_policy(session: Session, policy_id: str) -> CollateralInsuranceRow:
    """Return a policy as it stands now. The caller holds the agenda row."""
    return session.get_one(_Insurance, policy_id, populate_existing=True)
