"""Where and when a rule applies, and the pre-filter of a pack that must never lose one."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.law.packs import content_version
from app.domain.law.results import ALLOW
from app.services.law_packs import get_pack, jurisdictions, vocabulary
from tests.builders.law import instant, law_rule, zones

BLOCK = {"test": "table", "rows": [{"when": {}, "then": {"verdict": "block"}}]}


def applies(at: str | None = "2026-11-23T12:00:00Z", facts: dict[str, Any] | None = None, **changes: Any) -> bool:
    return law_rule(BLOCK, **changes).evaluate(vocabulary().read_facts(facts or {}), instant(at)).verdict == "block"


@pytest.mark.parametrize(
    ("changes", "facts", "wanted"),
    [
        ({}, {}, True),
        ({"channels": ["sms"]}, {"channel": "sms"}, True),
        ({"channels": ["sms"]}, {"channel": "voice"}, False),
        ({"channels": ["sms"]}, {}, True),  # no contact: the list is not tested
        ({"message_classes": ["reminder"]}, {"message_class": "marketing"}, False),
        ({"message_classes": ["reminder"]}, {}, True),
        ({}, {"message_class": "security"}, False),
        ({"message_classes": ["security"]}, {"message_class": "security"}, True),
        ({"applies_when": {"acts": ["contact"]}}, {}, True),
        ({"applies_when": {"acts": ["charge"]}}, {}, False),
        ({"applies_when": {"lender_roles": ["third_party_collector"]}}, {}, True),
        ({"applies_when": {"lender_roles": ["third_party_collector"]}}, {"lender_role": "first_party"}, False),
        ({"applies_when": {"stages": ["overdue"]}}, {}, True),
        ({"applies_when": {"stages": ["overdue"]}}, {"stage": "due"}, False),
        ({"applies_when": {"licence_kinds": ["bank"]}}, {}, False),
        ({"applies_when": {"licence_kinds": ["bank"]}}, {"licence_kind": "bank"}, True),
        ({"applies_when": {"product_kinds": ["hcstc"]}}, {}, False),
        ({"applies_when": {"product_kinds": ["hcstc"]}}, {"product_kind": "hcstc"}, True),
        ({"applies_when": {"contract_signed_from": "2026-08-01"}}, {"contract": {"signed_on": "2026-08-01"}}, True),
        ({"applies_when": {"contract_signed_from": "2026-08-01"}}, {"contract": {"signed_on": "2026-07-31"}}, False),
        ({"applies_when": {"contract_signed_from": "2026-08-01"}}, {"contract": {}}, False),
        ({"applies_when": {"contract_signed_before": "2026-08-01"}}, {}, False),
        ({"applies_when": {"contract_signed_before": "2026-08-01"}}, {"contract": {"signed_on": "2026-08-01"}}, False),
        ({"applies_when": {"contract_signed_before": "2026-08-01"}}, {"contract": {"signed_on": "2026-07-31"}}, True),
    ],
)
def test_a_rule_applies_in_its_circumstances(changes: dict[str, Any], facts: dict[str, Any], wanted: bool) -> None:
    assert applies(facts=facts, **changes) is wanted


def test_a_rule_is_in_force_from_its_date_until_before_the_other_in_any_zone() -> None:
    dates = {"effective_from": "2027-01-01", "effective_until": "2027-02-01"}
    kolkata, both = {"zones": zones("Asia/Kolkata")}, {"zones": zones("America/New_York", "Asia/Kolkata")}

    assert not applies("2026-12-31T18:29:59Z", kolkata, **dates)
    assert applies("2026-12-31T18:30:00Z", kolkata, **dates)
    assert not applies("2026-12-31T18:30:00Z", {"zones": zones("America/New_York")}, **dates)
    assert applies("2026-12-31T18:30:00Z", both, **dates)
    assert not applies("2027-01-31T18:30:00Z", kolkata, **dates)
    assert applies("2027-01-31T18:30:00Z", both, **dates)  # it is still January in New York
    assert not applies("2026-12-31T23:59:59Z", **dates)
    assert applies(None, **dates)


def test_the_version_is_of_the_content_and_not_of_its_cases() -> None:
    document = {"jurisdiction": "X", "rules": [{"id": "A"}]}

    assert content_version(document) == content_version({"rules": [{"id": "A", "cases": [1]}], "jurisdiction": "X"})
    assert content_version(document) != content_version({"jurisdiction": "X", "rules": [{"id": "B"}]})


ENUMS = vocabulary().enums


@given(
    st.sampled_from(jurisdictions()),
    st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from([None, *sorted(ENUMS[name])])
            for name in ("act", "channel", "message_class", "stage", "lender_role", "licence_kind", "product_kind")
        },
    ),
)
def test_the_pre_filter_loses_no_rule_that_would_say_something(jurisdiction: str, facts: dict[str, Any]) -> None:
    pack = get_pack(jurisdiction)

    found = pack.rules_for(**facts)

    for rule in pack.rules:
        if rule not in found:
            assert rule.evaluate(facts, instant("2028-01-01T12:00:00Z")) is ALLOW
    assert pack.rules_for(**facts) is found
    engine = pack.rules_for(decided_by={"engine"}, **facts)
    assert engine == tuple(rule for rule in found if rule.decided_by == "engine")


def test_a_pack_knows_its_rules_and_date() -> None:
    pack = get_pack("CN")

    assert pack.as_of == date(2026, 11, 23)
    assert pack.rule(pack.rules[3].id) is pack.rules[3]
    assert pack.rule("NONE") is None
