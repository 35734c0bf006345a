"""The life of a policy's versions: who may move which one where, what is kept of it, and which rules are then in force."""

from datetime import timedelta
from itertools import product

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from app.domain.policies import Rules
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.reminders import PolicyRow
from app.persistence.queries.policies import find_rules_since
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import policies
from app.services.policies import PolicyTamperedError, ensure_default_policy, load_rules
from app.services.policy_versions import (
    MOVES,
    STATUSES,
    activate_policy,
    approve_policy,
    retire_policy,
    return_policy,
    save_draft,
    submit_policy,
)
from tests.builders.book import build_lender
from tests.builders.policies import a_document
from tests.conftest import START

ACTS = {"in_review": submit_policy, "draft": return_policy, "approved": approve_policy, "active": activate_policy,
        "retired": retire_policy}  # fmt: skip


def draft(version: int = 1, *, by: str = "ann", **changes: object) -> None:
    with unit_of_work() as work:
        save_draft(work, a_document(version=version, **changes), by=by, now=START)


def move(to: str, version: int = 1, *, by: str = "ben", of_lender: str | None = None) -> str:
    with unit_of_work() as work:
        return ACTS[to](work, "acme", version, by=by, now=START + timedelta(hours=version), of_lender=of_lender).status


def in_force(version: int = 1, **changes: object) -> None:
    draft(version, **changes)
    for to in ("in_review", "approved", "active"):
        move(to, version)


def rules() -> Rules:
    with reading() as session:
        found = load_rules(session)
    assert found is not None
    return found


def status(version: int = 1) -> str:
    with reading() as session:
        return session.scalars(
            select(PolicyRow.status).where(PolicyRow.version_no == version, PolicyRow.key == "acme")
        ).one()


def test_a_version_goes_from_draft_to_force_and_every_move_is_kept(app: Flask) -> None:
    ensure_default_policy(now=START)
    epoch = rules().rules_epoch
    in_force()

    assert (rules().policy.key, rules().rules_epoch) == ("acme", epoch + 1)
    with reading() as session:
        kept = [(row.actor, row.action, row.facts["policy"], row.facts["version"], row.borrower_id)
                for row in session.scalars(select(AuditRow).order_by(AuditRow.id))]  # fmt: skip
        default = session.scalars(select(PolicyRow).where(PolicyRow.key == "default")).one()
    assert [each[:2] for each in kept] == [
        ("ann", "policy.drafted"), ("ben", "policy.submitted"), ("ben", "policy.approved"), ("ben", "policy.activated"),
    ]  # fmt: skip
    assert all(each[2:] == ("acme", 1, None) for each in kept)
    assert (default.status, default.retired_at is not None) == ("retired", True)


@pytest.mark.parametrize(("start", "to"), list(product(STATUSES, ACTS)))
def test_only_the_moves_of_the_table_are_made(sqlite_book: Flask, start: str, to: str) -> None:
    lender = build_lender(now=START)
    draft(lender="acme")
    with unit_of_work() as work:
        values = {"status": start, "approved_at": START if start in ("approved", "active", "retired") else None}
        work.session.execute(update(PolicyRow).values(**values))

    if to in MOVES[start]:
        assert move(to, of_lender=lender) == to
    else:
        with pytest.raises(ConflictError, match=f"is {start}; it cannot become {to}"):
            move(to)
        assert status() == start


def test_a_draft_is_changed_until_it_is_handed_over_and_never_after(app: Flask) -> None:
    draft()
    draft(not_after_margin="PT10M", by="cay")
    move("in_review")

    with pytest.raises(ConflictError, match="give the new one a higher version"):
        draft()
    move("draft")
    draft(not_after_margin="PT15M")
    with reading() as session:
        row = session.scalars(select(PolicyRow)).one()
    assert (row.document["not_after_margin"], row.author, row.submitted_at) == ("PT15M", "ann", None)


@pytest.mark.parametrize("name", ["ann", "Ann", " ANN ", "ａｎｎ"])
def test_an_author_does_not_approve_their_own_however_they_spell_themselves(sqlite_book: Flask, name: str) -> None:
    draft()
    move("in_review")

    with pytest.raises(ForbiddenError, match="somebody else approves it"):
        move("approved", by=name)
    assert status() == "in_review"


def test_whoever_saved_the_draft_last_is_its_author(sqlite_book: Flask) -> None:
    draft(by="ann")
    draft(by="ben")
    move("in_review")

    with pytest.raises(ForbiddenError):
        move("approved", by="ben")
    assert move("approved", by="ann") == "approved"


