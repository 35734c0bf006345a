"""Notices served on borrowers, valid by default, and where they stand."""

from datetime import datetime
from typing import Any

from app.domain.served_notices import NoticeWanted, ServedNotice
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
