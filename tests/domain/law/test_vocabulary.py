"""Facts and expectations are typed; whatever the vocabulary does not know is refused by its place."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from app.domain.law.faults import LawDocumentError
from app.domain.law.packs import read_pack, read_rule
from app.domain.law.vocabulary import read_vocabulary
from app.services.law_packs import vocabulary
from tests.builders.law import law_rule


def test_facts_are_read_to_values_of_their_type() -> None:
    facts = vocabulary().read_facts(
        {
            "channel": "sms",
            "public_holidays": ["2026-12-25"],
            "total_increase_pct": "5.00",
            "prior_contacts": 0,
            "contact_preferences": [
                {"kind": "not_before", "from": "10:00", "recorded_at": "2026-11-01T12:00:00Z", "channel": None},
            ],
            "position": {"settled_on": None, "overdue_minor": 7},
        }
    )

    assert facts["public_holidays"] == (date(2026, 12, 25),)
    assert facts["total_increase_pct"] == Decimal("5.00")
    (wish,) = facts["contact_preferences"]
    assert wish["from"] == time(10)
    assert wish["recorded_at"] == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert facts["position"] == {"settled_on": None, "overdue_minor": 7}


@pytest.mark.parametrize(
    ("facts", "pointer"),
    [
        ({"chanel": "sms"}, "/facts/chanel"),
        ({"channel": "fax"}, "/facts/channel"),
        ({"prior_contacts": "1"}, "/facts/prior_contacts"),
        ({"prior_contacts": True}, "/facts/prior_contacts"),
        ({"total_increase_pct": 5}, "/facts/total_increase_pct"),
        ({"identity_verified": 1}, "/facts/identity_verified"),
        ({"pay_by_on": "2026-02-30"}, "/facts/pay_by_on"),
        ({"pay_by_on": "2026-11-23T00:00:00Z"}, "/facts/pay_by_on"),
        ({"holds": [{"kind": "represented"}]}, "/facts/holds/0/from"),
        ({"holds": [{"kind": "represented", "from": None}]}, "/facts/holds/0/from"),
        ({"holds": [{"kind": "represented", "from": "2026-11-23T10:00:00"}]}, "/facts/holds/0/from"),
        ({"holds": [{"kind": "represented", "from": "2026-11-23T10:00:00Z", "since": 1}]}, "/facts/holds/0/since"),
        ({"holds": {"kind": "represented"}}, "/facts/holds"),
        ({"debit": {"attempts": [{"at": "2026-11-23T10:00:00Z"}]}}, "/facts/debit/attempts/0/succeeded"),
        ({"content": ["amount", "colour"]}, "/facts/content/1"),
        ({"contact_preferences": [{"kind": "not_before", "recorded_at": "2026-11-01T12:00:00Z", "from": "24:00"}]},
         "/facts/contact_preferences/0/from"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_vocabulary_is_refused_by_its_place(facts: dict[str, Any], pointer: str) -> None:
    with pytest.raises(LawDocumentError) as refusal:
        vocabulary().read_facts(facts)

    assert [fault.pointer for fault in refusal.value.errors] == [pointer]


def test_every_fault_is_listed_and_the_nearest_name_is_offered() -> None:
    with pytest.raises(LawDocumentError) as refusal:
        vocabulary().read_facts({"chanel": "sms", "stage": "late", "debt": 5})

    assert [fault.pointer for fault in refusal.value.errors] == ["/facts/chanel", "/facts/stage", "/facts/debt"]
    assert "did you mean 'channel'?" in refusal.value.errors[0].detail


@pytest.mark.parametrize(
    "expect",
    [
        {"verdict": "maybe"},
        {"verdikt": "allow"},
        {"values": {"cap": "1.00"}},
        {"values": {"cap_pct": 1.5}},
        {"values": {"bucket": "SMA9"}},
        {"tasks": ["sing"]},
        {"missing": ["sing"]},
        {"until": "2026-11-23"},
    ],
)
def test_expectations_are_of_the_vocabulary_too(expect: dict[str, Any]) -> None:
    with pytest.raises(LawDocumentError):
        vocabulary().read_expect(expect)


def test_an_expectation_may_name_markers_notices_events_and_consents_as_missing() -> None:
    words = ["borrower_zone", "transfer_notice", "impact_assessment", "automated_call"]

    assert vocabulary().read_expect({"missing": words})["missing"] == tuple(words)


def test_an_absent_fact_means_what_the_vocabulary_says_of_it() -> None:
    defaults = vocabulary().defaults

    assert defaults["act"] == "contact"
    assert defaults["lender_role"] == "third_party_collector"
    assert defaults["region"] == "england_wales"
    assert defaults["replies_sent"] == 0
    assert defaults["debt_advice_known"] is True
    assert "stage" not in defaults
    assert "prior_contacts" not in defaults


def test_a_document_that_is_no_vocabulary_is_refused() -> None:
    with pytest.raises(LawDocumentError):
        read_vocabulary({"facts": []})


@pytest.mark.parametrize(
    ("test", "pointer"),
    [
        ({"test": "windows"}, "test"),
        ({"test": "window", "allow_from": "08:00", "allow_to": "21:00", "until": "22:00"}, "until"),
        ({"test": "window", "allow_from": "8", "allow_to": "21:00"}, "allow_from"),
        ({"test": "window", "allow_from": "08:00", "allow_to": "21:00", "always_zone": "Mars/Base"}, "always_zone"),
        ({"test": "window", "allow_from": "08:00", "allow_to": "21:00", "preferences": "some"}, "preferences"),
        ({"test": "cap", "limits": []}, "limits"),
        ({"test": "cap", "limits": [{"max": 1, "hours": 2}]}, "limits/0/hours"),
        ({"test": "cap", "limits": [{"max": 1}], "channels": ["fax"]}, "channels/0"),
        ({"test": "content_required", "markers": ["colour"]}, "markers/0"),
        ({"test": "content_forbidden", "patterns": ["("]}, "patterns/0"),
        ({"test": "wait", "days": 1, "anchor": {"list": "holds", "field": "kind"}}, "anchor/field"),
        ({"test": "wait", "days": 1, "anchor": {"fact": "position.debts"}}, "anchor/fact"),
        ({"test": "deadline", "anchor": {"fact": "position.settled_on"}}, "days"),
        ({"test": "retention", "anchor": {"*": "made_on"}, "years": 1}, "anchor"),
        ({"test": "table", "rows": [{"when": {}, "then": {}}]}, "rows/0/then"),
        ({"test": "table", "rows": [{"when": {"colour": "red"}, "then": {"verdict": "block"}}]}, "rows/0/when/colour"),
        ({"test": "table", "rows": [{"when": {"channel": "fax"}, "then": {"verdict": "block"}}]}, "rows/0/when/channel"),
        ({"test": "table", "rows": [{"when": {"content": {"has": []}}, "then": {"verdict": "block"}}]},
         "rows/0/when/content/has"),
        ({"test": "table", "rows": [{"when": {"holds": {"any": {"colour": 1}}}, "then": {"verdict": "block"}}]},
         "rows/0/when/holds/any/colour"),
        ({"test": "table", "rows": [{"when": {"notices": {"any": {"active": True}}}, "then": {"verdict": "block"}}]},
         "rows/0/when/notices/any/active"),
        ({"test": "table", "rows": [{"when": {"debt": {"gt": 1}}, "then": {"verdict": "block"}}]}, "rows/0/when/debt/gt"),
        ({"test": "table", "rows": [{"when": {"debt": {"eq_fact": "position.owed"}}, "then": {"verdict": "block"}}]},
         "rows/0/when/debt/eq_fact"),
        ({"test": "irr", "needs": {"colour": 1}}, "needs/colour"),
    ],
)  # fmt: skip
def test_a_rule_is_refused_where_its_tests_leave_the_vocabulary(test: dict[str, Any], pointer: str) -> None:
    with pytest.raises(LawDocumentError) as refusal:
        law_rule(test)

    assert f"/params/tests/0/{pointer}" in [fault.pointer for fault in refusal.value.errors]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"channels": ["fax"]}, "/channels/0"),
        ({"evidence": "sure"}, "/evidence"),
        ({"applies_when": {"act": ["contact"]}}, "/applies_when/act"),
        ({"applies_when": {"acts": ["dance"]}}, "/applies_when/acts/0"),
        ({"effective_from": "soon"}, "/effective_from"),
        ({"colour": 1}, "/colour"),
        ({"params": {}}, "/params/tests"),
    ],
)
def test_a_rule_is_refused_where_its_fields_leave_the_vocabulary(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(LawDocumentError) as refusal:
        law_rule(**change)

    assert pointer in [fault.pointer for fault in refusal.value.errors]


def test_a_pack_names_the_faults_of_all_its_rules() -> None:
    rules = [{"id": "A", "params": {"tests": [{"test": "no"}]}}, {"id": "B", "params": {"tests": [{"test": "neither"}]}}]

    with pytest.raises(LawDocumentError) as refusal:
        read_pack({"jurisdiction": "X", "rules": rules}, vocabulary())

    pointers = {fault.pointer for fault in refusal.value.errors}
    assert {"/rules/0/params/tests/0/test", "/rules/1/params/tests/0/test"} <= pointers


def test_a_rule_that_is_no_object_is_refused() -> None:
    with pytest.raises(LawDocumentError):
        read_rule([], vocabulary())
