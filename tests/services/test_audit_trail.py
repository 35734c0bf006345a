"""The audit trail: whatever is done to it behind the program's back is found and named."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from app import clock
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditRow
from app.persistence.queries.audit import acting_for, add_audit
from app.persistence.unit_of_work import reading_one_state, unit_of_work
from app.services import audit_trail
from tests.builders.book import build_lender, build_loan
from tests.builders.parallel import meet
from tests.conftest import START, make_settings


@pytest.fixture(params=["sqlite", "postgresql"])
def guarded(
    request: pytest.FixtureRequest, tmp_path: Path, new_postgresql_database: Callable[[str], str]
) -> Iterator[Flask]:
    """An app on a database of its own, as migrated: with the triggers that guard the trail."""
    url = f"sqlite:///{tmp_path / 'audit.db'}" if request.param == "sqlite" else new_postgresql_database("audit_trail")
    app = create_app(make_settings(url, tmp_path))
    with app.app_context():
        schema.upgrade(db.engine)
        clock.use(lambda: START)
        yield app
        db.session.remove()
        db.engine.dispose()
    clock.use(clock.system_now)


def written(count: int) -> list[str]:
    with unit_of_work() as work:
        for number in range(count):
            add_audit(
                work.session, at=START + timedelta(seconds=number), actor="staff:Ann", action="hold.put", borrower_id=None,
                facts={"number": number, "at": START, "kinds": ["a", None]},
            )  # fmt: skip
        work.session.flush()
        return [row.id for row in work.session.query(AuditRow).order_by(AuditRow.at)]


def findings() -> list[tuple[str, int | None]]:
    with reading_one_state() as session:
        return [(each.what, each.seq) for each in audit_trail.verify(session)]


def by_hand(*statements: str) -> None:
    """Change the database as somebody would who may do everything in it, but has no key."""
    engine = db.engine
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection, connection.begin():
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                connection.execute(text(statement))
        return
    with engine.connect().execution_options(duecourse_writes=True) as connection, connection.begin():
        names = ("audit_is_never_changed", "audit_is_never_deleted")
        kept = [connection.execute(text(f"SELECT sql FROM sqlite_master WHERE name = '{name}'")).scalar() for name in names]
        for statement in (*(f"DROP TRIGGER {name}" for name in names), *statements, *kept):
            connection.exec_driver_sql(str(statement))


def test_a_trail_that_nobody_touched_has_no_findings(guarded: Flask) -> None:
    written(7)
    assert findings() == []
    assert audit_trail.seal(now=START) == 7
    written(2)

    assert audit_trail.seal(now=START) == 2
    assert audit_trail.seal(now=START) == 0
    assert findings() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'staff:Eve'",
        "DELETE FROM audit",
        "UPDATE audit SET seq = NULL",
        "UPDATE audit SET mac = NULL",
    ],
)
def test_the_database_itself_refuses_to_change_or_delete_a_row(guarded: Flask, statement: str) -> None:
    written(2)
    audit_trail.seal(now=START)

    with pytest.raises(Exception, match="append-only"), unit_of_work() as work:
        work.session.execute(text(statement))


def test_not_even_an_unsealed_row_is_changed(guarded: Flask) -> None:
    written(1)

    with pytest.raises(Exception, match="append-only"), unit_of_work() as work:
        work.session.execute(text("UPDATE audit SET actor = 'staff:Eve'"))


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'staff:Eve'",
        "action = 'hold.released'",
        "at = at + 1",
        "facts = '{}'",
        "borrower_id = id",
        "lender_id = id",
    ],
)
def test_one_changed_row_is_named(guarded: Flask, change: str) -> None:
    ids = written(5)
    audit_trail.seal(now=START)

    by_hand(f"UPDATE audit SET {change} WHERE id = '{ids[2]}'")

    with reading_one_state() as session:
        (finding,) = audit_trail.verify(session)
    assert finding.what == "changed"
    assert finding.row_id == ids[2]
    ran = guarded.test_cli_runner().invoke(args=["audit", "verify"])
    assert (ran.exit_code, ids[2] in ran.output, "1 findings" in ran.output) == (1, True, True)


def test_an_unsealed_row_that_was_changed_is_named_before_and_after_it_is_sealed(guarded: Flask) -> None:
    ids = written(3)
    by_hand(f"UPDATE audit SET actor = 'staff:Eve' WHERE id = '{ids[1]}'")

    assert findings() == [("changed", None)]
    audit_trail.seal(now=START)
    assert [what for what, _ in findings()] == ["changed"]


def test_a_row_taken_out_leaves_a_hole(guarded: Flask) -> None:
    ids = written(5)
    audit_trail.seal(now=START)
    with reading_one_state() as session:
        seq = session.get(AuditRow, ids[2]).seq  # type: ignore[union-attr]

    by_hand(f"DELETE FROM audit WHERE id = '{ids[2]}'")

    assert findings() == [("missing", seq)]


def test_a_hole_that_was_closed_up_breaks_the_chain(guarded: Flask) -> None:
    written(5)
    audit_trail.seal(now=START)

    by_hand(
        "DELETE FROM audit WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = 4", "UPDATE audit SET seq = 4 WHERE seq = 5"
    )

    assert ("chain", 3) in findings()


def test_an_end_that_was_cut_off_is_told_by_the_head_and_by_one_kept_elsewhere(guarded: Flask) -> None:
    written(5)
    run = guarded.test_cli_runner().invoke
    told = run(args=["audit", "head"]).output.strip()

    by_hand("DELETE FROM audit WHERE seq = 5")
    assert findings() == [("cut", 5)]
    by_hand("UPDATE audit_heads SET seq = 4, chain = (SELECT chain FROM audit WHERE seq = 4)")

    assert findings() == []
    ran = run(args=["audit", "verify", "--head", told])
    assert (ran.exit_code, told in ran.output) == (1, True)


def test_a_row_put_in_from_outside_is_named(guarded: Flask) -> None:
    written(2)
    audit_trail.seal(now=START)
    row_id = new_id()

    by_hand(
        "INSERT INTO audit (id, at, actor, action, borrower_id, facts) "
        f"VALUES ('{row_id}', 1, 'staff:Eve', 'hold.put', NULL, '{{}}')"
    )

    assert findings() == [("keyless", None)]
    audit_trail.seal(now=START)
    assert findings() == [("keyless", 3)]


def test_rows_from_before_there_were_hashes_are_sealed_as_they_are_found(guarded: Flask) -> None:
    by_hand(f"INSERT INTO audit (id, at, actor, action, facts) VALUES ('{new_id()}', 1, 'staff:Ann', 'hold.put', '{{}}')")
    audit_trail.seal(now=START)
    written(2)
    audit_trail.seal(now=START)
    assert findings() == []

    by_hand("UPDATE audit SET actor = 'staff:Eve' WHERE seq = 1")

    assert findings() == [("chain", 1)]


def test_many_seal_at_once_and_no_place_is_given_twice(guarded: Flask) -> None:
    written(300)

    sealed = meet(guarded, 6, lambda _: audit_trail.seal(now=START))

    assert sum(sealed) == 300
    assert findings() == []


def test_a_row_says_for_which_lender_it_was_done(sqlite_book: Flask) -> None:
    lender_id = new_id()
    token = acting_for.set(lender_id)
    try:
        written(1)
    finally:
        acting_for.reset(token)

    assert db.session.query(AuditRow).one().lender_id == lender_id


def test_what_a_borrower_of_two_lenders_did_is_in_neither_s_pages(sqlite_book: Flask) -> None:
    due = [START.date() + timedelta(days=5)]
    ours = build_loan(now=START, due=due, borrower_no="B1", loan_no="L1")

    def shown() -> list[str]:
        return [each.action for each in audit_trail.page_audit(db.session(), lender_id=ours.lender_id)]

    with unit_of_work() as work:
        add_audit(
            work.session, at=START, actor=f"borrower:{ours.borrower_id}", action="dispute.opened",
            borrower_id=ours.borrower_id, facts={"loan_id": new_id()},
        )  # fmt: skip
    assert "dispute.opened" in shown()

    build_loan(now=START, due=due, borrower_no="B1", loan_no="L2", lender_id=build_lender(now=START, code="other"))

    assert "dispute.opened" not in shown()
