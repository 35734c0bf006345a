"""Escalations: what a batch of borrowers is decided by, and what was decided, written with a fixed number of statements."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.domain.disputes import OPEN, UNDER_INVESTIGATION
from app.domain.holds import Hold
from app.persistence.among import among, ids_named
from app.persistence.bulk import Rows, add_rows, change_rows
from app.persistence.column_types import Instant
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.case_records import CaseRecordRow
from app.persistence.models.collateral import CollateralPledgeRow, CollateralThingRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.escalations import EscalationEventRow, EscalationRow, EscalationStepRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.plan_requests import PlanRequestRow
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.case_loans import LOANS

_IDS = ids_named("b_ids")
_NOW = bindparam("b_now", type_=Instant())
_ESCALATIONS = cast(Table, EscalationRow.__table__)
_STEPS = cast(Table, EscalationStepRow.__table__)
_EVENTS = cast(Table, EscalationEventRow.__table__)

ESCALATION_COLUMNS = tuple(column.name for column in _ESCALATIONS.columns)
STEP_COLUMNS = tuple(column.name for column in _STEPS.columns)
_FIXED = frozenset({"borrower_id", "loan_id", "lender_id", "spell_no", "began_at", "late_since", "anchor_no"})
_FIXED_OF_STEP = frozenset({"borrower_id", "loan_id", "lender_id", "escalation_id", "step_key", "kind"})

_OPEN = PreparedSelect.of(
    select(*_ESCALATIONS.columns).where(among(EscalationRow.borrower_id, _IDS), EscalationRow.ended_at.is_(None))
)
_ANSWER_DAYS = PreparedSelect.of(
    select(LetterRow.message_id, LetterRow.answer_by).where(
        among(LetterRow.message_id, _IDS), LetterRow.answer_by.is_not(None)
    )
)
_LAST_SPELLS = PreparedSelect.of(
    select(EscalationRow.loan_id, func.max(EscalationRow.spell_no).label("spell_no"))
    .where(among(EscalationRow.loan_id, _IDS))
    .group_by(EscalationRow.loan_id)
)
_OPEN_STEPS = PreparedSelect.of(select(*_STEPS.columns).where(among(EscalationStepRow.escalation_id, _IDS)))
_HOLDS = PreparedSelect.of(
    select(
        HoldRow.borrower_id, HoldRow.loan_id, HoldRow.kind, HoldRow.from_at, HoldRow.until_at, HoldRow.form, HoldRow.by,
        HoldRow.recorded_at, HoldRow.released_at,
    )
    .where(
        among(HoldRow.borrower_id, _IDS),
        or_(HoldRow.released_at.is_(None), HoldRow.released_at > _NOW),
        or_(HoldRow.until_at.is_(None), HoldRow.until_at > _NOW),
    )
)  # fmt: skip
_DISPUTES = PreparedSelect.of(
    select(DisputeRow.loan_id).where(
        among(DisputeRow.borrower_id, _IDS),
        or_(*(DisputeRow.state == state for state in sorted(OPEN)), DisputeRow.credit_mark == UNDER_INVESTIGATION),
    )
)
_ARRANGED = PreparedSelect.of(
    select(ArrangementRow.loan_id).where(
        among(ArrangementRow.borrower_id, _IDS),
        ArrangementRow.agreed_at <= _NOW,
        or_(ArrangementRow.ended_at.is_(None), ArrangementRow.ended_at > _NOW),
    )
)
_TOLD = PreparedSelect.of(
    select(CaseRecordRow.borrower_id, CaseRecordRow.loan_id, CaseRecordRow.list_name, CaseRecordRow.facts).where(
        among(CaseRecordRow.borrower_id, _IDS),
        or_(*(CaseRecordRow.list_name == name for name in ("events", "disputes", "requests"))),
        CaseRecordRow.recorded_at <= _NOW,
        or_(CaseRecordRow.replaced_at.is_(None), CaseRecordRow.replaced_at > _NOW),
    )
)
_PLANS_ANSWERED = PreparedSelect.of(
    select(PlanRequestRow.loan_id, func.max(PlanRequestRow.offered_at).label("offered_at"))
    .where(among(PlanRequestRow.borrower_id, _IDS), PlanRequestRow.offered_at.is_not(None))
    .group_by(PlanRequestRow.loan_id)
)
_PLEDGES = PreparedSelect.of(
    select(CollateralPledgeRow.loan_id, CollateralThingRow.state)
    .join(CollateralThingRow, CollateralThingRow.id == CollateralPledgeRow.thing_id)
    .where(among(CollateralPledgeRow.loan_id, _IDS), CollateralPledgeRow.ended_on.is_(None))
)
_MESSAGES = PreparedSelect.of(
    select(MessageRow.id, MessageRow.contact_id, MessageRow.state, MessageRow.state_reason, MessageRow.sent_at,
           LetterRow.state.label("letter_state"))
    .outerjoin(LetterRow, and_(LetterRow.message_id == MessageRow.id))
    .where(among(MessageRow.id, _IDS))
)  # fmt: skip


def find_loans(session: Session, borrower_ids: Collection[str]) -> Sequence[Any]:
    """Return the loans of these borrowers with a plan, as reminders read them (case_loans.LOANS)."""
    return LOANS.all(session.connection(), {"b_ids": list(borrower_ids)})


def find_open_escalations(session: Session, borrower_ids: Collection[str]) -> dict[str, Any]:
    """Return loan -> its escalation that has not ended."""
    return {row.loan_id: row for row in _OPEN.all(session.connection(), {"b_ids": list(borrower_ids)})}


def find_last_spells(session: Session, loan_ids: Collection[str]) -> dict[str, int]:
    """Return loan -> number of its last spell; loans that never escalated are absent."""
    rows = _LAST_SPELLS.all(session.connection(), {"b_ids": list(loan_ids)}) if loan_ids else ()
    return {row.loan_id: row.spell_no for row in rows}


def find_steps(session: Session, escalation_ids: Collection[str]) -> Mapping[str, list[Any]]:
    """Return escalation -> its steps as recorded."""
    found: dict[str, list[Any]] = defaultdict(list)
    for row in _OPEN_STEPS.all(session.connection(), {"b_ids": list(escalation_ids)}) if escalation_ids else ():
        found[row.escalation_id].append(row)
    return found


def find_standing_holds(session: Session, borrower_ids: Collection[str], now: datetime) -> Mapping[str, list[Hold]]:
    """Return borrower -> holds that are not over, also those still to begin."""
    found: dict[str, list[Hold]] = defaultdict(list)
    for row in _HOLDS.all(session.connection(), {"b_ids": list(borrower_ids), "b_now": now}):
        found[row.borrower_id].append(
            Hold(row.kind, row.from_at, row.until_at, row.recorded_at, row.loan_id, row.form, row.by, row.released_at)
        )
    return found


def find_disputed(session: Session, borrower_ids: Collection[str]) -> set[str]:
    """Return the loans of these borrowers about which a dispute, an objection or a complaint is open."""
    return {row.loan_id for row in _DISPUTES.all(session.connection(), {"b_ids": list(borrower_ids)})}


def find_arranged(session: Session, borrower_ids: Collection[str], now: datetime) -> set[str]:
    """Return the loans of these borrowers that an arrangement holds for."""
    return {row.loan_id for row in _ARRANGED.all(session.connection(), {"b_ids": list(borrower_ids), "b_now": now})}


def find_told(session: Session, borrower_ids: Collection[str], now: datetime) -> Sequence[Any]:
    """Return (borrower, loan or None, list_name, facts) of events, disputes and requests recorded of these borrowers."""
    return _TOLD.all(session.connection(), {"b_ids": list(borrower_ids), "b_now": now})


def find_plans_answered(session: Session, borrower_ids: Collection[str]) -> dict[str, datetime]:
    """Return loan -> when another plan was offered for it last."""
    rows = _PLANS_ANSWERED.all(session.connection(), {"b_ids": list(borrower_ids)})
    return {row.loan_id: row.offered_at for row in rows}


def find_secured(session: Session, loan_ids: Collection[str], gone: Collection[str]) -> set[str]:
    """Return the loans that something is pledged for which has not come to one of the states `gone`."""
    rows = _PLEDGES.all(session.connection(), {"b_ids": list(loan_ids)}) if loan_ids else ()
    return {row.loan_id for row in rows if row.state not in gone}


def find_messages(session: Session, message_ids: Collection[str]) -> dict[str, Any]:
    """Return message -> (id, contact, state, state_reason, sent_at, letter_state)."""
    rows = _MESSAGES.all(session.connection(), {"b_ids": list(message_ids)}) if message_ids else ()
    return {row.id: row for row in rows}


def find_answer_days(session: Session, message_ids: Collection[str]) -> dict[str, date]:
    """Return message -> the last day that its letter leaves to pay or to object; one that names none is absent."""
    rows = _ANSWER_DAYS.all(session.connection(), {"b_ids": list(message_ids)}) if message_ids else ()
    return {row.message_id: row.answer_by for row in rows}


def write_escalations(
    session: Session, *, new: Rows, changed: Rows, new_steps: Rows, changed_steps: Rows, events: Rows
) -> None:
    """Write escalations, then their steps, then what happened to them."""
    add_rows(session, _ESCALATIONS, new)
    names = {name: name for name in ESCALATION_COLUMNS if name not in _FIXED}
    change_rows(session, _ESCALATIONS, changed, columns=names, key="id")
    add_rows(session, _STEPS, new_steps)
    names = {name: name for name in STEP_COLUMNS if name not in _FIXED_OF_STEP}
    change_rows(session, _STEPS, changed_steps, columns=names, key="id")
    add_rows(session, _EVENTS, events)


def page_borrowers(session: Session, lender_id: str, *, after: str, limit: int) -> list[str]:
    """Return borrowers with a loan of a lender, in the order of their ids. `after`: exclusive; empty: from the first."""
    statement = select(LoanRow.borrower_id).where(LoanRow.lender_id == lender_id, LoanRow.status == "active").distinct()
    if after:
        statement = statement.where(LoanRow.borrower_id > after)
    return list(session.scalars(statement.order_by(LoanRow.borrower_id).limit(limit)))
