"""Escalations at work: a look at every borrower of a book in which each loan is late, and a rehearsal of 120 days of it.

Run: python -m bench.escalations [--loans 35000]. SQLite; figures are of one process on one core.
"""

import argparse
import resource
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, select

from app.domain.escalation_runs import Assumptions
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db, vault
from app.persistence.ids import new_id
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.escalations import EscalationPolicyRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.agenda import add_agenda
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.escalation_documents import content_hash, parse_document, shipped
from app.services.escalation_rehearsals import rehearse
from app.services.escalations import look_at_due
from app.services.positions import rebuild_positions
from bench.books.rehearsal import NOW, build_rehearsal_book
from config import Settings

KEYS = {"b1": bytes(range(1, 33))}
LATE = NOW + timedelta(days=60, hours=20)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loans", type=int, default=5_000)
    loans: int = parser.parse_args().loans
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder:
        work = Path(folder)
        app = create_app(
            Settings(
                mode="production", database_url=f"sqlite:///{work / 'book.db'}", var_dir=work, keys=KEYS, log_level="ERROR"
            )
        )
        with app.app_context():
            lenders = _book(loans)
            _measure(loans, lenders)


def _book(loans: int) -> list[str]:
    schema.upgrade(db.engine)
    build_rehearsal_book(db.engine, vault(), loans=loans)
    with unit_of_work() as work:
        rebuild_positions(work, list(work.session.scalars(select(LoanRow.id))))
        add_agenda(work.session, list(work.session.scalars(select(BorrowerRow.id))), wake_at=None)
        lenders = list(work.session.scalars(select(LenderRow.id)))
        document = shipped("default")
        for lender_id in lenders:
            work.session.add(
                EscalationPolicyRow(
                    id=new_id(), key="default", version_no=1, lender_id=lender_id, status="active", document=document,
                    content_hash=content_hash(document), author="bench", created_at=NOW, approved_at=NOW,
                )
            )  # fmt: skip
    return lenders


def _measure(loans: int, lenders: list[str]) -> None:
    statements = 0

    def note(*_: Any) -> None:
        nonlocal statements
        statements += 1

    event.listen(db.engine, "before_cursor_execute", note)
    for what in ("first look, a notice served on each", "second look, nothing new"):
        statements, batches, begun = 0, 0, time.perf_counter()
        while look_at_due(now=LATE):
            batches += 1
        seconds = time.perf_counter() - begun
        print(f"{what}: {loans / seconds:,.0f} loans/s, {statements / max(batches, 1):.0f} statements a batch")
        with unit_of_work() as work:
            work.session.execute(db.text("UPDATE agenda SET escalations_at = 0"))
    policy, begun, looked = parse_document(shipped("cn-micro-loan")), time.perf_counter(), 0
    with reading() as session:
        for lender_id in lenders:
            looked += rehearse(session, policy, lender_id, start=NOW, days=120, assumed=Assumptions()).loans
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"rehearsal of 120 days: {looked / seconds:,.0f} loans/s; {peak} MB at most in all")


if __name__ == "__main__":
    main()
