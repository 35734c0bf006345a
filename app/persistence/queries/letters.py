"""Letters: what one is made from, the documents as they were made, and the batches they are made in."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, exists, func, null, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased, defer

from app.domain.errors import NotFoundError
from app.persistence.column_types import Instant
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.letters import LetterBatchRow, LetterRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.reminders import DecisionRow
from app.persistence.queries.chunks import chunks
from app.persistence.queries.fact_revisions import LETTER_DELIVERED, LETTER_RETURNED, add_revision

_UNMADE = and_(
    MessageRow.lane == "letter",
    MessageRow.state == "queued",
    ~exists().where(LetterRow.message_id == MessageRow.id),
)

returned_at = func.coalesce(
    LetterRow.returned_at, case((LetterRow.state == "returned", LetterRow.changed_at)), type_=Instant()
).label("returned_at")
"""When a letter came back, or null."""
_TIMES = {"printed": "printed_at", "in_transit": "posted_at", "delivered": "delivered_at", "returned": "returned_at"}
"""State -> the column that says since when."""
_REVISED = {LETTER_DELIVERED: "delivered_at", LETTER_RETURNED: "returned_at"}
"""Facts of which it is kept what was known before: the post tells late, and what it told may come back."""


def find_letter_messages(session: Session, message_ids: Sequence[str]) -> list[Any]:
    """Return messages of channel letter with whom they are for."""
    found: list[Any] = []
    for part in chunks(message_ids):
        statement = (
            select(
                MessageRow.id, MessageRow.borrower_id, MessageRow.contact_id, MessageRow.template, MessageRow.locale,
                MessageRow.text_sealed, MessageRow.created_at, MessageRow.state, MessageRow.about,
                BorrowerRow.name_sealed, BorrowerRow.address_sealed, BorrowerRow.country, BorrowerRow.zone,
            )
            .join(BorrowerRow, BorrowerRow.id == MessageRow.borrower_id)
            .where(MessageRow.id.in_(part), MessageRow.channel == "letter")
            .order_by(MessageRow.id)
        )  # fmt: skip
        found += session.execute(statement).all()
    return found


_OF_LOAN = (
    LoanRow.id, LoanRow.borrower_id, LoanRow.lender_id, LoanRow.loan_no, LoanRow.currency, LoanRow.zone,
    LoanRow.principal_minor, LoanRow.disbursed_on, LoanRow.contract, LoanRow.cap, LoanRow.stops,
    LoanRow.over_cap_minor,
    LenderRow.name.label("lender_name"),
    LenderRow.legal_name, LenderRow.role, LenderRow.code.label("lender_code"),
    LenderRow.licence_kind, LenderRow.licence_no, LenderRow.regulator,
    LenderRow.complaints_contact, LenderRow.jurisdiction,
)  # fmt: skip


def find_loans_of_letters_by_hand(session: Session, loan_ids: Sequence[str]) -> dict[str, Any]:
    """Return by loan what `find_letter_loans` does, for letters behind which there is no decision and so no step."""
    found: dict[str, Any] = {}
    for part in chunks(loan_ids):
        statement = (
            select(*_OF_LOAN, null().label("step_key"), null().label("policy_id"))
            .join(LenderRow, LenderRow.id == LoanRow.lender_id)
            .where(LoanRow.id.in_(part))
        )
        found |= {row.id: row for row in session.execute(statement)}
    return found


def find_letter_loans(session: Session, contact_ids: Sequence[str]) -> dict[str, list[Any]]:
    """Return by contact the loans that it is about, the one that leads first, with their lenders and the step."""
    found: dict[str, list[Any]] = {}
    for part in chunks(contact_ids):
        statement = (
            select(
                DecisionRow.contact_id, DecisionRow.outcome, DecisionRow.step_key, DecisionRow.policy_id, DecisionRow.row_no,
                *_OF_LOAN,
            )
            .join(LoanRow, LoanRow.id == DecisionRow.loan_id)
            .join(LenderRow, LenderRow.id == LoanRow.lender_id)
            .where(DecisionRow.contact_id.in_(part))
        )  # fmt: skip
        for row in session.execute(statement):
            found.setdefault(row.contact_id, []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (row.outcome != "SENT", row.lender_code, row.loan_no, row.row_no, row.step_key))
    return found


def claim_unmade(session: Session, until: datetime, after: tuple[datetime, str] | None, *, limit: int) -> list[Any]:
    """Lock waiting letters that have no document, decided up to `until`, beyond a place in their order.

    Those that another worker holds are skipped.
    """
    beyond = (
        or_(MessageRow.next_attempt_at > after[0], and_(MessageRow.next_attempt_at == after[0], MessageRow.id > after[1]))
        if after
        else MessageRow.id.is_not(None)
    )
    statement = (
        select(MessageRow.id, MessageRow.next_attempt_at)
        .where(_UNMADE, MessageRow.created_at <= until, beyond)
        .order_by(MessageRow.next_attempt_at, MessageRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=MessageRow)
    )
    return list(session.execute(statement))


def count_unmade(session: Session, until: datetime) -> int:
    """Return how many waiting letters that were decided up to `until` have no document yet."""
    return session.scalar(select(func.count()).where(_UNMADE, MessageRow.created_at <= until)) or 0


def add_letters(session: Session, rows: Sequence[Mapping[str, Any]]) -> int:
    """Add letters; one whose message has a letter already stays as it is. Returns how many were added."""
    if not rows:
        return 0
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(LetterRow).on_conflict_do_nothing(index_elements=["message_id"]).returning(LetterRow.id)
    return sum(session.connection().execute(statement, row).first() is not None for row in rows)


def find_letter_stamps(session: Session, message_ids: Sequence[str]) -> list[Any]:
    """Return of letter messages what they were decided under, and which document is stored of each, if one is."""
    found: list[Any] = []
    for part in chunks(message_ids):
        statement = (
            select(
                MessageRow.id.label("message_id"), MessageRow.case_version, MessageRow.rules_epoch,
                LetterRow.id.label("letter_id"), LetterRow.batch_id, LetterRow.state.label("letter_state"),
                LetterRow.sha256, LetterRow.pages,
            )
            .outerjoin(LetterRow, LetterRow.message_id == MessageRow.id)
            .where(MessageRow.id.in_(part), MessageRow.channel == "letter")
            .order_by(MessageRow.id)
        )  # fmt: skip
        found += session.execute(statement).all()
    return found


def replace_document(session: Session, row: Mapping[str, Any]) -> bool:
    """Put another document in the place of one that has not left; return whether it had not."""
    changed = {name: row[name] for name in ("pages", "sha256", "pdf_sealed", "locale", "changed_at", "answer_by")}
    statement = update(LetterRow).where(LetterRow.id == row["id"], LetterRow.state == "made").values(changed)
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def find_letter(session: Session, message_id: str) -> LetterRow | None:
    """Return the letter of a message, or None."""
    return session.scalar(select(LetterRow).where(LetterRow.message_id == message_id))


def lock_letters(session: Session, message_ids: Collection[str]) -> dict[str, LetterRow]:
    """Lock the letters of messages, without their documents, and return them by message."""
    found: dict[str, LetterRow] = {}
    for part in chunks(sorted(message_ids)):
        statement = (
            select(LetterRow)
            .where(LetterRow.message_id.in_(part))
            .order_by(LetterRow.message_id)
            .options(defer(LetterRow.pdf_sealed))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        found |= {row.message_id: row for row in session.scalars(statement) if row.message_id is not None}
    return found


def get_letter(session: Session, letter_id: str) -> LetterRow:
    """Return a letter by its own id or its message's. Raises NotFoundError."""
    row = session.get(LetterRow, letter_id) or find_letter(session, letter_id)
    if row is None:
        raise NotFoundError("There is no such letter.")
    return row


