"""Where a dispute may go, what each ground stops, which mark it leaves."""

from datetime import UTC, date, datetime

import pytest

from app.domain.disputes import (
    GROUNDS,
    KINDS,
    MOVES,
    OPEN,
    OUTCOMES,
    STATES,
    AnswerTerm,
    DisputeValues,
    check_answer,
    check_may_answer,
    check_move,
    check_new,
    law_facts,
    mark_of,
    request_facts,
    stops_reminders,
)
from app.domain.errors import ConflictError, ForbiddenError, ValidationError

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ALLOWED = {
    ("received", "under_review"), ("received", "upheld"), ("received", "partly_upheld"), ("received", "rejected"),
    ("received", "withdrawn"), ("under_review", "upheld"), ("under_review", "partly_upheld"), ("under_review", "rejected"),
    ("under_review", "withdrawn"), ("partly_upheld", "under_review"), ("rejected", "under_review"),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("to", STATES)
def test_a_case_takes_the_steps_of_the_table_and_no_others(state: str, to: str) -> None:
    if (state, to) in ALLOWED:
        check_move(state, to)
        return
    with pytest.raises(ConflictError, match=r"answer it|escalates it|open a new one"):
        check_move(state, to)


def test_the_table_speaks_of_every_state() -> None:
    assert set(MOVES) == set(STATES) == {*OPEN, *OUTCOMES, "withdrawn"}


@pytest.mark.parametrize(
    ("kind", "ground", "stops"),
    [
        *(("dispute", ground, True) for ground in GROUNDS),
        ("objection", "credit_report_wrong", False),
        ("objection", "not_mine", True),
        ("complaint", "other", False),
        ("complaint", "already_paid", True),
    ],
)
def test_reminders_stop_where_the_debt_is_in_question(kind: str, ground: str, stops: bool) -> None:
    assert stops_reminders(kind, ground) is stops


@pytest.mark.parametrize(
    ("kind", "state", "mark"),
    [
        ("dispute", "received", "XB"), ("objection", "under_review", "XB"), ("dispute", "rejected", "XC"),
        ("dispute", "partly_upheld", "XC"), ("dispute", "upheld", "XH"), ("objection", "withdrawn", "XH"),
        *(("complaint", state, None) for state in STATES),
    ],
)  # fmt: skip
def test_the_mark_on_a_credit_report_follows_the_state(kind: str, state: str, mark: str | None) -> None:
    assert mark_of(kind, state) == mark


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        (DisputeValues("quarrel", "other", "x"), "/kind"),
        (DisputeValues("dispute", "bad_mood", "x"), "/ground"),
        (DisputeValues("dispute", "credit_report_wrong", "x"), "/kind"),
        (DisputeValues("dispute", "not_mine", "x", 100, "EUR"), "/amount"),
        (DisputeValues("dispute", "not_mine", "x", 0, "CNY"), "/amount"),
        (DisputeValues("dispute", "not_mine", "x", 1_001, "CNY"), "/amount"),
    ],
)
def test_what_cannot_be_disputed_is_refused_at_its_field(values: DisputeValues, pointer: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_new(values, currency="CNY", outstanding_minor=1_000)

    assert [each.pointer for each in refused.value.errors] == [pointer]


def test_every_kind_and_all_that_is_owed_can_be_disputed() -> None:
    for kind in KINDS:
        check_new(DisputeValues(kind, "other", "x", 1_000, "CNY"), currency="CNY", outstanding_minor=1_000)
        check_new(DisputeValues(kind, "other", "x"), currency="CNY", outstanding_minor=0)


def test_what_was_escalated_is_answered_by_seniors() -> None:
    for role in ("agent", "supervisor", "compliance", "admin"):
        check_may_answer(role, is_escalated=False)
        if role != "agent":
            check_may_answer(role, is_escalated=True)
    with pytest.raises(ForbiddenError, match="supervisor"):
        check_may_answer("agent", is_escalated=True)


@pytest.mark.parametrize(
    ("outcome", "upheld", "amount"), [("upheld", 5, 10), ("rejected", 5, 10), ("partly_upheld", 10, 10), ("maybe", None, 10)]
)
def test_an_answer_upholds_a_part_only_where_it_says_so(outcome: str, upheld: int | None, amount: int) -> None:
    with pytest.raises(ValidationError):
        check_answer(outcome, upheld_minor=upheld, amount_minor=amount)
    check_answer("partly_upheld", upheld_minor=5, amount_minor=10)
    check_answer("partly_upheld", upheld_minor=5, amount_minor=None)


def test_the_last_day_counts_from_the_day_it_came() -> None:
    assert AnswerTerm(20, None, "house rule", None).due_on(date(2026, 3, 7)) == date(2026, 3, 27)


def test_the_law_packs_are_told_what_is_disputed_and_how_it_ended() -> None:
    whole = law_facts("already_paid", amount_minor=None, received_at=AT)
    part = law_facts("already_paid", amount_minor=5, received_at=AT, resolved_at=AT, state="rejected")
    taken_back = law_facts("not_mine", amount_minor=None, received_at=AT, resolved_at=AT, state="withdrawn")

    assert whole == {
        "ground": "nonexistent", "received_at": "2026-03-02T09:00:00Z", "written": True, "disputed_minor": None
    }  # fmt: skip
    assert (part["ground"], part["disputed_minor"], part["outcome"]) == ("amount", 5, "verified")
    assert "outcome" not in taken_back
    assert taken_back["resolved_at"] == "2026-03-02T09:00:00Z"
    assert request_facts("complaint", received_at=AT) == {"kind": "complaint", "received_at": "2026-03-02T09:00:00Z"}
