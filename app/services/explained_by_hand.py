"""What people did about a borrower on a date: sent, dialled, went to the door; what was set aside for it, and by whom."""

from datetime import date

from sqlalchemy.orm import Session

from app.persistence.db import vault
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.queries import manual_contacts as queries
from app.persistence.queries.explanations import find_messages
from app.services.explained import ManualShown
from app.services.manual_contacts import reason_place
from app.wording.gate_words import manual_sentence


def tell_by_hand(
    session: Session, borrower_id: str, on: date, *, lender_id: str | None = None, locale: str = "en"
) -> list[ManualShown]:
    """Return the contacts that people made on a local date, oldest first.

    `lender_id`: only what its own people did, with the reason of an override opened; without it reasons stay sealed.
    """
    found = queries.find_on(session, borrower_id, on, lender_id)
    messages = find_messages(session, [contact.id for contact, _ in found])
    told = [record.contact_id for _, record in found if record is not None and record.kind in ("call", "visit")]
    came_to = queries.find_outcomes(session, borrower_id, told) if told else {}
    shown = []
    for contact, record in found:
        channels = [message.channel for message in messages[contact.id]]
        if record is None:
            shown.append(ManualShown(contact.created_at, contact.message_class, channels))
            continue
        result = came_to.get(contact.id)
        shown.append(
            ManualShown(
                contact.created_at, record.message_class, channels or [record.channel], record.kind, record.by,
                record.outcome, record.reason, record.rule, _set_aside(record), _sentence(record, result, locale), result,
                _set_aside_by(record), None if lender_id is None else _reason(record),
            )
        )  # fmt: skip
    return shown


def _sentence(record: ManualContactRow, result: str | None, locale: str) -> str:
    return manual_sentence(
        record.by, record.outcome, record.reason, record.rule, _set_aside(record), locale, kind=record.kind, result=result,
        set_aside_by=_set_aside_by(record),
    )  # fmt: skip


def _set_aside(record: ManualContactRow) -> list[str]:
    return [each["reason"] for each in record.overridden]


def _set_aside_by(record: ManualContactRow) -> str | None:
    return record.overridden[0]["by"] if record.overridden else None


def _reason(record: ManualContactRow) -> str | None:
    return vault().open(record.override_reason_sealed, place=reason_place(record.id))