def find_message_id(session: Session, provider: str, reference: str) -> str | None:
    """Return the message that a provider knows by this id, or None."""
    statement = select(DeliveryAttemptRow.message_id).where(
        DeliveryAttemptRow.provider_reference == reference, DeliveryAttemptRow.provider == provider
    )
    return session.scalar(statement.limit(1))


def lock_unposted(session: Session, contact_ids: Sequence[str], *, since: datetime) -> list[Any]:
    """Lock the letters of these contacts, made since then, that a printer may have and has not printed as far as is known.

    Returns (id, borrower_id, locale) of their messages; none that is withdrawn already.
    """
    withdrawal = aliased(MessageRow)
    statement = (
        select(MessageRow.id, MessageRow.borrower_id, MessageRow.locale)
        .join(LetterRow, LetterRow.message_id == MessageRow.id)
        .where(
            MessageRow.contact_id.in_(contact_ids),
            MessageRow.channel == "letter",
            MessageRow.state.in_(("sending", "sent", "uncertain")),
            MessageRow.created_at > since,
            LetterRow.state.in_(("made", "handed_over")),
            ~exists().where(withdrawal.withdraws_id == MessageRow.id),
        )
        .order_by(MessageRow.id)
        .with_for_update(of=MessageRow)
    )
    return list(session.execute(statement))


