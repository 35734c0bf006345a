"""The packs that are shipped: all can be read, each governs whom it is for, and rules are found by id."""

import pytest

from app.domain.errors import NotFoundError
from app.services.law_packs import EU_MEMBERS, find_rule, get_pack, get_rule, jurisdictions, pack_for


def test_every_pack_is_read() -> None:
    assert jurisdictions() == ("CN", "DEFAULT", "EU", "IN", "UK", "US")
    assert all(get_pack(name).rules for name in jurisdictions())


@pytest.mark.parametrize(
    ("jurisdiction", "pack"),
    [
        ("CN", "CN"),
        ("US", "US"),
        ("us", "US"),
        ("GB", "UK"),
        ("UK", "UK"),
        ("IN", "IN"),
        ("EU", "EU"),
        ("DE", "EU"),
        ("HR", "EU"),
    ],
)
def test_a_jurisdiction_or_a_country_has_its_pack(jurisdiction: str, pack: str) -> None:
    governing = pack_for(jurisdiction)

    assert (governing.pack.jurisdiction, governing.is_missing, governing.law_pack) == (pack, False, pack)


@pytest.mark.parametrize("jurisdiction", ["BR", "CH", "NO", "HK", "", None, "DEFAULT", "VOCABULARY"])
def test_elsewhere_the_default_pack_stands_in_and_says_so(jurisdiction: str | None) -> None:
    governing = pack_for(jurisdiction)

    assert (governing.pack.jurisdiction, governing.is_missing, governing.law_pack) == ("DEFAULT", True, None)


def test_the_union_has_twenty_seven_members() -> None:
    assert len(EU_MEMBERS) == 27


def test_a_rule_is_found_by_its_id_and_a_near_miss_is_told() -> None:
    assert get_rule("uk-breathing").jurisdiction == "UK"
    assert find_rule("UK-BREATHING") is get_rule("UK-BREATHING")
    assert find_rule("UK-NOTHING") is None
    with pytest.raises(NotFoundError, match="Did you mean UK-BREATHING"):
        get_rule("UK-BREATHNG")
    with pytest.raises(NotFoundError, match="known: CN"):
        get_pack("XX")
