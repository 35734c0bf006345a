"""What the law counts from a report that was handed in, as facts of the case, so that its duties start.

15 USC 1681s-2(a)(7): notice of negative information within 30 days after it was furnished first; (a)(5): the date of first
delinquency within 90 days of a placement for collection or a charge-off. Recorded where the pack of the loan looks for them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.domain.credit_gates import POSITIVE
from app.domain.times import business_date
from app.persistence.queries.case_records import find_standing_references
from app.persistence.queries.law_cases import find_governing
from app.persistence.queries.loans import find_told_loans
from app.persistence.unit_of_work import Work
from app.services import agenda
from app.services.case_records import put_record
from app.services.forbearance import looks_for
from app.services.law_packs import pack_for

NEGATIVE_FURNISHED = "negative_info_furnished"
COLLECTION_FURNISHED = "collection_status_furnished"
FIRST_DELINQUENCY = "first_delinquency_reported"
_SHORT = {NEGATIVE_FURNISHED: "negative", COLLECTION_FURNISHED: "collection", FIRST_DELINQUENCY: "dofd"}
_PREFIX = "credit-first-"
_BY = "system"
_LOSSES = frozenset({"93", "97"})
"""Metro 2 account statuses: given to collection, charged off (as US-FCRA-DOFD names them)."""


def note_furnished(work: Work, rows: Sequence[Any], *, furnished_at: datetime, now: datetime) -> None:
    """Record what was furnished for the first time of these loans (rows of a snapshot); again, nothing changes.

    `furnished_at`: when the file was handed in, from which the law counts; `now`: when that is noted.
    """
    against = {row.loan_id: row for row in rows if row.kind != POSITIVE}
    if not against:
        return
    loans = find_told_loans(work.session, list(against))
    governed = {row.id: row for row in find_governing(work.session, list(against))}
    known = find_standing_references(work.session, {row.borrower_id for row in against.values()}, f"/{_PREFIX}")
    touched: set[str] = set()
    for loan_id, row in against.items():
        loan, law = loans[loan_id], governed[loan_id]
        pack = pack_for(law.country or law.jurisdiction).pack
        for kind in _kinds(row):
            reference = f"{_PREFIX}{_SHORT[kind]}-{loan_id}"
            if f"{loan.lender_code}/{reference}" in known or not looks_for(pack, kind):
                continue
            facts = {"kind": kind, "on": business_date(furnished_at, loan.zone).isoformat()}
            put_record(
                work, row.borrower_id, "events", facts, by=_BY, now=now, reference=reference, lender_id=loan.lender_id,
                loan_no=loan.loan_no, decide=False,
            )  # fmt: skip
            touched.add(row.borrower_id)
    agenda.touch(work, touched, now=now)


def _kinds(row: Any) -> list[str]:
    found = [NEGATIVE_FURNISHED]
    if row.status in _LOSSES:
        found.append(COLLECTION_FURNISHED)
        if row.first_delinquency_on is not None:
            found.append(FIRST_DELINQUENCY)
    return found
