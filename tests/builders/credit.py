"""What credit reporting needs of a book: a lender enabled at a bureau, consents, notices that came or came back."""

from datetime import datetime, timedelta
from typing import Any

from app.domain.consents import ConsentValues
from app.domain.credit_bureaus import BureauValues
from app.persistence.unit_of_work import unit_of_work
from app.services.case_records import put_record
from app.services.consents import record_consents
from app.services.credit_bureaus import ask_bureau, decide_bureau
from app.services.credit_snapshots import begin_snapshot, freeze_page
from tests.builders.book import Built


def enable(lender_id: str, *, now: datetime, bureau: str = "PBOC", **changes: Any) -> str:
    """A lender that may report to a bureau."""
    given = {"bureau": bureau, "format": "pboc", "furnisher_code": "91310000123456", "furnisher_name": "Acme",
             "furnisher_address": "310000"}  # fmt: skip
    if changes.get("format") == "metro2":
        given |= {"furnisher_code": "FURN123", "furnisher_name": "ACME LENDING", "furnisher_address": "1 MAIN ST AUSTIN TX"}
    with unit_of_work() as work:
        bureau_id = ask_bureau(work, lender_id, BureauValues(**{**given, **changes}), by="staff:Ann", now=now)
        decide_bureau(work, lender_id, bureau_id, approve=True, by="staff:Ben", now=now)
    return bureau_id


def consent(loan: Built, *, now: datetime, given: bool = True) -> None:
    """A consent in writing to be reported, or its withdrawal."""
    values = ConsentValues("credit_reporting", "any", given, "written")
    with unit_of_work() as work:
        record_consents(work, loan.borrower_id, [values], by="operator:test", now=now)


def notice(
    loan: Built,
    *,
    now: datetime,
    kind: str = "negative_info_notice",
    delivered_at: datetime | None = None,
    returned_at: datetime | None = None,
    reference: str | None = None,
) -> None:
    """A notice as the core tells of it; told again under its reference it is the same one."""
    facts = {
        "kind": kind,
        "channel": "letter",
        "sent_at": _text(now),
        "delivered_at": _text(delivered_at),
        "returned_at": _text(returned_at),
    }
    with unit_of_work() as work:
        put_record(
            work, loan.borrower_id, "notices", facts, by="core", now=now, reference=reference, lender_id=loan.lender_id,
            loan_no=loan.loan_no,
        )  # fmt: skip


def delivered(loan: Built, at: datetime, kind: str = "negative_info_notice") -> None:
    """A notice that was sent two days before it came."""
    notice(loan, now=at - timedelta(days=2), delivered_at=at, kind=kind, reference=f"{kind}-{at:%Y%m%d%H}")


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def a_snapshot(lender_id: str, *, now: datetime) -> str:
    """The month before `now`, frozen for a bureau of the lender."""
    enable(lender_id, now=now)
    with unit_of_work() as work:
        as_of = now.date().replace(day=1) - timedelta(days=1)
        snapshot_id = begin_snapshot(work, lender_id, "PBOC", as_of, by="staff:Ann", now=now)
    with unit_of_work() as work:
        freeze_page(work, snapshot_id, now=now)
    return snapshot_id
