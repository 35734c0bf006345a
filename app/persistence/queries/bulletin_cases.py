"""Rows of a bulletin's figures about cases: disputes, complaints, holds, promises, arrangements, steps of escalation."""

from typing import Any

from sqlalchemy import and_, exists, func, or_
from sqlalchemy.orm import aliased
from sqlalchemy.sql import ColumnElement, Select

from app.domain.bulletins import AsKnown
from app.persistence.models.arrangements import ArrangementRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.escalations import EscalationEventRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.promises import PromiseEventRow, PromiseRow
from app.persistence.queries.bulletin_columns import Registry, figure_rows, lender_of, numbered
from app.persistence.queries.fact_revisions import DISPUTE_ANSWERED, HOLD_UNTIL, as_known


def within(column: Any, known: AsKnown) -> ColumnElement[bool]:
    """Return whether an instant lies in the period and was known."""
    return and_(column >= known.start_at, column < known.end_at)


def _of(table: Any, kind: Any, at: Any) -> Any:
    """Return the query of rows of a table that names its lender, by kind, with `at` in the period."""

    def rows(known: AsKnown) -> Select[Any]:
        return figure_rows(table.id, table.borrower_id, kind, lender_id=table.lender_id, loan_id=table.loan_id, at=at).where(
            within(at, known)
        )

    return rows


def _holds_put(known: AsKnown) -> Select[Any]:
    return _holds().where(within(HoldRow.recorded_at, known))


def _holds_in_force(known: AsKnown) -> Any:
    end_at = known.end_at

    def in_force(until_at: Any, _: Any) -> Any:
        return _holds().where(
            HoldRow.recorded_at <= known.known_at,
            HoldRow.from_at < end_at,
            or_(until_at.is_(None), until_at >= end_at),
            or_(HoldRow.released_at.is_(None), HoldRow.released_at >= end_at),
        )

    return as_known(HOLD_UNTIL, HoldRow.id, HoldRow.until_at, in_force, known_at=known.known_at)


def _answered(known: AsKnown) -> Any:
    row = DisputeRow

    def answered(at: Any, _: Any) -> Any:
        made = figure_rows(row.id, row.borrower_id, row.kind, lender_id=row.lender_id, loan_id=row.loan_id, at=at)
        return made.where(within(at, known))

    return as_known(DISPUTE_ANSWERED, row.id, row.answered_at, answered, known_at=known.known_at)


def _holds() -> Select[Any]:
    lender = lender_of(HoldRow.loan_id, HoldRow.borrower_id)
    return figure_rows(
        HoldRow.id, HoldRow.borrower_id, HoldRow.kind, lender_id=lender, loan_id=HoldRow.loan_id, at=HoldRow.recorded_at
    )


def _promises(*states: str) -> Any:
    """Return the query of promises whose last change up to the end of the period led to one of these states, in it."""

    def rows(known: AsKnown) -> Select[Any]:
        event, later = PromiseEventRow, aliased(PromiseEventRow)
        return (
            figure_rows(
                numbered(event.promise_id, event.seq), PromiseRow.borrower_id, event.state,
                lender_id=PromiseRow.lender_id, loan_id=PromiseRow.loan_id, at=event.at,
            )
            .select_from(event)
            .join(PromiseRow, PromiseRow.id == event.promise_id)
            .where(
                within(event.at, known), event.state.in_(states),
                ~exists().where(later.promise_id == event.promise_id, later.seq > event.seq, later.at < known.end_at),
            )
        )  # fmt: skip

    return rows


def _escalation_stops(known: AsKnown) -> Select[Any]:
    event = EscalationEventRow
    return figure_rows(
        numbered(event.escalation_id, event.seq), event.borrower_id, event.kind, func.coalesce(event.rule, event.reason),
        lender_id=event.lender_id, loan_id=event.loan_id, at=event.at,
    ).where(within(event.at, known), event.step_key.is_not(None), event.outcome == "stopped")  # fmt: skip


CASE_ROWS: Registry = {
    "cases_received": _of(DisputeRow, DisputeRow.kind, DisputeRow.received_at),
    "cases_answered": _answered,
    "holds_put": _holds_put,
    "holds_in_force": _holds_in_force,
    "promises_made": _of(PromiseRow, PromiseRow.channel, PromiseRow.made_at),
    "promises_settled": _promises("kept", "partly_kept", "broken"),
    "arrangements_agreed": _of(ArrangementRow, ArrangementRow.kind, ArrangementRow.agreed_at),
    "arrangements_ended": _of(ArrangementRow, ArrangementRow.state, ArrangementRow.ended_at),
    "escalation_stops": _escalation_stops,
}
