"""Telling borrowers what was reported of them, corrected and taken off: one notice for each, soon after it happened."""

from datetime import datetime

from app.persistence.queries import register_events as events
from app.persistence.queries import restricted_register as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.loans import find_loans
from app.persistence.unit_of_work import looking, unit_of_work
from app.services.notices import tell_borrower
from app.services.registers import get_register, words_in
from app.wording.catalogue import match_locale
from app.wording.variables import Value

AT_ONCE = 50
_TEMPLATES = {"reported": "register_reported", "corrected": "register_corrected", "removed": "register_removed"}


def tell_due(*, now: datetime) -> int:
    """Tell what was not told yet; return how many notices were given."""
    told = 0
    while True:
        with looking() as session:
            found = events.find_untold(session, limit=AT_ONCE)
        if not found:
            return told
        with unit_of_work() as work:
            lock_agenda(work.session, {row.borrower_id for row in found})
            untold = events.find_untold(work.session, limit=AT_ONCE)
            if not untold:
                return told
            for row in untold:
                shown = queries.get_shown(work.session, row.report_id)
                (loan,) = find_loans(work.session, [shown.loan_id])
                locale = match_locale(queries.locale_of(work.session, row.borrower_id))
                values: dict[str, Value] = {
                    "loan": loan.loan_no, "register": words_in(get_register(row.register).name, locale),
                }  # fmt: skip
                tell_borrower(
                    work, row.borrower_id, _TEMPLATES[row.kind], values, now=now, loan_id=loan.id,
                    key=f"register:{row.id}",
                )  # fmt: skip
            events.mark_told(work.session, [row.id for row in untold], at=now)
            told += len(untold)
