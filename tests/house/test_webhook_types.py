"""docs/webhooks.md says what the catalogue of events says, and every type of it has a name of the right form."""

import re
from pathlib import Path

from app.domain.webhook_catalogue import KNOWN_TYPES, event_types
from app.domain.webhooks import EVENT_TYPE, TEST_TYPE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"


def test_every_event_of_the_catalogue_has_its_row() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert rows == list(event_types())


def test_every_type_is_noun_verb_version() -> None:
    assert [each for each in sorted(KNOWN_TYPES) if not EVENT_TYPE.fullmatch(each)] == []
    assert TEST_TYPE in KNOWN_TYPES
