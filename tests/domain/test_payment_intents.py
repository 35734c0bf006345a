"""Payment intents: how providers' words move them, what is believed, what may be paid."""

import itertools
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.errors import ValidationError
from app.domain.money import Money
from app.domain.payment_intents import (
    CANCELLABLE,
    IntentFacts,
    IntentState,
    IntentTimes,
    PaymentEvent,
    Told,
    WhyRefused,
    check_amount,
    next_state,
    paid_on,
    why_refused,
)

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
_INTENT = IntentFacts("stripe", 10_000, "EUR", is_live=True, provider_reference="cs_1")
_PAID = {"event_id": "e1", "kind": "payment_intent.succeeded", "told": Told.SUCCEEDED, "intent_id": "i",
         "amount_minor": 10_000, "currency": "EUR", "is_live": True}  # fmt: skip

MOVES = {
    (state, told): after
    for state, row in {
        "created": "pending pending processing expired cancelled failed succeeded",
        "pending": "- - processing expired cancelled failed succeeded",
        "processing": "- - - expired cancelled failed succeeded",
        "expired": "- - - - cancelled failed succeeded",
        "cancelled": "- - - - - failed succeeded",
        "failed": "- - - - - - succeeded",
        "succeeded": "- - - - - - -",
    }.items()
    for told, after in zip(
        ("pending", "declined", "processing", "expired", "cancelled", "failed", "succeeded"), row.split(), strict=True
    )
}


@pytest.mark.parametrize(
    ("state", "told"), [*MOVES, *((state, told) for state in IntentState for told in ("refunded", "disputed"))]
)
def test_each_state_is_left_as_the_table_says(state: str, told: str) -> None:
    after = MOVES.get((state, told), "-")

    assert next_state(IntentState(state), Told(told)) == (None if after == "-" else after)


def _end(tolds: "tuple[Told, ...]") -> IntentState:
    state = IntentState.CREATED
    for told in tolds:
        state = next_state(state, told) or state
    return state


def test_any_order_of_the_same_events_ends_in_the_same_state() -> None:
    for count in (2, 3, 4):
        for some in itertools.combinations_with_replacement(Told, count):
            assert len({_end(order) for order in itertools.permutations(some)}) == 1, some
    chance = random.Random(6)
    for _ in range(500):
        told = [chance.choice(list(Told)) for _ in range(chance.randint(1, 12))]
        again = [*told, *chance.choices(told, k=3)]
        chance.shuffle(again)
        assert _end(tuple(told)) == _end(tuple(again))


def _end_with_our_clock(tolds: "tuple[Told | None, ...]") -> tuple[IntentState, bool]:
    """As `_end`; None: our own clock ends an open page."""
    state, ran_out_here = IntentState.CREATED, False
    for told in tolds:
        if told is None:
            if state in CANCELLABLE:
                state, ran_out_here = IntentState.EXPIRED, True
            continue
        after = next_state(state, told, ran_out_here=ran_out_here)
        if after is not None:
            state, ran_out_here = after, False
    return state, ran_out_here


def test_whenever_our_own_clock_ends_it_the_providers_words_end_the_same() -> None:
    for count in (1, 2, 3):
        for some in itertools.combinations_with_replacement(Told, count):
            ends = {_end_with_our_clock(order) for order in itertools.permutations([*some, None])}
            own = _end(some)
            assert ends == {(IntentState.EXPIRED, True) if own in CANCELLABLE else (own, False)}, some


@pytest.mark.parametrize(
    ("tolds", "end"),
    [
        ((Told.PENDING, None, Told.PROCESSING), "processing"),
        ((Told.PENDING, None, Told.PENDING), "expired"),
        ((Told.PENDING, None, Told.DECLINED), "expired"),
        ((Told.PENDING, None, Told.PROCESSING, Told.EXPIRED), "expired"),
        ((Told.PENDING, None, Told.EXPIRED, Told.PROCESSING), "expired"),
        ((Told.PENDING, Told.EXPIRED, None, Told.PROCESSING), "expired"),
        ((Told.PENDING, None, Told.CANCELLED, Told.PROCESSING), "cancelled"),
    ],
)
def test_money_on_its_way_counts_after_our_own_end_and_not_after_the_providers(
    tolds: "tuple[Told | None, ...]", end: str
) -> None:
    assert _end_with_our_clock(tolds)[0] == end


