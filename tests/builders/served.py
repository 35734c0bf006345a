"""Notices served on borrowers, valid by default, and where they stand."""

from datetime import date, datetime
from typing import Any

from app.domain.served_notices import NoticeWanted, ServedNotice
from app.persistence.ids import new_id
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.served_notices import DeliveryProofRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.served_notices import find_served, serve_notices
from tests.builders.book import Built


def a_notice(loan: Built, **changes: Any) -> NoticeWanted:
    """The letter about arrears on a loan."""
    given: dict[str, Any] = {
        "kind": "arrears_notice",
        "template": "letter_arrears",
        "values": {},
        "key": f"n/{loan.loan_id}",
    }
    return NoticeWanted(loan.borrower_id, loan.loan_id, **{**given, **changes})


def serve(*wanted: NoticeWanted, now: datetime, by: str = "policy:arrears") -> list[str]:
    with unit_of_work() as work:
        return serve_notices(work, wanted, by=by, now=now)


def served_on(loan: Built) -> list[ServedNotice]:
    with reading() as session:
        return list(find_served(session, [loan.loan_id]).get(loan.loan_id, ()))


def letter_that_leaves(message_id: str, *, answer_by: date, now: datetime) -> None:
    """Have a notice made as a letter that leaves until a day to pay or to object, without setting its pages."""
    with unit_of_work() as work:
        message = work.session.get_one(MessageRow, message_id)
        letter = LetterRow(
            id=new_id(), borrower_id=message.borrower_id, message_id=message_id, jurisdiction="CN",
            template=message.template, locale="en", pages=1, sha256="0" * 64, pdf_sealed=b"", state="handed_over",
            created_at=now, changed_at=now, answer_by=answer_by,
        )  # fmt: skip
        work.session.add(letter)


def handed_over(message_id: str, *, at: datetime) -> None:
    """Have it proved that a notice was handed over, as staff record it."""
    with unit_of_work() as work:
        message = work.session.get_one(MessageRow, message_id)
        message.state, message.lane, message.sent_at = "sent", None, message.sent_at or at
        row = DeliveryProofRow(
            id=new_id(), borrower_id=message.borrower_id, message_id=message_id, kind="handed_over", delivered_at=at,
            by="staff:eve", recorded_at=at,
        )  # fmt: skip
        work.session.add(row)
