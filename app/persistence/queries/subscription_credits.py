"""How many more messages of a WeChat template each borrower agreed to, and which templates may be asked for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.orm import Session

from app.persistence.models.deliveries import ProviderTemplateRow, SubscriptionCreditRow


def lock_credit(session: Session, borrower_id: str, code: str, *, now: datetime) -> SubscriptionCreditRow:
    """Return the row, made where there is none; the caller holds the borrower's agenda row."""
    row = session.get(SubscriptionCreditRow, (borrower_id, code), with_for_update=True, populate_existing=True)
    if row is None:
        row = SubscriptionCreditRow(borrower_id=borrower_id, code=code, credits=0, is_refused=False, changed_at=now)
        session.add(row)
        session.flush()
    return row


def use_credit(session: Session, borrower_id: str, code: str, *, now: datetime) -> bool:
    """Use one up; return whether there was one. Of two at once each takes its own, or one takes none."""
    return _add(session, borrower_id, code, -1, now) == 1


def return_credit(session: Session, borrower_id: str, code: str, *, now: datetime) -> bool:
    """Give one back that was taken; return whether the row is still there."""
    return _add(session, borrower_id, code, 1, now) == 1


def _add(session: Session, borrower_id: str, code: str, change: int, now: datetime) -> int:
    statement = update(SubscriptionCreditRow).where(
        SubscriptionCreditRow.borrower_id == borrower_id, SubscriptionCreditRow.code == code
    )
    if change < 0:
        statement = statement.where(SubscriptionCreditRow.credits > 0, SubscriptionCreditRow.is_refused.is_(False))
    result = session.execute(statement.values(credits=SubscriptionCreditRow.credits + change, changed_at=now))
    changed: int = result.rowcount  # type: ignore[attr-defined]
    return changed


def delete_credits(session: Session, borrower_id: str) -> None:
    """Forget all: they were given by another WeChat user than the one bound now."""
    session.execute(delete(SubscriptionCreditRow).where(SubscriptionCreditRow.borrower_id == borrower_id))


def find_askable(reads: Connection | Session, borrower_id: str) -> Sequence[Any]:
    """Return the approved one-time templates with what the borrower has said of each: code, template, locale, credits,
    is_refused (the last two None where nothing was said)."""
    return reads.execute(
        select(
            ProviderTemplateRow.code,
            ProviderTemplateRow.template,
            ProviderTemplateRow.locale,
            SubscriptionCreditRow.credits,
            SubscriptionCreditRow.is_refused,
        )
        .outerjoin(
            SubscriptionCreditRow,
            (SubscriptionCreditRow.code == ProviderTemplateRow.code) & (SubscriptionCreditRow.borrower_id == borrower_id),
        )
        .where(
            ProviderTemplateRow.channel == "wechat",
            ProviderTemplateRow.provider == "wechat",
            ProviderTemplateRow.is_one_time.is_(True),
            ProviderTemplateRow.state == "approved",
        )
        .order_by(ProviderTemplateRow.template, ProviderTemplateRow.locale)
    ).all()
