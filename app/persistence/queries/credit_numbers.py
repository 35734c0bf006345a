"""Loans whose account number, of letters and digits alone, may be another loan's of the same lender."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.metro2_codes import ODD_NUMBER, SHARED_NUMBER
from app.persistence.models.loans import ACCOUNT_NO, LoanRow
from app.persistence.queries.chunks import chunks


def find_unclear_numbers(session: Session, lender_id: str, loan_ids: Collection[str]) -> dict[str, str]:
    """Return loan -> field:code, of a lender's loans whose number is another's but for punctuation or case, or may be.

    What has other characters than letters, digits and - . _ : / # and blanks cannot be told from others, so it is unclear.
    """
    found: dict[str, str] = {}
    for part in chunks(loan_ids):
        own = {row[0]: row[1] for row in session.execute(select(LoanRow.id, ACCOUNT_NO).where(LoanRow.id.in_(part)))}
        bearers: dict[str, int] = defaultdict(int)
        statement = select(ACCOUNT_NO).where(LoanRow.lender_id == lender_id, ACCOUNT_NO.in_(set(own.values())))
        for (number,) in session.execute(statement):
            bearers[number] += 1
        for loan_id, number in own.items():
            if not (number.isascii() and number.isalnum()):
                found[loan_id] = ODD_NUMBER
            elif bearers[number] > 1:
                found[loan_id] = SHARED_NUMBER
    return found
