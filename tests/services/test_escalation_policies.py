"""A policy comes into force by two people and a rehearsal, never changes from then on, and does what was rehearsed."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.domain.errors import ConflictError, ForbiddenError, ValidationError
from app.domain.escalation_runs import Assumptions
from app.domain.hold_terms import HoldValues
from app.domain.times import business_date
from app.persistence.models.escalations import EscalationEventRow, EscalationPolicyRow, EscalationStepRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import escalation_policies as policies
from app.services import escalation_rehearsals
from app.services.desk_payments import DeskStaff
from app.services.escalation_approvals import approve_steps
from app.services.escalation_documents import find_problems, shipped, shipped_names
from app.services.escalation_rehearsals import rehearse, rehearse_version
from app.services.escalations import look_at_all
from app.services.holds import Teller, put_hold
from app.services.policies import PolicyTamperedError
from app.wording.letter_kinds import find_kind
from tests.builders.book import build_lender, build_loan
from tests.builders.escalations import a_document, proof_of, put_in_force

pytestmark = pytest.mark.both
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ASSUMED = Assumptions(delivery_days=2, approval_days=1)


def drafted(lender_id: str, *, by: str = "staff:Ann", **changes: Any) -> str:
    with unit_of_work() as work:
        return policies.save_draft(work, lender_id, a_document(**changes), by=by, now=NOW).id


def moved(policy_id: str, move: str, *, by: str = "staff:Bob") -> None:
    with unit_of_work() as work:
        row = work.session.get_one(EscalationPolicyRow, policy_id)
        getattr(policies, move)(work, row, by=by, now=NOW)


def rehearsed(policy_id: str, days: int = 10) -> dict[str, Any]:
    with unit_of_work() as work:
        row = work.session.get_one(EscalationPolicyRow, policy_id)
        return rehearse_version(work, row, by="staff:Ann", now=NOW, days=days, assumed=ASSUMED).result


def status_of(policy_id: str) -> str:
    with reading() as session:
        return session.get_one(EscalationPolicyRow, policy_id).status


def test_one_writes_it_it_is_rehearsed_another_approves_it(app: Flask) -> None:
    policy_id = drafted(build_lender(now=NOW))

    with pytest.raises(ConflictError, match="not rehearsed"):
        moved(policy_id, "approve")
    rehearsed(policy_id)
    with pytest.raises(ForbiddenError, match="somebody else"):
        moved(policy_id, "approve", by="staff:ann")
    moved(policy_id, "approve")
    moved(policy_id, "activate")

    assert status_of(policy_id) == "active"


def test_a_draft_that_changed_is_rehearsed_again(app: Flask) -> None:
    lender_id = build_lender(now=NOW)
    policy_id = drafted(lender_id)
    rehearsed(policy_id)

    assert drafted(lender_id, at="11:00") == policy_id

    with pytest.raises(ConflictError, match="not rehearsed"):
        moved(policy_id, "approve")


def test_what_was_approved_does_not_change(app: Flask) -> None:
    lender_id = build_lender(now=NOW)
    policy_id = drafted(lender_id)
    rehearsed(policy_id)
    moved(policy_id, "approve")

    with pytest.raises(ConflictError, match="does not change any more"):
        drafted(lender_id, at="11:00")


def test_nothing_happens_by_a_document_that_was_changed_in_the_database(app: Flask) -> None:
    lender_id = build_lender(now=NOW)
    policy_id = put_in_force(lender_id, now=NOW)
    with unit_of_work() as work:
        changed = {**a_document(), "begins": {"days_past_due": 1}}
        work.session.execute(update(EscalationPolicyRow).where(EscalationPolicyRow.id == policy_id).values(document=changed))
        policies._parsed.clear()  # as in another process

    with reading() as session, pytest.raises(PolicyTamperedError):
        policies.policies_in_force(session)


def test_the_next_version_takes_the_place_of_the_one_before_and_everybody_is_looked_at_again(app: Flask) -> None:
    loan = build_loan(now=NOW, due=[date(2026, 5, 1)])
    first = put_in_force(loan.lender_id, now=NOW)
    look_at_all(now=NOW)
    second = drafted(loan.lender_id, version=2)
    rehearsed(second)
    moved(second, "approve")

    moved(second, "activate")

    with reading() as session:
        assert session.scalars(select(AgendaRow.escalations_at)).one() == NOW
    assert (status_of(first), status_of(second)) == ("retired", "active")


@pytest.mark.parametrize("name", shipped_names())
def test_what_ships_is_in_order(name: str) -> None:
    assert find_problems(shipped(name)) == []


@pytest.mark.parametrize("name", shipped_names())
def test_what_ships_waits_as_long_as_the_letter_leaves_before_what_it_announces(name: str) -> None:
    document = shipped(name)
    steps = {each["key"]: each for each in document["steps"]}
    last = [each for each in document["steps"] if each["kind"] in ("report", "referral")]
    for jurisdiction in document.get("jurisdictions") or ["CN", "US", "UK"]:
        for step in last:
            notice = steps[step["after"]["step"]]["notice"]
            kind = find_kind(jurisdiction, kind=notice["kind"], template=notice["template"])
            assert kind is not None
            floor = 21 if (jurisdiction, step["kind"]) == ("UK", "referral") else 0
            assert step["after"]["days"] >= max(kind.pay_by_days, floor), (jurisdiction, step["key"])


NOTICE, LETTER = a_document()["steps"]
REPORT = {"key": "report", "kind": "report", "days_past_due": 30, "after": {"step": "letter", "days": 5},
          "register": "credit", "needs": ["forbearance"]}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "pointer", "told"),
    [
        ({"sleep": 1}, "/sleep", "not known"),
        ({"stop_on": ["hardshp"]}, "/stop_on/0", "did you mean 'hardship'"),
        ({"steps": [NOTICE, {**LETTER, "after": {"step": "later", "days": 1}}]}, "/steps/1/after/step", "no step before"),
        ({"steps": [NOTICE, {k: v for k, v in LETTER.items() if k != "after"}]}, "/steps/1", "after which one"),
        ({"steps": [NOTICE, LETTER, REPORT]}, "/steps/2/after/step", "comes after a pre_report_notice"),
        ({"steps": [NOTICE, NOTICE | {"after": {"step": "notice", "days": 1}}]}, "/steps/1/key", "twice"),
        ({"steps": [NOTICE | {"days_past_due": 1}]}, "/steps/0/days_past_due", "before the escalation begins"),
        ({"steps": [NOTICE | {"notice": {"kind": "arrears_notice", "template": "leter_arrears"}}]},
         "/steps/0/notice/template", "did you mean 'letter_arrears'"),
        ({"steps": [NOTICE | {"law": ["enforc"]}]}, "/steps/0/law/0", "did you mean 'enforce'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_policy_is_said_where_it_stands(changes: dict[str, Any], pointer: str, told: str) -> None:
    problems = find_problems(a_document(**changes))

    assert any(each.pointer == pointer and told in each.detail for each in problems), problems


def test_what_is_wrong_is_not_kept(app: Flask) -> None:
    with pytest.raises(ValidationError):
        drafted(build_lender(now=NOW), steps=[])


def test_a_rehearsal_writes_nothing_of_loans_and_a_run_under_its_assumptions_gives_the_same_counts(app: Flask) -> None:
    lender_id = build_lender(now=NOW)
    due = [date(2026, 2, 20), date(2026, 2, 27), date(2026, 3, 12)]
    loans = [build_loan(now=NOW, due=[due[number % 3]], lender_id=lender_id) for number in range(9)]
    steps = [NOTICE, {**LETTER, "approval": {"people": 1}}]
    policy_id = put_in_force(lender_id, now=NOW, steps=steps, at="09:00")
    with reading() as session:
        policy = policies.as_values(session.get_one(EscalationPolicyRow, policy_id))
        predicted = rehearse(session, policy, lender_id, start=NOW, days=40, assumed=ASSUMED)
        assert session.scalars(select(EscalationStepRow)).all() == []

    arrives: dict[tuple[str, str], datetime] = {}
    yes_at: dict[str, datetime] = {}
    for day in range(40):
        now = NOW + day * DAY
        for (loan_id, step), at in list(arrives.items()):
            if at <= now:
                proof_of(loan_id, step, at=now)
                del arrives[loan_id, step]
        with unit_of_work() as work:
            due_now = [step_id for step_id, at in yes_at.items() if at <= now]
            approve_steps(work, due_now, staff=DeskStaff("staff:Bob", "supervisor", lender_id), now=now)
            yes_at = {step_id: at for step_id, at in yes_at.items() if step_id not in due_now}
        look_at_all(now=now)
        with reading() as session:
            for row in session.scalars(select(EscalationStepRow).where(EscalationStepRow.changed_at == now)):
                if row.outcome == "handed_over":
                    arrives[row.loan_id, row.step_key] = now + 2 * DAY
                elif row.outcome == "needs_approval":
                    yes_at[row.id] = now + DAY

    with reading() as session:
        events = session.scalars(
            select(EscalationEventRow).where(EscalationEventRow.outcome.in_(("handed_over", "delivered")))
        )
        happened = Counter((business_date(each.at, "UTC"), each.kind, each.outcome) for each in events)
    wanted = {key: count for key, count in predicted.by_day.items() if key[2] in ("handed_over", "delivered")}
    assert len(loans) == predicted.loans
    assert happened == wanted
    assert predicted.total("repayment_letter", "handed_over") == 9


def test_loans_that_are_alike_are_rehearsed_once_and_one_with_a_hold_for_itself(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender_id = build_lender(now=NOW)
    loans = [build_loan(now=NOW, due=[date(2026, 2, 20)], lender_id=lender_id) for _ in range(4)]
    with unit_of_work() as work:
        put_hold(work, loans[2].borrower_id, HoldValues("hardship"), teller=Teller("operator:Ann"), now=NOW)
    policy_id = put_in_force(lender_id, now=NOW, steps=[NOTICE], at="09:00")
    runs: list[str] = []
    run_one = escalation_rehearsals._changes

    def counted(found: Any, each: Any, *given: Any) -> Any:
        runs.append(each.loan_id)
        return run_one(found, each, *given)

    monkeypatch.setattr(escalation_rehearsals, "_changes", counted)

    with reading() as session:
        policy = policies.as_values(session.get_one(EscalationPolicyRow, policy_id))
        predicted = rehearse(session, policy, lender_id, start=NOW, days=40, assumed=ASSUMED)

    assert predicted.loans == 4
    assert len(runs) == 2
    assert loans[2].loan_id in runs
    assert predicted.total("arrears_notice", "handed_over") == 3
    assert predicted.standing["arrears_notice", "stopped", "HOLD_HARDSHIP"] == 1
