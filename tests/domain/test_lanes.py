"""In which queue a message stands."""

import pytest

from app.domain.lanes import lane_of


@pytest.mark.parametrize(("state", "message_class", "channel", "lane"), [
    ("queued", "reminder", "push", "push"),
    ("sending", "collection", "letter", "letter"),
    ("stale", "reminder", "sms", "sms"),
    ("queued", "security", "sms", "security"),
    ("stale", "withdrawal", "push", "withdrawal"),
    ("sent", "reminder", "sms", "untold"),
    ("uncertain", "security", "sms", "uncertain"),
    ("sent", "withdrawal", "letter", "untold"),
    ("sent", "reminder", "push", None),
    ("uncertain", "reminder", "email", "uncertain"),
    ("delivered", "reminder", "sms", None),
    ("delivered", "reminder", "in_app", None),
    ("failed", "reminder", "letter", None),
    ("expired", "security", "sms", None),
    ("cancelled", "reminder", "voice", None),
])  # fmt: skip
def test_a_message_stands_in_the_lane_of_whoever_looks_at_it_next(
    state: str, message_class: str, channel: str, lane: str | None
) -> None:
    assert lane_of(state, message_class=message_class, channel=channel) == lane
