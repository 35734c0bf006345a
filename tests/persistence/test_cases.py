"""Loading cases: what is asked for, and whose it becomes."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from app.domain.cases import Case
from app.domain.reasons import Reason
from app.persistence.db import db, vault
from app.persistence.ids import new_id
from app.persistence.models.borrowers import ConsentRow
from app.persistence.models.case_records import CaseRecordRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.queries.cases import load_cases
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.policies import ensure_default_policy, load_rules
from tests.builders.book import build_loan, give_phone

pytestmark = pytest.mark.both
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = START + timedelta(days=1)
DUE = date(2026, 3, 10)
_COMMON = {"by": "core:acme", "recorded_at": START}
KNOWN: dict[str, Callable[[str], Any]] = {
    "holds": lambda borrower_id: HoldRow(
        id=new_id(), borrower_id=borrower_id, kind="dispute", from_at=START, **_COMMON
    ),
    "consents": lambda borrower_id: ConsentRow(
        id=new_id(), borrower_id=borrower_id, purpose="automated_call", channel="voice", given=True, recorded_at=START,
        origin="test",
    ),
    "wishes": lambda borrower_id: ContactPreferenceRow(
        id=new_id(), borrower_id=borrower_id, kind="avoid_place", place="work", **_COMMON
    ),
    "records": lambda borrower_id: CaseRecordRow(
        id=new_id(), borrower_id=borrower_id, list_name="notices", facts={}, reference="acme/1", **_COMMON
    ),
}  # fmt: skip


def loaded(borrower_ids: list[str]) -> tuple[dict[str, Case], int]:
    """The cases of these borrowers, and how many statements they took."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    with reading() as session:
        rules = load_rules(session)
        assert rules is not None
        event.listen(db.engine, "before_cursor_execute", note)
        try:
            cases = load_cases(session, borrower_ids, now=NOW, rules=rules)
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
    return {borrower_id: parts.case for borrower_id, parts in cases.items()}, len(statements)


@pytest.mark.parametrize("kind", KNOWN)
def test_what_is_known_of_nobody_is_not_asked_for_and_else_becomes_the_case_of_whom_it_is(app: Flask, kind: str) -> None:
    ensure_default_policy(now=START)
    first, other = (build_loan(now=START, due=[DUE]).borrower_id for _ in range(2))
    before, statements_before = loaded([first, other])

    with unit_of_work() as work:
        work.session.add(KNOWN[kind](first))
    cases, statements = loaded([first, other])

    assert not getattr(before[first], kind)
    assert len(getattr(cases[first], kind)) == 1
    assert not getattr(cases[other], kind)
    assert statements == statements_before + 1


def add_openid(borrower_id: str, state: str, changed_at: datetime) -> None:
    row_id = new_id()
    sealed = vault().seal(state, place=f"endpoints.address:{row_id}")
    with unit_of_work() as work:
        work.session.add(
            EndpointRow(
                id=row_id, borrower_id=borrower_id, channel="wechat", address_kind="openid", state=state,
                address_sealed=sealed, address_digest=state, changed_at=changed_at,
            )
        )  # fmt: skip


def test_devices_come_newest_first_whatever_addresses_there_are_beside_push(app: Flask) -> None:
    ensure_default_policy(now=START)
    loan = build_loan(now=START, due=[DUE])
    give_phone(loan, now=START, zone="Asia/Tokyo", last_seen_at=START)
    give_phone(loan, now=START, zone="Europe/Paris", last_seen_at=START + timedelta(hours=1))
    add_openid(loan.borrower_id, "active", START + timedelta(hours=2))

    cases, _ = loaded([loan.borrower_id])

    case = cases[loan.borrower_id]
    assert case.device_zones == ("Europe/Paris", "Asia/Tokyo")
    assert {"push", "wechat"}.isdisjoint(case.blocks)


def test_of_several_dead_addresses_the_newest_says_why(app: Flask) -> None:
    ensure_default_policy(now=START)
    loan = build_loan(now=START, due=[DUE])
    add_openid(loan.borrower_id, "invalid", START)
    add_openid(loan.borrower_id, "blocked", START + timedelta(hours=1))

    cases, _ = loaded([loan.borrower_id])

    assert cases[loan.borrower_id].blocks["wechat"] is Reason.USER_BLOCKED