def mark_letter(
    session: Session, letter: LetterRow, state: str, *, now: datetime, at: datetime | None = None, is_believed: bool = True
) -> None:
    """Write a letter's state; `at`: since when it stands in it, where that is known better than by now.

    `is_believed` False: it may not be the post who says so, and so does not prove that it was delivered.
    """
    before = {fact: getattr(letter, column) for fact, column in _REVISED.items()}
    letter.state, letter.changed_at = state, now
    if state in _TIMES and (is_believed or state != "delivered"):
        setattr(letter, _TIMES[state], at or now)
    if state == "returned":
        letter.delivered_at = None
    for fact, column in _REVISED.items():
        told = getattr(letter, column)
        if told != before[fact] and (before[fact] is not None or told != now):
            add_revision(session, fact, letter.id, before[fact], now=now)


def mark_unsendable(session: Session, message_id: str, reason: str) -> bool:
    """End a waiting message whose letter cannot be made; return whether it was waiting."""
    statement = (
        update(MessageRow)
        .where(MessageRow.id == message_id, MessageRow.state.in_(("queued", "stale", "sending")))
        .values(
            state="failed", state_reason=reason, lane=None, leased_by=None, leased_until=None, version=MessageRow.version + 1
        )
    )
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def find_last_try(session: Session, message_id: str) -> datetime | None:
    """Return when a message was handed over last, or None."""
    statement = select(func.max(DeliveryAttemptRow.started_at)).where(DeliveryAttemptRow.message_id == message_id)
    return session.scalar(statement)


# -- batches -----------------------------------------------------------------------------------------------------------


def get_batch(session: Session, batch_id: str, *, lock: bool = False) -> LetterBatchRow:
    """Return a batch. Raises NotFoundError."""
    row = session.get(LetterBatchRow, batch_id, with_for_update=lock or None)
    if row is None:
        raise NotFoundError("There is no such batch of letters.")
    return row


def page_batches(session: Session, *, limit: int) -> Sequence[LetterBatchRow]:
    """Return the newest batches first."""
    return session.scalars(select(LetterBatchRow).order_by(LetterBatchRow.id.desc()).limit(limit)).all()


def count_up_batch(session: Session, batch_id: str, *, made: int, failed: int, now: datetime) -> None:
    """Count what a chunk came to."""
    session.execute(
        update(LetterBatchRow)
        .where(LetterBatchRow.id == batch_id)
        .values(made=LetterBatchRow.made + made, failed=LetterBatchRow.failed + failed, changed_at=now)
    )


def mark_batch(session: Session, batch_id: str, state: str, *, now: datetime) -> None:
    """Write a batch's state."""
    session.execute(update(LetterBatchRow).where(LetterBatchRow.id == batch_id).values(state=state, changed_at=now))


def page_batch_letters(session: Session, batch_id: str, *, after: str | None, limit: int) -> Sequence[Any]:
    """Return letters of a batch in the order of their ids, with what became of their messages."""
    statement = (
        select(LetterRow, MessageRow.state.label("message_state"))
        .join(MessageRow, MessageRow.id == LetterRow.message_id)
        .where(LetterRow.batch_id == batch_id, LetterRow.id > after if after else LetterRow.id.is_not(None))
        .order_by(LetterRow.id)
        .limit(limit)
    )
    return session.execute(statement).all()


def count_by_state(session: Session, batch_id: str | None = None) -> dict[str, int]:
    """Return how many letters stand in which state, of a batch or of all."""
    statement = select(LetterRow.state, func.count()).group_by(LetterRow.state)
    if batch_id is not None:
        statement = statement.where(LetterRow.batch_id == batch_id)
    return {state: count for state, count in session.execute(statement)}