def test_an_older_version_comes_back_and_a_withdrawn_draft_does_not(app: Flask) -> None:
    in_force(1)
    in_force(2)
    assert (status(1), rules().policy.version_no) == ("retired", 2)

    assert move("active", 1) == "active"
    assert (status(2), rules().policy.version_no) == ("retired", 1)

    draft(3)
    move("retired", 3)
    with pytest.raises(ConflictError):
        move("active", 3)


@pytest.mark.parametrize("version", [0, 2, 10**6 + 1, 2**31, 2**63, 10**30])
def test_a_version_that_is_not_there_is_not_found_however_large(app: Flask, version: int) -> None:
    draft()

    with pytest.raises(NotFoundError), unit_of_work() as work:
        submit_policy(work, "acme", version, by="ann", now=START)


def test_each_lender_has_one_policy_in_force_beside_that_of_everyone(app: Flask) -> None:
    ensure_default_policy(now=START)
    lender = build_lender(now=START)
    in_force(1, lender="acme")
    in_force(2, lender="acme")

    found = rules()
    assert found.policy.key == "default"
    assert {lender_id: (policy.key, policy.version_no) for lender_id, policy in found.by_lender.items()} == {
        lender: ("acme", 2)
    }
    assert (found.policy_of(lender).key, found.policy_of("another").key) == ("acme", "default")
    with reading() as session:
        assert find_rules_since(session) is None

    epoch = found.rules_epoch
    move("retired", 2)
    assert (rules().by_lender, rules().rules_epoch) == ({}, epoch + 1)


def test_the_policy_of_everyone_is_replaced_and_not_taken_away(sqlite_book: Flask) -> None:
    in_force()

    with pytest.raises(ConflictError, match="activate another in its place"):
        move("retired")
    assert rules().policy.key == "acme"


def test_the_law_is_asked_at_every_gate(sqlite_book: Flask) -> None:
    build_lender(now=START, jurisdiction="EU")
    twice = [{"per": "borrower", "window": "P1D", "max": 2}]
    draft(caps=twice, jurisdictions=["UK"])
    move("in_review")
    move("approved")
    with unit_of_work() as work:
        document = a_document(caps=twice)
        work.session.execute(update(PolicyRow).values(document=document, content_hash=policies.content_hash(document)))

    with pytest.raises(ValidationError, match="EU-NO-HARASS") as refusal:
        move("active")
    assert [(each.pointer, each.code) for each in refusal.value.errors] == [("/caps/0/max", "law")]
    assert status() == "approved"


def test_a_policy_for_everyone_is_held_against_the_law_of_all_it_will_serve(sqlite_book: Flask) -> None:
    build_lender(now=START, jurisdiction="GB")
    draft(caps=[{"per": "borrower", "window": "P1D", "max": 2}])
    assert move("in_review") == "in_review"
    move("draft")

    build_lender(now=START, code="other", jurisdiction="DE")
    with pytest.raises(ValidationError, match="EU-NO-HARASS"):
        move("in_review")


def test_a_lender_nobody_knows_is_refused(sqlite_book: Flask) -> None:
    with pytest.raises(ValidationError, match="no lender 'nobody'"):
        draft(lender="nobody")


def test_staff_of_one_lender_do_not_touch_what_is_not_theirs(sqlite_book: Flask) -> None:
    ours, theirs = build_lender(now=START), build_lender(now=START, code="other")
    draft(1, lender="acme")
    draft(2)

    with pytest.raises(NotFoundError):
        move("in_review", 1, of_lender=theirs)
    with pytest.raises(ForbiddenError, match="not your lender's own"):
        move("in_review", 2, of_lender=ours)
    assert move("in_review", 1, of_lender=ours) == "in_review"


def test_a_document_that_was_changed_behind_our_back_stops_everything(app: Flask) -> None:
    in_force()
    policies._parsed.clear()
    policies._loaded.clear()
    with unit_of_work() as work:
        work.session.execute(update(PolicyRow).values(document=a_document(not_after_margin="PT1M")))

    with pytest.raises(PolicyTamperedError, match="acme@1"):
        rules()
    with pytest.raises(PolicyTamperedError):
        move("active")


def test_rules_are_put_together_once_per_epoch(sqlite_book: Flask) -> None:
    in_force(1)
    first = rules()
    assert rules() is first

    in_force(2)
    assert rules() is not first
    db.session.remove()
