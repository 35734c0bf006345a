"""What may be promised, and how a refusal says what is allowed."""

from datetime import date, timedelta
from typing import Any

import pytest

from app.domain.errors import ConflictError, ForbiddenError, ValidationError
from app.domain.promise_terms import Asked, Part, PromiseTerms, check_parts, read_terms
from app.services.promise_terms import terms_document, terms_of

TODAY = date(2026, 3, 2)
TERMS = PromiseTerms(30, 3, 2, 3, 180, 5, 365, {"USD": 500})


def asked(**changes: Any) -> Asked:
    return Asked(**{"today": TODAY, "currency": "USD", "owed_minor": 20_000, **changes})


def part(amount_minor: int = 10_000, days: int = 4) -> Part:
    return Part(amount_minor, TODAY + timedelta(days=days))


@pytest.mark.parametrize(
    "parts", [(part(),), (part(days=0),), (part(days=30),), (part(20_000),), (part(500),), (part(), part(days=11))]
)
def test_what_the_terms_allow_is_taken(parts: tuple[Part, ...]) -> None:
    check_parts(parts, asked(), TERMS, by_staff=False)


@pytest.mark.parametrize(
    ("parts", "pointer", "allowed"),
    [
        ((), "/parts", "at least one"),
        ((part(1_000), part(1_000, 5), part(1_000, 6)), "/parts", "At most 2 parts"),
        ((part(days=-1),), "/parts/0/promised_on", "from 2026-03-02 to 2026-04-01"),
        ((part(days=31),), "/parts/0/promised_on", "from 2026-03-02 to 2026-04-01"),
        ((part(), part()), "/parts/1/promised_on", "another day"),
        ((part(499),), "/parts/0/amount", "at least 5.00 USD"),
        ((part(20_001),), "/parts/0/amount", "at most 200.00 USD"),
        ((part(15_000), part(5_001, 9)), "/parts/1/amount", "at most 50.00 USD"),
        ((part(20_000), part(500, 9)), "/parts/1/amount", "all of it is promised"),
    ],
)
def test_a_refusal_points_at_the_field_and_says_what_is_allowed(parts: Any, pointer: str, allowed: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_parts(parts, asked(), TERMS, by_staff=False)

    assert [error.pointer for error in refused.value.errors] == [pointer]
    assert allowed in refused.value.errors[0].detail


def test_what_is_promised_already_counts() -> None:
    standing = asked(open=[part(15_000)])

    with pytest.raises(ValidationError, match=r"at most 50\.00 USD"):
        check_parts([part(5_001, 9)], standing, TERMS, by_staff=False)
    with pytest.raises(ValidationError, match="already"):
        check_parts([part(5_000)], standing, TERMS, by_staff=False)
    with pytest.raises(ValidationError, match="0 more can be made now"):
        check_parts([part(500, 9)], asked(open=[part(500, day) for day in (1, 2, 3)]), TERMS, by_staff=False)


def test_less_than_the_least_may_be_promised_where_no_more_is_owed() -> None:
    check_parts([part(300)], asked(owed_minor=300), TERMS, by_staff=False)


def test_nothing_is_promised_where_nothing_is_owed() -> None:
    with pytest.raises(ConflictError, match="Nothing is owed"):
        check_parts([part()], asked(owed_minor=0), TERMS, by_staff=False)


def test_after_several_that_were_not_kept_only_staff_takes_another() -> None:
    with pytest.raises(ForbiddenError, match="write to us or call"):
        check_parts([part()], asked(failed=3), TERMS, by_staff=False)
    check_parts([part()], asked(failed=2), TERMS, by_staff=False)
    check_parts([part()], asked(failed=3), TERMS, by_staff=True)


def test_after_several_that_were_given_up_only_staff_takes_another() -> None:
    with pytest.raises(
        ForbiddenError, match="5 promises were taken back, moved or not kept within 365 days; write to us or call"
    ):
        check_parts([part()], asked(lapsed=5, failed=2), TERMS, by_staff=False)
    check_parts([part()], asked(lapsed=4), TERMS, by_staff=False)
    check_parts([part()], asked(lapsed=5), TERMS, by_staff=True)


@pytest.mark.parametrize("jurisdiction", ["", *terms_document()["jurisdictions"]])
def test_under_no_terms_that_ship_promises_keep_reminders_back_for_ever(jurisdiction: str) -> None:
    terms = terms_of(jurisdiction)

    assert terms.most_lapsed * (terms.farthest_days + 1) < terms.lapsed_days


def test_the_terms_that_ship_have_a_layer_for_a_jurisdiction() -> None:
    assert terms_of("CN").farthest_days == 30
    assert terms_of("GB").farthest_days == 62
    assert terms_of("GB").most_open == terms_of("CN").most_open, "what the layer does not say is the common one's"
    assert terms_of("JP").least["CNY"] == 1_000


def test_a_layer_adds_currencies() -> None:
    document = {**terms_document(), "jurisdictions": {"JP": {"least": {"JPY": "500"}}}}

    assert read_terms(document, "JP").least["JPY"] == 500
    assert read_terms(document, "JP").least["USD"] == 500
