"""What stands of what a borrower agreed to or refused."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.consents import (
    Consent,
    ConsentValues,
    check_consent,
    check_in_app,
    kept_refusals,
    revoked_by_stop,
    said,
    standing,
)
from app.domain.errors import ForbiddenError, ValidationError

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def told(*given: tuple[str, str, bool], origin: str = "ingest") -> list[Consent]:
    return [
        Consent(purpose, channel, yes, AT + timedelta(seconds=n), origin=origin)
        for n, (purpose, channel, yes) in enumerate(given)
    ]


def test_the_newest_of_each_purpose_and_channel_counts() -> None:
    stands = standing(told(("contact", "sms", False), ("contact", "push", False), ("contact", "sms", True)))

    assert (said(stands, "contact", "sms"), said(stands, "contact", "push")) == (True, False)
    assert said(stands, "contact", "voice") is None
    assert said(stands, "marketing", "sms") is None


def test_one_of_any_channel_takes_the_place_of_all_older_ones() -> None:
    stands = standing(told(("marketing", "sms", True), ("marketing", "any", False), ("marketing", "push", True)))

    assert [said(stands, "marketing", channel) for channel in ("sms", "push", "email")] == [False, True, False]
    assert set(stands) == {("marketing", "any"), ("marketing", "push")}


def test_a_stop_takes_back_texts_robots_and_offers_and_nothing_that_was_never_given() -> None:
    none = revoked_by_stop({}, "sms")
    some = revoked_by_stop(
        standing(told(("contact_by_text", "sms", True), ("automated_call", "any", True), ("credit_query", "any", True))),
        "sms",
    )
    again = revoked_by_stop(standing(told(("contact", "sms", False))), "sms")

    assert none == [ConsentValues("contact", "sms", False, "electronic")]
    assert [each.purpose for each in some] == ["contact", "contact_by_text", "automated_call"]
    assert again == []


def test_a_feed_does_not_undo_the_borrowers_own_refusal() -> None:
    yes = [ConsentValues("contact", "sms", True)]

    for origin in ("borrower", "text", "staff:Ann", "operator:Eve"):
        assert kept_refusals(standing(told(("contact", "sms", False), origin=origin)), yes) == yes
        assert kept_refusals(standing(told(("contact", "any", False), origin=origin)), yes) == yes
    assert kept_refusals(standing(told(("contact", "sms", False), origin="ingest")), yes) == []
    assert kept_refusals(standing(told(("contact", "sms", True), origin="text")), yes) == []
    assert (
        kept_refusals(standing(told(("contact", "sms", False), origin="text")), [ConsentValues("contact", "sms", False)])
        == []
    )


def test_some_consents_need_a_proof_that_a_tap_is_not() -> None:
    for purpose in ("extra_hours", "direct_contact_despite_attorney"):
        with pytest.raises(ForbiddenError, match="in writing"):
            check_in_app(ConsentValues(purpose, "any", True))
        check_in_app(ConsentValues(purpose, "any", False))
    check_in_app(ConsentValues("marketing", "sms", True))


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        (ConsentValues("fun", "sms", True), "/items/3/purpose"),
        (ConsentValues("contact", "fax", True), "/items/3/channel"),
        (ConsentValues("contact", "sms", True, "sung"), "/items/3/form"),
    ],
)
def test_what_is_no_consent_is_refused_where_it_is_wrong(values: ConsentValues, pointer: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_consent(values, pointer="/items/3")

    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_the_purposes_are_those_of_the_law_packs(shared: object) -> None:
    import json
    from pathlib import Path

    from app.domain.consents import CONTACT, PURPOSES

    assert isinstance(shared, Path)
    vocabulary = json.loads((shared / "rules" / "VOCABULARY.json").read_text())
    assert set(PURPOSES) - {CONTACT} == set(vocabulary["enums"]["consent_purpose"]["values"])
