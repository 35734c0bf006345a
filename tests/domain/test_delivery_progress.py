"""Any order of the same receipts ends in the same progress, and nothing ever goes back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.deliveries import Told
from app.domain.delivery_progress import REASONS, Progress, progressed, reason_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RECEIPT = st.tuples(
    st.sampled_from(list(Told)),
    st.integers(0, 72 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    st.sampled_from([*REASONS, "unreachable", None]),
    st.booleans(),
)


def applied(before: Progress, receipts: list[tuple[Told, datetime, str | None, bool]]) -> Progress:
    for told, at, error_code, is_latest in receipts:
        before = progressed(before, told, at=at, attempt_at=NOON, error_code=error_code, is_latest=is_latest)
    return before


@given(
    st.sampled_from(["sending", "sent", "uncertain", "queued", "cancelled", "expired"]),
    st.lists(RECEIPT, max_size=6),
    st.randoms(use_true_random=False),
)
def test_every_order_of_receipts_ends_alike(state: str, receipts: list, random: object) -> None:
    before = Progress(state, "NO_RECEIPT" if state == "uncertain" else None, NOON if state == "sent" else None)
    mixed = list(receipts)
    random.shuffle(mixed)  # type: ignore[attr-defined]

    assert applied(before, mixed + mixed) == applied(before, receipts)


@pytest.mark.parametrize("state", ["queued", "stale", "cancelled", "expired"])
@pytest.mark.parametrize("told", list(Told))
def test_what_never_left_is_no_business_of_a_receipt(state: str, told: Told) -> None:
    if (state, told) == ("queued", Told.DELIVERED):
        pytest.skip("it did leave")
    before = Progress(state)

    assert progressed(before, told, at=NOON, attempt_at=NOON) == before


def test_what_waits_to_be_tried_again_and_has_arrived_after_all_is_at_its_end() -> None:
    assert progressed(Progress("queued"), Told.DELIVERED, at=NOON, attempt_at=NOON) == Progress(
        "delivered", None, NOON, NOON
    )


def test_delivered_is_the_end_and_keeps_the_earliest_instant() -> None:
    late, early = NOON + timedelta(hours=2), NOON + timedelta(hours=1)

    once = progressed(Progress("sent", sent_at=NOON), Told.DELIVERED, at=late, attempt_at=NOON)
    again = progressed(once, Told.DELIVERED, at=early, attempt_at=NOON)
    failed = progressed(again, Told.FAILED, at=late, attempt_at=NOON, error_code="bad_address")

    assert failed == Progress("delivered", None, NOON, early)


def test_a_failure_of_an_earlier_try_is_no_news() -> None:
    before = Progress("sent", sent_at=NOON)

    assert progressed(before, Told.FAILED, at=NOON, attempt_at=NOON, is_latest=False) == before


def test_a_late_delivery_takes_back_the_failure() -> None:
    failed = progressed(Progress("sent", sent_at=NOON), Told.FAILED, at=NOON, attempt_at=NOON, error_code="unreachable")

    assert (failed.state, failed.reason) == ("failed", "PROVIDER_REJECTED")
    assert progressed(failed, Told.DELIVERED, at=NOON, attempt_at=NOON) == Progress("delivered", None, NOON, NOON)


def test_why_the_engine_gave_up_stays() -> None:
    before = Progress("failed", "PROVIDER_DOWN")

    assert progressed(before, Told.FAILED, at=NOON, attempt_at=NOON, error_code="bad_address") == before


@pytest.mark.parametrize("code", [None, "", "something new", "unknown"])
def test_an_unknown_code_has_a_reason_too(code: str | None) -> None:
    assert reason_of(code) == "PROVIDER_REJECTED"
