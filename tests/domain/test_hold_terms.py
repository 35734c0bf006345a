"""What a hold may say: days, ends, and whose word or hand it takes."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import ConflictError, ForbiddenError, ValidationError
from app.domain.hold_terms import (
    BORROWER_KINDS,
    ENDING_KINDS,
    KINDS,
    OPEN_KINDS,
    SENIOR_KINDS,
    HoldValues,
    check_may_lift,
    check_may_put,
    check_told_again,
    completed,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_a_breathing_space_ends_with_its_sixtieth_day_where_it_is_counted() -> None:
    in_london = completed(HoldValues("breathing_space", datetime(2026, 11, 1, tzinfo=UTC)), now=NOW, zone="Europe/London")
    over_the_clock_change = completed(
        HoldValues("breathing_space", datetime(2026, 9, 1, 22, 30, tzinfo=UTC)), now=NOW, zone="Europe/London"
    )

    assert in_london.until_at == datetime(2026, 12, 31, tzinfo=UTC)
    assert over_the_clock_change.until_at == datetime(2026, 10, 31, tzinfo=UTC)  # from 23:30 BST on 1 September


def test_a_breathing_space_may_be_told_another_end() -> None:
    told = NOW + timedelta(days=20)

    assert completed(HoldValues("breathing_space", NOW, told), now=NOW, zone="UTC").until_at == told


def test_a_mental_health_crisis_is_open_and_may_get_an_end() -> None:
    assert completed(HoldValues("mental_health_crisis"), now=NOW, zone="UTC").until_at is None
    assert completed(HoldValues("mental_health_crisis", NOW, NOW + timedelta(30)), now=NOW, zone="UTC").until_at is not None


@pytest.mark.parametrize("kind", sorted(OPEN_KINDS))
def test_what_no_day_ends_takes_no_until(kind: str) -> None:
    assert completed(HoldValues(kind), now=NOW, zone="UTC").until_at is None
    with pytest.raises(ValidationError, match="leave until out, and release it"):
        completed(HoldValues(kind, None, NOW + timedelta(days=9)), now=NOW, zone="UTC")


@pytest.mark.parametrize("kind", sorted(ENDING_KINDS))
def test_what_would_silence_for_ever_needs_an_until(kind: str) -> None:
    with pytest.raises(ValidationError, match="needs until"):
        completed(HoldValues(kind), now=NOW, zone="UTC")


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        (HoldValues("on_holiday"), "/kind"),
        (HoldValues("dispute", NOW, NOW), "/until"),
        (HoldValues("dispute", NOW, NOW - timedelta(seconds=1)), "/until"),
        (HoldValues("dispute", NOW, NOW + timedelta(days=4000)), "/until"),
        (HoldValues("dispute", NOW + timedelta(days=400)), "/from"),
        (HoldValues("dispute", NOW - timedelta(days=4000)), "/from"),
        (HoldValues("breathing_space", datetime(9999, 12, 30, tzinfo=UTC)), "/from"),
        (HoldValues("dispute", form="smoke signals"), "/form"),
        (HoldValues("dispute", evidence="  "), "/evidence"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_wrong(values: HoldValues, pointer: str) -> None:
    with pytest.raises(ValidationError) as refused:
        completed(values, now=NOW, zone="UTC")

    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_a_hold_may_begin_in_the_past_or_soon() -> None:
    for from_at in (NOW - timedelta(days=90), NOW + timedelta(days=9)):
        assert completed(HoldValues("dispute", from_at), now=NOW, zone="UTC").from_at == from_at
    assert completed(HoldValues("dispute"), now=NOW, zone="UTC").from_at == NOW


def test_another_hold_under_a_known_reference_is_refused() -> None:
    recorded = {"kind": "dispute", "from_at": NOW, "loan_no": None}

    check_told_again(HoldValues("dispute"), **recorded)
    check_told_again(HoldValues("dispute", NOW), **recorded)
    for other in (HoldValues("hardship"), HoldValues("dispute", loan_no="L1"), HoldValues("dispute", NOW + timedelta(1))):
        with pytest.raises(ConflictError, match="another reference"):
            check_told_again(other, **recorded)


def test_a_borrowers_word_makes_some_holds_and_no_others() -> None:
    for kind in KINDS:
        check_may_put(kind, by_borrower=False)
        if kind in BORROWER_KINDS:
            check_may_put(kind, by_borrower=True)
        else:
            with pytest.raises(ForbiddenError):
                check_may_put(kind, by_borrower=True)


def test_what_protects_by_law_is_lifted_by_seniors() -> None:
    for kind in KINDS:
        for role in ("supervisor", "compliance", "admin", None):
            check_may_lift(kind, role)
        if kind in SENIOR_KINDS:
            with pytest.raises(ForbiddenError, match="supervisor, compliance or admin"):
                check_may_lift(kind, "agent")
        else:
            check_may_lift(kind, "agent")
