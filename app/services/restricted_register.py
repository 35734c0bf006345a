"""Reporting borrowers to a register of an authority or association: asked for by one person, decided by another.

Both look at the same gates (`register_gates`); what stands in the way is said by code, loan by loan. Nothing here is ever
made public: `register_publication` asks the law about figures, and refuses names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.registers import Gate
from app.persistence.unit_of_work import Work
from app.services.desk_payments import DeskStaff


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """What became of one loan. `gate` None: it waits for a second person, or stands where one approved already."""

    report_id: str | None
    gate: Gate | None
    notice_message_id: str | None = None
    rule: str | None = None


def report(
    work: Work,
    loan_ids: Sequence[str],
    *,
    register: str,
    basis: str,
    by: str,
    now: datetime,
    lender_id: str,
    approved_by: DeskStaff | None = None,
    fields: Sequence[str] = (),
) -> Mapping[str, ReportOutcome]:
    """Report many loans of one lender to a register; return loan id -> what became of it, for every loan named.

    `by`: who asks, a member of staff or a policy. `approved_by`: another person with `register_reports.approve` who
    approved all of them together; None: each waits for one. Raises ValidationError (no such register, basis or field, or not
    in this jurisdiction), ForbiddenError (who asks approves).
    """
    raise NotImplementedError
