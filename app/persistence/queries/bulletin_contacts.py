"""Rows of a bulletin's figures about contact: reminders, calls, letters, and contacts that the law stood in the way of."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import and_, func, select
from sqlalchemy.sql import ColumnElement, Select

from app.domain.bulletins import AsKnown
from app.domain.reasons import OWNERS, Outcome, Reason
from app.persistence.models.calls import CallRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow, DecisionEventRow, DecisionRow
from app.persistence.models.served_notices import ServedNoticeRow
from app.persistence.queries.bulletin_columns import Registry, figure_rows, lender_of, numbered
from app.persistence.queries.fact_revisions import (
    CALL_OUTCOME,
    LETTER_DELIVERED,
    LETTER_RETURNED,
    MESSAGE_SENT,
    as_known,
)

_M = MessageRow
_ABOUT_MONEY = ("reminder", "collection")
"""Classes of contact that remind of something due."""
_BY_PEOPLE = ("call", "visit")
"""Templates of what people did and wrote down: calls are figures of their own."""
BY_LAW: Final = tuple(
    sorted(
        {each.value for each, owner in OWNERS.items() if owner == "law"} | {Reason.CONSENT_MISSING, Reason.CONSENT_WITHDRAWN}
    )
)
"""Reasons by which the law keeps a contact back."""


def _reminders(known: AsKnown) -> Any:
    # Without letters, which are figures of their own: what is hidden of one could be had from the other.
    return _messages(known, _M.channel, ContactRow.stage, only=[_M.channel != "letter"])


def _reminded(known: AsKnown) -> Any:
    return _messages(known)


def _messages(known: AsKnown, *dimensions: Any, only: Sequence[Any] = ()) -> Any:
    about = (
        select(DecisionRow.loan_id)
        .where(DecisionRow.contact_id == _M.contact_id)
        .order_by(DecisionRow.id)
        .limit(1)
        .correlate(_M)
        .scalar_subquery()
    )
    by_hand = (
        select(ManualContactRow.lender_id)
        .where(ManualContactRow.contact_id == _M.contact_id)
        .correlate(_M)
        .scalar_subquery()
    )
    lender = func.coalesce(by_hand, lender_of(about, _M.borrower_id))

    def left(sent_at: Any, _: Any) -> Any:
        return (
            figure_rows(_M.id, _M.borrower_id, *dimensions, lender_id=lender, loan_id=about, at=sent_at)
            .join(ContactRow, ContactRow.id == _M.contact_id)
            .where(
                _within(sent_at, known), _M.created_at <= known.known_at, _M.withdraws_id.is_(None),
                ContactRow.message_class.in_(_ABOUT_MONEY), _M.template.not_in(_BY_PEOPLE), *only,
            )
        )  # fmt: skip

    return as_known(MESSAGE_SENT, _M.id, _M.sent_at, left, known_at=known.known_at)


def _within(at: Any, known: AsKnown) -> ColumnElement[bool]:
    return and_(at >= known.start_at, at < known.end_at)


def _calls(known: AsKnown) -> Any:
    row = CallRow
    lender = lender_of(row.loan_id, row.borrower_id)

    def made(called_at: Any, outcome: Any) -> Any:
        return figure_rows(
            row.id, row.borrower_id, outcome, lender_id=lender, loan_id=row.loan_id, at=called_at
        ).where(
            row.direction == "outbound", row.origin == "staff", _within(called_at, known),
            row.recorded_at <= known.known_at,
        )  # fmt: skip

    return as_known(CALL_OUTCOME, row.id, row.called_at, made, known_at=known.known_at, word=row.outcome)


def _letters(fact: str, row_id: Any, column: Any) -> Any:
    """Return the query of letters by kind, of which this fact, in this column of that row, is of the period."""

    def rows(known: AsKnown) -> Any:
        kind = func.coalesce(ServedNoticeRow.kind, _M.template)
        lender = lender_of(ServedNoticeRow.loan_id, _M.borrower_id)

        def told(at: Any, _: Any) -> Any:
            return (
                figure_rows(_M.id, _M.borrower_id, kind, lender_id=lender, loan_id=ServedNoticeRow.loan_id, at=at)
                .select_from(_M)
                .outerjoin(ServedNoticeRow, ServedNoticeRow.message_id == _M.id)
                .outerjoin(LetterRow, LetterRow.message_id == _M.id)
                .where(_M.channel == "letter", _M.created_at <= known.known_at, _within(at, known))
            )

        return as_known(fact, row_id, column, told, known_at=known.known_at)

    return rows


def _blocked(*outcomes: Outcome) -> Any:
    """Return the query of decisions with one of these outcomes, for which the law is the reason."""

    def rows(known: AsKnown) -> Select[Any]:
        event = DecisionEventRow
        return (
            figure_rows(
                numbered(event.decision_id, event.seq), event.borrower_id, func.coalesce(event.rule, event.reason),
                lender_id=LoanRow.lender_id, loan_id=DecisionRow.loan_id, at=event.at,
            )
            .select_from(event)
            .join(DecisionRow, DecisionRow.id == event.decision_id)
            .join(LoanRow, LoanRow.id == DecisionRow.loan_id)
            .where(
                event.reason.in_(BY_LAW), event.at >= known.start_at, event.at < known.end_at,
                event.outcome.in_([each.value for each in outcomes]),
            )
        )  # fmt: skip

    return rows


CONTACT_ROWS: Registry = {
    "reminders_sent": _reminders,
    "people_contacted": _reminded,
    "calls_made": _calls,
    "letters_sent": _letters(MESSAGE_SENT, _M.id, _M.sent_at),
    "letters_delivered": _letters(LETTER_DELIVERED, LetterRow.id, LetterRow.delivered_at),
    "letters_returned": _letters(LETTER_RETURNED, LetterRow.id, LetterRow.returned_at),
    "contacts_blocked_by_law": _blocked(Outcome.SUPPRESSED, Outcome.EXPIRED, Outcome.UNREACHABLE),
    "contacts_deferred_by_law": _blocked(Outcome.DEFERRED),
}
