"""Books with call tasks, and who makes the calls."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from app.persistence.unit_of_work import reading, unit_of_work
from app.services.call_outcomes import CallTeller, Followed, ToldOutcome, tell_outcome
from app.services.call_tasks import Worklist, dial_task, read_worklist
from app.services.dials import Caller, Dialled
from app.services.tasks import NewTask, add_task
from tests.builders.book import Built, build_lender, build_loan

_numbers = count(1)
ZONES = {"US": "America/New_York", "CN": "Asia/Shanghai", "IN": "Asia/Kolkata", "GB": "Europe/London"}
PHONES = {"US": "+1212555", "CN": "+861391234", "IN": "+9198765", "GB": "+4420794"}


def a_lender(country: str = "CN", *, now: datetime, role: str = "first_party", code: str = "acme") -> str:
    return build_lender(now=now, code=code, jurisdiction=country, zone=ZONES[country], role=role, role_reason="test")


def a_late_loan(lender_id: str, country: str = "CN", *, now: datetime, days: int = 8, **changes: Any) -> Built:
    """A loan with one row that is so many days late."""
    phone = f"{PHONES[country]}{next(_numbers):04d}"
    given = {
        "phone": phone,
        "country": country,
        "zone": ZONES[country],
        "name": "Li Wei",
        "address_lines": ("8 Long Street",),
    }
    due = [changes.pop("due", now.date() - timedelta(days=days))]
    return build_loan(now=now - timedelta(days=30), due=due, lender_id=lender_id, **{**given, **changes})


def a_call_task(built: Built, *, now: datetime, kind: str = "call", **changes: Any) -> str:
    """An open task to call about the loan's first row, good for some hours."""
    given: dict[str, Any] = {
        "loan_id": built.loan_id, "due_at": now + timedelta(hours=4), "not_before": now - timedelta(hours=1),
        "not_after": now + timedelta(hours=6),
    }  # fmt: skip
    key = f"instalment/{built.loan_id}/1/1/d+{next(_numbers)}-call" if kind == "call" else f"call-back/test-{next(_numbers)}"
    with unit_of_work() as work:
        task = NewTask(key, built.borrower_id, kind, "early", **{**given, **changes})
        return add_task(work, task, now=now).id


def worklist(lender_id: str, *, now: datetime, by: str = "staff:Eve", **changes: Any) -> Worklist:
    with reading() as session:
        return read_worklist(session, lender_id, by=by, now=now, **changes)


def listed(lender_id: str, *, now: datetime, **changes: Any) -> list[str]:
    return [item.task.id for item in worklist(lender_id, now=now, **changes).items]


def dial(
    task_id: str, lender_id: str, *, now: datetime, by: str = "staff:Eve", role: str = "agent", **changes: Any
) -> Dialled:
    with unit_of_work() as work:
        return dial_task(work, task_id, lender_id=lender_id, caller=Caller(by, role), now=now, **changes)


def tell(
    built: Built, outcome: str, *, now: datetime, by: str = "staff:Eve", role: str = "agent", task_id: str | None = None,
    **changes: Any,
) -> Followed:  # fmt: skip
    teller, told = CallTeller(by, role, built.lender_id), ToldOutcome(outcome, **changes)
    with unit_of_work() as work:
        return tell_outcome(work, built.borrower_id, told, teller=teller, now=now, task_id=task_id)
