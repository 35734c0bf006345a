"""A book in which an experiment has run: borrowers, loans, decisions and payments in bulk, with an effect that is known."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, cast

from sqlalchemy import Table

from app.domain.policies import share_of
from app.persistence.bulk import add_rows
from app.persistence.ids import new_id
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.loans import AllocationRow, InstalmentRow, LedgerEntryRow, LoanRow
from app.persistence.models.reminders import DecisionRow
from app.persistence.unit_of_work import unit_of_work

AMOUNT_MINOR = 10_000
_NOTHING = {"interest_minor": 0, "fees_minor": 0, "penalties_minor": 0}


def run_trial(
    key: str,
    pays: Mapping[str, float],
    *,
    lender_id: str,
    borrowers: int,
    at: datetime,
    seed: int,
    exposures: int = 1,
    prefix: str = "S",
) -> dict[str, list[bool]]:
    """Assign borrowers to two equal arms in the order of their names; each pays within two days by the arm's chance.

    Those who do not, half pay after eight days. Each is exposed `exposures` times, the later ones with a row of their own.
    Returns per arm who paid in time.
    """
    random, on, policy_id = Random(seed), at.date(), new_id()
    arms = sorted(pays)
    paid: dict[str, list[bool]] = {arm: [] for arm in arms}
    rows: dict[type, list[dict[str, Any]]] = {
        each: [] for each in (BorrowerRow, LoanRow, InstalmentRow, LedgerEntryRow, AllocationRow, DecisionRow)
    }
    for number in range(borrowers):
        borrower_no, borrower_id, loan_id = f"{prefix}-{number}", new_id(), new_id()
        arm = arms[share_of(key, borrower_no) >= 5000]
        in_time = random.random() < pays[arm]
        paid[arm].append(in_time)
        days = random.randint(0, 2) if in_time else 8 if random.random() < 0.5 else None
        mine = {"borrower_id": borrower_id, "loan_id": loan_id}
        rows[BorrowerRow].append(
            {"id": borrower_id, "borrower_no": borrower_no, "phone_zones": [], "flags": [], "version": 1, "content_hash": "",
             "recorded_at": at, "updated_at": at}
        )  # fmt: skip
        rows[LoanRow].append(_loan(loan_id, borrower_id, lender_id, borrower_no, at))
        for row_no in range(1, exposures + 1):
            later = at + timedelta(days=row_no - 1)
            rows[InstalmentRow].append(
                {**mine, **_NOTHING, "id": new_id(), "anchor_no": 1, "row_no": row_no,
                 "due_on": on + timedelta(days=2 + row_no), "principal_minor": AMOUNT_MINOR}
            )  # fmt: skip
            rows[DecisionRow].append(
                {**mine, "id": new_id(), "subject_kind": "instalment", "subject_id": f"{loan_id}/{row_no}", "row_no": row_no,
                 "anchor_no": 1, "step_key": "d-3", "policy_id": policy_id, "occurs_at": later, "local_date": later.date(),
                 "outcome": "SENT", "reason": "ON_SCHEDULE", "decided_at": later, "experiment": key, "arm": arm,
                 "event_count": 1}
            )  # fmt: skip
        if days is not None:
            _pay(rows, mine, on + timedelta(days=days), at + timedelta(days=days))
    with unit_of_work() as work:
        for row_class, given in rows.items():
            add_rows(work.session, cast(Table, row_class.__table__), given)  # type: ignore[attr-defined]
    return paid


def _loan(loan_id: str, borrower_id: str, lender_id: str, loan_no: str, at: datetime) -> dict[str, Any]:
    return {"id": loan_id, "borrower_id": borrower_id, "lender_id": lender_id, "loan_no": loan_no, "autopay": False,
            "currency": "USD", "zone": "UTC", "status": "active", "contract": {}, "marks": [], "anchor_no": 1, "version": 1,
            "content_hash": "", "recorded_at": at, "imported_at": at}  # fmt: skip


def _pay(rows: dict[type, list[dict[str, Any]]], mine: dict[str, Any], on: date, at: datetime) -> None:
    entry = new_id()
    rows[LedgerEntryRow].append({**mine, "id": entry, "kind": "repayment", "amount_minor": AMOUNT_MINOR, "currency": "USD",
                                 "effective_on": on, "recorded_at": at, "imported_at": at, "reference": entry,
                                 "origin": "test"})  # fmt: skip
    rows[AllocationRow].append({**mine, **_NOTHING, "id": new_id(), "entry_id": entry, "row_no": 1,
                                "principal_minor": AMOUNT_MINOR, "unapplied_minor": 0, "effective_on": on,
                                "recorded_at": at})  # fmt: skip
