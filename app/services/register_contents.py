"""What is handed over of a report: the register's fields and no more, frozen when it is decided, sealed."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import orjson

from app.domain.money import Money
from app.domain.registers import Register
from app.domain.times import business_date
from app.persistence.queries.restricted_register import find_people
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.register_gates import LoanToday

REPORTED, CORRECTED, REMOVED = "reported", "corrected", "removed"
AMOUNTS_ON = "amounts_on"
"""The day of which the amounts of a content are, where the loan is."""
_HEAD = ("action", "report", "reason", "mark", "on")


def contents_of(
    work: Work, loans: Collection[LoanToday], fields: Mapping[str, Collection[str]]
) -> dict[str, dict[str, str | int | None]]:
    """Return loan -> what is handed over of it; `fields`: loan -> which. Personal data is opened for what names it only."""
    people = find_people(work.session, {each.loan.borrower_id for each in loans})
    found: dict[str, dict[str, str | int | None]] = {}
    for each in loans:
        day: dict[str, str | int | None] = {AMOUNTS_ON: each.on.isoformat()}
        known = _known(each)
        wanted = fields[each.loan.id]
        for name in {"name", "national_id"} & set(wanted):
            sealed = getattr(people[each.loan.borrower_id], f"{name}_sealed")
            known[name] = work.vault.open(sealed, place=f"borrowers.{name}:{each.loan.borrower_id}")
        found[each.loan.id] = day | {name: known[name] for name in wanted}
    return found


def _known(each: LoanToday) -> dict[str, str | int | None]:
    loan, position = each.loan, each.position
    signed = loan.contract.get("signed_on") or (None if loan.disbursed_on is None else loan.disbursed_on.isoformat())

    def major(minor: int | None) -> str | None:
        return None if minor is None else str(Money(minor, loan.currency).to_decimal())

    return {
        "loan_no": loan.loan_no,
        "signed_on": signed,
        "currency": loan.currency,
        "principal": major(loan.principal_minor),
        "outstanding": major(position.outstanding_minor),
        "overdue": major(position.overdue_minor),
        "days_past_due": position.days_past_due,
        "overdue_since": None if each.late_since is None else each.late_since.isoformat(),
    }


def sealed_line(ring: Vault, place: str, content: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return (sealed, SHA-256 as hex) of a content as canonical JSON."""
    told = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return ring.seal_bytes(told, place=place), hashlib.sha256(told).hexdigest()


def opened_line(ring: Vault, place: str, sealed: bytes) -> dict[str, Any]:
    """Return a content as it was frozen."""
    found: dict[str, Any] = orjson.loads(ring.open_bytes(sealed, place=place))
    return found


def report_place(report_id: str) -> str:
    """Where the content of a report is sealed."""
    return f"register_reports.content:{report_id}"


def declined_place(report_id: str) -> str:
    """Where it is sealed why a report was declined."""
    return f"register_reports.declined_reason:{report_id}"


def told_place(event_id: str) -> str:
    """Where the line of an event is sealed as a file handed it over."""
    return f"register_report_events.told:{event_id}"


def event_place(event_id: str) -> str:
    """Where the line of an event is sealed."""
    return f"register_report_events.content:{event_id}"


def order_of(register: Register) -> tuple[str, ...]:
    """Return the columns of the register's next file."""
    return (*_HEAD, AMOUNTS_ON, *register.fields)


def order_of_old(register: Register) -> tuple[str, ...]:
    """Return the columns of a file that was made before files kept their columns."""
    return (*_HEAD, *register.fields)


def day_of(at: Any, zone: str) -> str:
    """Return an instant's day where the lender is."""
    return business_date(at, zone).isoformat()
