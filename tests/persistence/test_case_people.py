"""What a borrower said, as a case has it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from app.persistence.queries.case_people import take_consents
from app.persistence.queries.gathered import Gathered

AT = datetime(2026, 3, 1, tzinfo=UTC)


def stands(*said: tuple[str, bool]) -> set[str | None]:
    """Channels on which a consent to automated calls stands."""
    parts = Gathered(head=None)
    rows = [
        SimpleNamespace(purpose="automated_call", channel=channel, given=given, form="electronic",
                        recorded_at=AT + timedelta(days=no))
        for no, (channel, given) in enumerate(said)
    ]  # fmt: skip
    take_consents(parts, rows)
    return {consent.channel for consent in parts.consents if consent.withdrawn_at is None}


def test_a_consent_for_any_channel_is_one_for_all() -> None:
    assert stands(("any", True)) == {None}


def test_of_a_consent_for_any_channel_one_can_be_withdrawn() -> None:
    left = stands(("any", True), ("sms", False))

    assert None not in left
    assert "sms" not in left
    assert "voice" in left


def test_a_consent_withdrawn_for_any_channel_stands_on_none() -> None:
    assert stands(("any", True), ("sms", False), ("any", False)) == set()


def test_what_was_withdrawn_can_be_given_again() -> None:
    assert "sms" in stands(("any", True), ("sms", False), ("sms", True))
