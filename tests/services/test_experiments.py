"""Reports of experiments on a real book, on both databases: who is counted, in which arm, and what they did."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from app.domain.book import PaymentValues
from app.domain.errors import NotFoundError, ValidationError
from app.domain.money import Money
from app.domain.policies import share_of
from app.engine.follow_ups import follow_up_due
from app.persistence.ids import new_id
from app.persistence.models.borrowers import ConsentRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.reminders import DecisionRow
from app.persistence.unit_of_work import reading_one_state, unit_of_work
from app.services.experiments import Measure, Report, list_experiments, report_experiment
from app.services.payments import record_payment
from app.services.policies import ensure_default_policy
from app.services.policy_versions import activate_policy, approve_policy, save_draft, submit_policy
from app.services.promises import Giver, make_promises
from app.services.reminders import sweep
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.policies import a_document

pytestmark = pytest.mark.both
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
STEP = datetime(2026, 3, 7, 10, 30, tzinfo=UTC)
LATER = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
TONE = {"key": "tone", "arms": {"plain": 50, "control": 50}, "outcome": {"paid_by": "P3D"}}


@pytest.fixture(autouse=True)
def _statistics() -> None:
    pytest.importorskip("statsmodels")


def document(*, version: int = 1, experiment: Any = TONE, **changes: Any) -> dict[str, Any]:
    step = {"key": "d-3", "offset_days": -3, "template": "due_soon", "ladder": [{"channel": "in_app"}]}
    if experiment is not None:
        step["experiment"] = experiment
    return a_document(version=version, steps=[step], **changes)


def in_force(text: dict[str, Any], *, now: datetime = START) -> None:
    key, version = text["policy"], text["version"]
    with unit_of_work() as work:
        save_draft(work, text, by="ann", now=now)
        submit_policy(work, key, version, by="ann", now=now)
        approve_policy(work, key, version, by="ben", now=now)
        activate_policy(work, key, version, by="ben", now=now)


@pytest.fixture
def book(app: Flask) -> dict[str, list[Built]]:
    """Twelve borrowers in each arm, all decided about at `STEP`."""
    ensure_default_policy(now=START)
    in_force(document())
    lender_id = build_lender(now=START)
    found: dict[str, list[Built]] = {"plain": [], "control": []}
    for number in range(200):
        arm = "control" if share_of("tone", f"E-{number}") < 5000 else "plain"
        if len(found[arm]) < 12:
            found[arm].append(build_loan(now=START, due=[DUE], borrower_no=f"E-{number}", lender_id=lender_id))
    sweep(now=STEP)
    return found


def report(key: str = "tone", *, now: datetime = LATER, **changes: Any) -> Report:
    with reading_one_state() as session:
        return report_experiment(session, key, now=now, **changes)


def counts(measures: Any, name: str) -> dict[str, tuple[int, int]]:
    found: Measure = next(each for each in measures if each.name == name)
    return {each.arm: (each.rate.count, each.rate.of) for each in found.arms}


def test_every_borrower_counts_once_in_the_arm_of_the_decision(book: dict[str, list[Built]]) -> None:
    found = report()

    assert [(each.arm, each.percent, each.borrowers, each.exposures, each.mature) for each in found.arms] == [
        ("control", 50, 12, 12, 12), ("plain", 50, 12, 12, 12),
    ]  # fmt: skip
    assert (found.control, found.within_days, found.policies) == ("control", 3, ["acme v1"])
    assert found.sample_ratio.p_value == pytest.approx(1)


def test_paid_within_is_counted_by_value_date_to_the_last_day(book: dict[str, list[Built]]) -> None:
    plain, control = book["plain"], book["control"]
    pay(plain[0], 10_000, now=STEP)
    pay(plain[1], 10_000, now=STEP + timedelta(days=3))  # the last day in time
    pay(plain[2], 10_000, now=STEP + timedelta(days=4))  # too late
    pay(plain[3], 4_000, now=STEP + timedelta(days=1))  # a part
    pay(plain[4], 4_000, now=STEP + timedelta(days=1))
    pay(plain[4], 6_000, now=STEP + timedelta(days=2))  # the rest in time
    known_later = PaymentValues("P-late", control[0].loan_no, 10_000, "USD", STEP.date() + timedelta(days=2))
    with unit_of_work() as work:
        record_payment(work, control[0].lender_id, known_later, now=STEP + timedelta(days=9), origin="test")

    found = report()

    assert counts(found.outcomes, "paid_in_full") == {"control": (1, 12), "plain": (3, 12)}
    assert counts(found.outcomes, "paid_anything") == {"control": (1, 12), "plain": (4, 12)}
    assert counts(report(within_days=4).outcomes, "paid_in_full") == {"control": (1, 12), "plain": (4, 12)}
    early = report(now=STEP + timedelta(days=8))
    assert counts(early.outcomes, "paid_in_full") == {"control": (0, 12), "plain": (3, 12)}


def test_whose_time_is_not_over_is_not_compared(book: dict[str, list[Built]]) -> None:
    pay(book["plain"][0], 10_000, now=STEP)

    found = report(now=STEP + timedelta(days=3))

    assert counts(found.outcomes, "paid_in_full") == {"control": (0, 0), "plain": (0, 0)}
    assert found.exclusions["not_mature"] == 24
    assert found.outcomes[0].arms[1].difference is None


def test_a_later_exposure_changes_nothing_and_is_counted_as_one(book: dict[str, list[Built]]) -> None:
    again = book["plain"][0]
    build_loan(now=START, due=[DUE + timedelta(days=2)], borrower_no=again.borrower_no, lender_id=again.lender_id)
    sweep(now=STEP + timedelta(days=2))

    found = report()

    assert [(each.borrowers, each.exposures) for each in found.arms] == [(12, 12), (12, 13)]
    later = report(first_on=date(2026, 3, 9))
    assert [each.borrowers for each in later.arms] == [0, 0]
    assert later.exclusions["outside_span"] == 24
    assert [each.exposures for each in report(until=date(2026, 3, 9)).arms] == [12, 12]


def test_a_message_that_failed_leaves_the_borrower_in_the_arm(book: dict[str, list[Built]]) -> None:
    with unit_of_work() as work:
        work.session.execute(
            update(DecisionRow).where(DecisionRow.arm == "plain").values(outcome="UNREACHABLE", reason="NO_ENDPOINT")
        )

    assert [each.borrowers for each in report().arms] == [12, 12]


def test_guardrails_count_what_borrowers_did_soon_after(book: dict[str, list[Built]]) -> None:
    plain = book["plain"]

    def consent(built: Built, at: datetime, *, given: bool = False) -> ConsentRow:
        return ConsentRow(
            id=new_id(), borrower_id=built.borrower_id, channel="sms", given=given, recorded_at=at, origin="test"
        )

    def hold(built: Built, kind: str, at: datetime, until: datetime | None = None) -> HoldRow:
        return HoldRow(
            id=new_id(), borrower_id=built.borrower_id, kind=kind, from_at=at, until_at=until, by="borrower", recorded_at=at
        )

    soon, late = STEP + timedelta(days=1), STEP + timedelta(days=4)
    with unit_of_work() as work:
        work.session.add_all([consent(plain[0], soon), consent(plain[1], late), consent(plain[2], soon, given=True)])
        work.session.add_all([consent(plain[0], soon + timedelta(hours=1)), consent(plain[3], STEP - timedelta(hours=1))])
        work.session.add_all([hold(plain[4], "dispute", soon), hold(plain[5], "cease_contact", soon)])
        work.session.add(hold(book["control"][0], "hardship", soon))
        work.session.add(hold(plain[6], "promise_to_pay", soon, soon + timedelta(days=2)))
        work.session.add(hold(plain[7], "promise_to_pay", soon, soon + timedelta(days=2)))
    pay(plain[7], 10_000, now=soon + timedelta(days=1))

    found = report().guardrails

    assert counts(found, "opt_outs") == {"control": (0, 12), "plain": (1, 12)}
    assert counts(found, "disputes") == {"control": (0, 12), "plain": (1, 12)}
    assert counts(found, "no_contact_requests") == {"control": (0, 12), "plain": (1, 12)}
    assert counts(found, "hardship") == {"control": (1, 12), "plain": (0, 12)}
    assert counts(found, "broken_promises") == {"control": (0, 0), "plain": (1, 2)}


def test_a_promise_that_this_book_follows_is_broken_by_what_the_ledger_says_and_counts_once(
    book: dict[str, list[Built]],
) -> None:
    plain, soon = book["plain"], STEP + timedelta(days=1)
    with unit_of_work() as work:
        for built in plain[:3]:
            part = (Money(1_000, "USD"), soon.date() + timedelta(days=1))
            make_promises(work, built.borrower_id, built.loan_id, [part], giver=Giver("borrower"), now=soon)
    pay(plain[0], 1_000, now=soon + timedelta(hours=1))
    pay(plain[1], 999, now=soon + timedelta(hours=1))
    follow_up_due(now=soon + timedelta(days=2))

    assert counts(report().guardrails, "broken_promises") == {"control": (0, 0), "plain": (2, 3)}


def test_another_lender_sees_nobody_of_these(book: dict[str, list[Built]]) -> None:
    other = build_lender(now=START, code="other")

    assert [each.borrowers for each in report(lender_id=other).arms] == [0, 0]
    assert [each.borrowers for each in report(lender_id=book["plain"][0].lender_id).arms] == [12, 12]


def test_arms_of_the_wrong_size_are_warned_of(book: dict[str, list[Built]]) -> None:
    with unit_of_work() as work:
        gone = [built.borrower_id for built in book["plain"][:11]]
        work.session.execute(update(DecisionRow).where(DecisionRow.borrower_id.in_(gone)).values(experiment=None, arm=None))

    found = report()

    assert found.sample_ratio.is_off is (found.sample_ratio.p_value < 0.001)  # type: ignore[operator]
    assert [each.borrowers for each in found.arms] == [12, 1]
    assert found.sample_ratio.p_value == pytest.approx(0.0023, abs=1e-4)


def test_a_look_before_the_planned_number_is_called_a_peek(book: dict[str, list[Built]]) -> None:
    in_force(document(version=2, experiment={**TONE, "planned_borrowers": 100}), now=START + timedelta(days=6))

    found = report()

    assert [(each.code, each.text.split(":")[0]) for each in found.warnings] == [
        ("peeking", "Only 24 of 100 planned borrowers are through")
    ]


def test_without_a_plan_every_look_is_a_peek(book: dict[str, list[Built]]) -> None:
    assert [each.code for each in report().warnings] == ["peeking"]


def test_a_borrower_in_two_arms_is_told_and_counted_with_the_first(book: dict[str, list[Built]]) -> None:
    again = book["plain"][0]
    build_loan(now=START, due=[DUE + timedelta(days=2)], borrower_no=again.borrower_no, lender_id=again.lender_id)
    sweep(now=STEP + timedelta(days=2))
    with unit_of_work() as work:
        late = DecisionRow.decided_at > STEP
        work.session.execute(update(DecisionRow).where(late, DecisionRow.experiment == "tone").values(arm="control"))

    found = report()

    assert "two_arms" in [each.code for each in found.warnings]
    assert [each.borrowers for each in found.arms] == [12, 12]


def test_the_reminded_of_a_holdout_are_found_where_a_step_has_an_experiment_of_its_own(app: Flask) -> None:
    ensure_default_policy(now=START)
    in_force(document(holdout={"key": "quiet", "percent": 50, "max_stage": "early"}))
    lender_id = build_lender(now=START)
    for number in range(20):
        build_loan(now=START, due=[DUE], borrower_no=f"E-{number}", lender_id=lender_id)
    sweep(now=STEP)
    held_out = sum(share_of("quiet", f"E-{number}") < 5000 for number in range(20))

    found = report("quiet")

    assert {each.arm: each.borrowers for each in found.arms} == {"holdout": held_out, "reminded": 20 - held_out}
    assert (found.control, found.within_days) == ("holdout", 7)


def test_other_shares_under_a_key_once_in_force_are_refused(book: dict[str, list[Built]]) -> None:
    other = {**TONE, "arms": {"plain": 60, "control": 40}}

    with pytest.raises(ValidationError, match="divides people otherwise in acme v1") as refused:
        in_force(document(version=2, experiment=other))

    assert [(each.pointer, each.code) for each in refused.value.errors] == [("/steps/0/experiment/arms", "experiment")]


def test_the_same_shares_go_on_under_the_next_version(book: dict[str, list[Built]]) -> None:
    in_force(document(version=2), now=START + timedelta(days=6))

    assert report().policies == ["acme v2", "acme v1"]


def test_the_list_names_what_is_and_was_in_force(book: dict[str, list[Built]]) -> None:
    in_force(document(version=2, experiment=None), now=START + timedelta(days=6))

    with reading_one_state() as session:
        (found,) = list_experiments(session)

    assert (found.key, found.kind, found.is_live, found.policies) == ("tone", "experiment", False, ["acme v1"])
    assert [(each.arm, each.percent, each.borrowers) for each in found.arms] == [("control", 50, 12), ("plain", 50, 12)]
    assert found.first_at == STEP


def test_what_is_none_is_refused(book: dict[str, list[Built]]) -> None:
    with pytest.raises(NotFoundError, match="'other'"):
        report("other")
    with pytest.raises(ValidationError, match="no arm 'x'"):
        report(control="x")
    with pytest.raises(ValidationError, match="0 to 366 days"):
        report(within_days=-1)