@pytest.mark.parametrize("ended", [Told.EXPIRED, Told.CANCELLED, Told.FAILED])
def test_money_that_comes_after_the_end_counts(ended: Told) -> None:
    assert _end((Told.PENDING, ended, Told.SUCCEEDED)) == "succeeded"
    assert _end((Told.SUCCEEDED, ended)) == "succeeded"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"amount_minor": 1}, WhyRefused.OTHER_AMOUNT),
        ({"amount_minor": None}, WhyRefused.OTHER_AMOUNT),
        ({"currency": "USD"}, WhyRefused.OTHER_CURRENCY),
        ({"currency": None}, WhyRefused.OTHER_CURRENCY),
        ({"is_live": False}, WhyRefused.OTHER_MODE),
        ({"provider_reference": "cs_2"}, WhyRefused.OTHER_REFERENCE),
        ({"provider_reference": "cs_1", "payment_reference": "pi_9"}, None),
        ({"told": Told.EXPIRED, "amount_minor": None, "currency": None}, None),
        ({"told": Told.EXPIRED, "amount_minor": 5}, WhyRefused.OTHER_AMOUNT),
        ({"told": Told.REFUNDED, "amount_minor": 300}, None),
    ],
)
def test_what_does_not_fit_the_intent_is_refused(changed: "dict[str, object]", why: WhyRefused | None) -> None:
    assert why_refused(PaymentEvent(**{**_PAID, **changed}), _INTENT, provider="stripe") == why  # type: ignore[arg-type]


def test_an_event_of_no_intent_or_of_another_provider_is_refused() -> None:
    event = PaymentEvent(**_PAID)  # type: ignore[arg-type]

    assert why_refused(event, None, provider="stripe") is WhyRefused.UNKNOWN_INTENT
    assert why_refused(event, _INTENT, provider="hosted") is WhyRefused.OTHER_PROVIDER


@pytest.mark.parametrize("minor", [1, 9_999, 10_000])
def test_from_one_unit_to_all_that_is_owed_may_be_paid(minor: int) -> None:
    check_amount(Money(minor, "EUR"), currency="EUR", most_minor=10_000)


@pytest.mark.parametrize(
    ("minor", "currency", "most", "says"),
    [(0, "EUR", 10, "smallest"), (-1, "EUR", 10, "smallest"), (11, "EUR", 10, r"more than pays.*at most 0\.10 EUR\.$"),
     (5, "USD", 10, "in EUR"),
     (1, "EUR", 0, "Nothing is owed")],
)  # fmt: skip
def test_another_amount_is_refused_with_words(minor: int, currency: str, most: int, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        check_amount(Money(minor, currency), currency="EUR", most_minor=most)


def test_the_value_date_is_the_day_of_the_payment_where_the_loan_is_and_never_ahead() -> None:
    assert paid_on(datetime(2026, 11, 25, 16, 30, tzinfo=UTC), now=NOW, zone="Asia/Shanghai") == date(2026, 11, 26)
    assert paid_on(NOW + timedelta(days=3), now=NOW, zone="UTC") == date(2026, 11, 26)
    assert paid_on(None, now=NOW, zone="UTC") == date(2026, 11, 26)


def test_the_provider_is_asked_after_2_10_and_60_minutes_and_at_the_end_of_its_page_and_then_no_more() -> None:
    at, asked = NOW, []
    while (following := IntentTimes().next_ask(
        IntentState.PENDING, created_at=NOW, expires_at=NOW + timedelta(minutes=90), now=at
    )) is not None:  # fmt: skip
        at = following
        asked.append(int((at - NOW).total_seconds() // 60))

    assert asked == [2, 10, 60, 92]


def test_money_on_its_way_holds_reminders_back_for_days_and_an_open_page_for_half_an_hour() -> None:
    times = IntentTimes()

    assert times.hold_until(IntentState.PROCESSING, now=NOW) == NOW + timedelta(days=7)
    assert times.hold_until(IntentState.PENDING, now=NOW) == NOW + timedelta(minutes=30)
    assert IntentTimes(pending_hold_minutes=0).hold_until(IntentState.PENDING, now=NOW) is None
    assert times.hold_until(IntentState.FAILED, now=NOW) is None
