"""A page's accounts from the month before: of loans to which nothing came but money, without a look at their ledgers.

With a fixed number of statements for a page. What is left out here goes the whole way (`credit_facts.load_credit_loans`).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.domain.credit_accounts import CreditAccount
from app.domain.credit_continuations import QuietLoan, continued, goes_on_plainly, stands_on
from app.domain.money import currency_exponent
from app.persistence.queries.arrangements import find_agreed
from app.persistence.queries.credit_continuations import find_since
from app.persistence.queries.positions import snapshot_of_row
from app.services.credit_facts import UNKNOWN_PERSON, find_events, known_number, stated_opening
from app.services.credit_people import People
from app.services.terms import kernel_terms

_ACTIVE = "active"
_MARGIN = timedelta(days=1)
"""What was imported so shortly before the month was begun may have been committed after a page of it was read."""


def continue_loans(
    session: Session,
    loans: Sequence[Any],
    before: Mapping[str, CreditAccount],
    people: Mapping[str, People],
    as_of: date,
    *,
    form: str,
    frozen_at: datetime,
    now: datetime,
) -> dict[str, CreditAccount]:
    """Return the accounts as of a day of those of these loans (rows of `queries.credit_snapshots`) that go on plainly.

    `before`: loan -> what was furnished in the month before, which was begun at `frozen_at`; of what was never furnished,
    what was worked out then. `people`: whom they name, where that is known; the others name nobody yet.
    """
    plain = [loan for loan in loans if loan.id in before and _is_plain(loan, before[loan.id], as_of)]
    if not plain:
        return {}
    ids = [loan.id for loan in plain]
    last_on = as_of.replace(day=1) - timedelta(days=1)
    since = find_since(session, ids, after=last_on, until=as_of, known_at=frozen_at - _MARGIN)
    moved = since.changed | find_agreed(session, ids, now).keys() | find_events(session, plain, now).keys()
    found: dict[str, CreditAccount] = {}
    for loan in plain:
        if loan.id in moved:
            continue
        terms, snapshot = kernel_terms(loan).terms, snapshot_of_row(loan)
        if not stands_on(snapshot, as_of, terms):
            continue
        previous = before[loan.id]
        account = continued(
            previous,
            QuietLoan(
                lender_code=loan.lender_code,
                loan_id=loan.id,
                loan_no=known_number(loan, form),
                borrower_id=loan.borrower_id,
                currency=loan.currency,
                opened_on=stated_opening(loan) or previous.opened_on,
                product=loan.product_kind or "instalment",
                original_minor=loan.principal_minor,
                consumer=people[loan.id].consumer if loan.id in people else UNKNOWN_PERSON,
                snapshot=snapshot,
                terms=terms,
                unit_minor=10 ** currency_exponent(loan.currency),
                due=since.due.get(loan.id, ()),
                paid=since.paid.get(loan.id, ()),
                is_secured=loan.product_kind == "secured_vehicle",
            ),
            as_of,
        )
        if account is not None:
            found[loan.id] = account
    return found


def _is_plain(loan: Any, previous: CreditAccount, as_of: date) -> bool:
    """Return whether the loan's own record says all that its ledger would be asked for beside the money."""
    return (
        loan.status == _ACTIVE
        and bool(loan.principal_minor)
        and loan.open_rows is not None
        and goes_on_plainly(previous, as_of)
    )
