"""Requests to sign in by phone, and the message that carries the code."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import insert, literal, select, update
from sqlalchemy.orm import Session

from app.persistence.models.access import OtpChallengeRow
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.messages import MessageRow


def add_challenge(session: Session, row: OtpChallengeRow) -> None:
    """Add a challenge at once."""
    session.add(row)
    session.flush()


def find_last_challenge_at(session: Session, phone_digests: Collection[str]) -> datetime | None:
    """Return when a code was last asked for with this phone."""
    statement = (
        select(OtpChallengeRow.created_at)
        .where(OtpChallengeRow.phone_digest.in_(phone_digests))
        .order_by(OtpChallengeRow.created_at.desc())
        .limit(1)
    )
    return session.scalar(statement)


def lock_challenge(session: Session, challenge_id: str) -> Any:
    """Return the challenge as it is now and hold it until the end of the transaction: one try at a time."""
    statement = (
        select(
            OtpChallengeRow.id,
            OtpChallengeRow.borrower_id,
            OtpChallengeRow.installation_id,
            OtpChallengeRow.resend_no,
            OtpChallengeRow.tries,
            OtpChallengeRow.expires_at,
            OtpChallengeRow.used_at,
        )
        .where(OtpChallengeRow.id == challenge_id)
        .with_for_update()
    )
    return session.execute(statement).first()


def mark_challenge_tried(session: Session, challenge_id: str, *, used_at: datetime | None = None) -> None:
    """Count one try; `used_at` marks the one that fitted."""
    session.execute(
        update(OtpChallengeRow)
        .where(OtpChallengeRow.id == challenge_id)
        .values(tries=OtpChallengeRow.tries + 1, used_at=used_at)
    )


def add_code_message(session: Session, borrower_id: str, values: dict[str, Any]) -> None:
    """Queue the message with the code if there is such a borrower: the same statement whether or not there is."""
    columns = list(values)
    source = select(BorrowerRow.id, *(literal(values[name], MessageRow.__table__.c[name].type) for name in columns)).where(
        BorrowerRow.id == borrower_id
    )
    session.execute(insert(MessageRow).from_select(["borrower_id", *columns], source, include_defaults=False))
