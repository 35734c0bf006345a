"""Every matcher of the vocabulary's table, also where no pack uses it so."""

from typing import Any

import pytest

from tests.builders.law import NOON, attempt, holds, zones

HOLD = {"kind": "represented", "from": "2026-11-10T15:00:00Z"}


@pytest.mark.parametrize(
    ("matcher", "facts", "wanted"),
    [
        ({"channel": "sms"}, {"channel": "sms"}, True),
        ({"channel": "sms"}, {"channel": "voice"}, False),
        ({"channel": "sms"}, {}, False),
        ({"channel": None}, {}, True),
        ({"channel": None}, {"channel": None}, True),
        ({"channel": None}, {"channel": "sms"}, False),
        ({"channel": ["sms", None]}, {}, True),
        ({"channel": ["sms", "voice"]}, {"channel": "voice"}, True),
        ({"channel": {"not": ["sms", None]}}, {}, False),
        ({"channel": {"not": "sms"}}, {}, True),
        ({"channel": {"not": {"not": "sms"}}}, {"channel": "sms"}, True),
        ({"channel": {"present": True}}, {"channel": None}, False),
        ({"channel": {"present": False}}, {"channel": None}, True),
        # An absent fact means what its `absent` says; null is known to be absent.
        ({"recipient": "borrower"}, {}, True),
        ({"recipient": None}, {}, True),
        ({"visibility": {"not": "private"}}, {}, False),
        ({"visibility": {"not": "private"}}, {"visibility": "group"}, True),
        ({"replies_sent": 0}, {}, True),
        ({"debt_advice_known": False}, {}, False),
        ({"automation.human_involved": False}, {}, True),
        ({"act": "contact"}, {}, True),
        # Objects and lists.
        ({"cost_statement": None}, {"cost_statement": None}, True),
        ({"cost_statement": None}, {"cost_statement": {}}, False),
        ({"content": None}, {"content": []}, False),
        ({"content": {"present": True}}, {"content": []}, True),
        ({"endpoint.kind": "work"}, {"endpoint": {"kind": "work"}}, True),
        ({"endpoint.kind": None}, {}, True),
        ({"endpoint.kind": None}, {"endpoint": None}, True),
        ({"endpoint": {"present": True}, "channel": "sms"}, {"endpoint": {}, "channel": "voice"}, False),
        ({"content": {"has_any": ["amount"]}}, {"content": ["balance", "amount"]}, True),
        ({"content": {"has_any": ["amount"]}}, {"content": []}, False),
        ({"content": {"has_any": ["amount"]}}, {}, False),
        ({"content": {"has_none": ["amount"]}}, {}, True),
        ({"content": {"has_none": ["amount"]}}, {"content": ["amount"]}, False),
        ({"content": {"lacks_any": ["amount", "balance"]}}, {"content": ["amount"]}, True),
        ({"content": {"lacks_any": ["amount"]}}, {"content": ["amount"]}, False),
        ({"content": {"lacks_any": ["amount"]}}, {}, False),
        ({"content": {"lacks_any": ["amount"]}}, {"content": []}, True),
        ({"content": {"only": ["amount", "balance"]}}, {"content": ["amount"]}, True),
        ({"content": {"only": ["amount"]}}, {"content": ["amount", "balance"]}, False),
        ({"content": {"only": ["amount"]}}, {"content": []}, False),
        ({"content": {"only": ["amount"]}}, {}, False),
        ({"content": {"has_any": ["amount"], "lacks_any": ["balance"]}}, {"content": ["amount"]}, True),
        ({"content": {"not": {"has_any": ["amount"]}}}, {}, True),
        ({"publication.fields": {"has_any": ["name"]}}, {"publication": {"fields": ["name"]}}, True),
        # Order.
        ({"prior_contacts": {"gte": 1}}, {"prior_contacts": 1}, True),
        ({"prior_contacts": {"gt": 1}}, {"prior_contacts": 1}, False),
        ({"prior_contacts": {"lt": 1}}, {}, False),
        ({"prior_contacts": {"gt": 0, "lte": 3}}, {"prior_contacts": 3}, True),
        ({"total_increase_pct": {"gt": "5.00"}}, {"total_increase_pct": "5.000"}, False),
        ({"total_increase_pct": {"gt": 5}}, {"total_increase_pct": "5.01"}, True),
        ({"total_increase_pct": "5.0"}, {"total_increase_pct": "5.00"}, True),
        ({"pay_by_on": {"lt": "2026-11-24"}}, {"pay_by_on": "2026-11-23"}, True),
        ({"pay_by_on": {"lte": "2026-11-22"}}, {"pay_by_on": "2026-11-23"}, False),
        # Against another fact.
        ({"charge.amount_minor": {"gt_fact": "position.overdue_minor"}},
         {"charge": {"kind": "penal_charge", "amount_minor": 2}, "position": {"overdue_minor": 1}}, True),
        ({"charge.amount_minor": {"gt_fact": "position.overdue_minor"}},
         {"charge": {"kind": "penal_charge", "amount_minor": 2}}, False),
        ({"charge.amount_minor": {"lt_fact": "position.overdue_minor"}},
         {"charge": {"kind": "penal_charge"}, "position": {"overdue_minor": 1}}, False),
        ({"language": {"ne_fact": "disclosure_language"}}, {"language": "en"}, False),
        ({"language": {"ne_fact": "disclosure_language"}}, {"language": "en", "disclosure_language": "es"}, True),
        ({"language": {"eq_fact": "disclosure_language"}}, {"language": "en", "disclosure_language": "en"}, True),
        # Texts.
        ({"inbound_text": {"matches": ["^stop$", "^quit$"]}}, {"inbound_text": "QUIT"}, True),
        ({"inbound_text": {"matches": ["^stop$"]}}, {"inbound_text": "please stop"}, False),
        ({"inbound_text": {"matches": ["stop"]}}, {}, False),
        ({"offered_numbers": {"any_match": ["^09"]}}, {"offered_numbers": ["0333 1", " 0 9 12"]}, True),
        ({"offered_numbers": {"any_match": ["^09"]}}, {"offered_numbers": []}, False),
        ({"offered_numbers": {"any_match": ["^09"]}}, {}, False),
    ],
)  # fmt: skip
def test_facts_match(matcher: dict[str, Any], facts: dict[str, Any], wanted: bool) -> None:
    assert holds(matcher, **facts) is wanted


@pytest.mark.parametrize(
    ("element", "facts", "wanted"),
    [
        ({"kind": "represented"}, {"holds": [HOLD]}, True),
        ({"kind": ["insolvent", "represented"], "until": None}, {"holds": [HOLD]}, True),
        ({"kind": "insolvent"}, {"holds": [HOLD]}, False),
        ({}, {"holds": [HOLD]}, True),
        ({}, {"holds": []}, False),
        ({"active": True}, {"holds": [HOLD]}, True),
        ({"active": True}, {"holds": [HOLD | {"from": NOON}]}, True),
        ({"active": True}, {"holds": [HOLD | {"from": "2026-11-23T12:00:01Z"}]}, False),
        ({"active": True}, {"holds": [HOLD | {"until": NOON}]}, False),
        ({"active": True}, {"holds": [HOLD | {"until": "2026-11-23T12:00:01Z"}]}, True),
        ({"active": False}, {"holds": [HOLD | {"until": NOON}]}, True),
        ({"form": {"not": "written"}}, {"holds": [HOLD]}, True),
        ({"from": {"within_days": 13}}, {"holds": [HOLD]}, True),
        ({"from": {"within_days": 12}}, {"holds": [HOLD]}, False),
    ],
)
def test_elements_match(element: dict[str, Any], facts: dict[str, Any], wanted: bool) -> None:
    assert holds({"holds": {"any": element}}, **facts) is wanted
    assert holds({"holds": {"none": element}}, **facts) is not wanted


def test_an_absent_list_has_none() -> None:
    assert holds({"holds": {"none": {"kind": "represented"}}})
    assert not holds({"holds": {"any": {"kind": "represented"}}})


def test_any_and_none_may_be_asked_of_one_list() -> None:
    matcher = {"holds": {"any": {"kind": "represented"}, "none": {"kind": "insolvent"}}}

    assert holds(matcher, holds=[HOLD])
    assert not holds(matcher, holds=[HOLD, HOLD | {"kind": "insolvent"}])


@pytest.mark.parametrize(
    ("name", "record", "ended"),
    [
        ("consents", {"purpose": "marketing", "given_at": NOON}, "withdrawn_at"),
        ("requests", {"kind": "access", "received_at": NOON}, "closed_at"),
        ("disputes", {"ground": "amount", "written": True, "received_at": NOON}, "resolved_at"),
        ("holds", {"kind": "hardship", "from": NOON}, "until"),
        ("opt_outs", {"scope": "all", "received_at": NOON}, None),
    ],
)
def test_each_record_is_active_from_its_start_to_before_its_end(
    name: str, record: dict[str, Any], ended: str | None
) -> None:
    active = {name: {"any": {"active": True}}}

    assert holds(active, NOON, **{name: [record]})
    assert not holds(active, "2026-11-23T11:59:59Z", **{name: [record]})
    if ended:
        assert not holds(active, "2026-11-23T12:00:05Z", **{name: [record | {ended: "2026-11-23T12:00:05Z"}]})
        assert holds(active, "2026-11-23T12:00:04Z", **{name: [record | {ended: "2026-11-23T12:00:05Z"}]})


def test_a_channel_is_covered_when_the_element_names_it_or_none() -> None:
    stop = {"scope": "all", "received_at": "2026-11-01T12:00:00Z"}
    covers = {"opt_outs": {"any": {"covers_channel": True}}}

    assert holds(covers, channel="sms", opt_outs=[stop])
    assert holds(covers, channel="sms", opt_outs=[stop | {"channel": "sms"}])
    assert not holds(covers, channel="sms", opt_outs=[stop | {"channel": "email"}])
    assert not holds(covers, opt_outs=[stop | {"channel": "email"}])


def test_a_number_is_covered_when_either_side_does_not_name_one_or_both_the_same() -> None:
    given = {"purpose": "automated_call", "given_at": "2026-11-01T12:00:00Z", "number": "n1"}
    covers = {"consents": {"any": {"covers_number": True}}}

    assert holds(covers, consents=[given])
    assert holds(covers, endpoint={"line": "mobile"}, consents=[given])
    assert holds(covers, endpoint={"number": "n1"}, consents=[given])
    assert holds(covers, endpoint={"number": "n2"}, consents=[given | {"number": None}])
    assert not holds(covers, endpoint={"number": "n2"}, consents=[given])


def test_another_channel_is_one_that_is_set_and_different() -> None:
    wish = {"kind": "only_channel", "recorded_at": "2026-11-01T12:00:00Z"}
    other = {"contact_preferences": {"any": {"other_channel": True}}}

    assert holds(other, channel="sms", contact_preferences=[wish | {"channel": "letter"}])
    assert not holds(other, channel="letter", contact_preferences=[wish | {"channel": "letter"}])
    assert not holds(other, channel="sms", contact_preferences=[wish])


def test_past_includes_this_very_second_and_today() -> None:
    event = {"kind": "judgment_given", "on": "2026-11-23"}
    notice = {"kind": "default_notice", "sent_at": NOON}
    on_past = {"events": {"any": {"on": {"past": True}}}}
    sent_past = {"notices": {"any": {"sent_at": {"past": True}}}}

    assert holds(on_past, "2026-11-23T00:00:00Z", events=[event])
    assert not holds(on_past, "2026-11-22T23:59:59Z", events=[event])
    assert holds(sent_past, NOON, notices=[notice])
    assert not holds(sent_past, "2026-11-23T11:59:59Z", notices=[notice])
    assert not holds(sent_past, NOON, notices=[{"kind": "default_notice"}])


def test_today_is_the_date_in_the_borrowers_first_zone() -> None:
    event = {"kind": "judgment_given", "on": "2026-11-24"}
    past = {"events": {"any": {"on": {"past": True}}}}

    assert holds(past, "2026-11-23T16:00:00Z", events=[event], zones=zones("Asia/Shanghai", "America/New_York"))
    assert not holds(past, "2026-11-23T16:00:00Z", events=[event], zones=zones("America/New_York", "Asia/Shanghai"))
    assert not holds(past, "2026-11-23T16:00:00Z", events=[event])


@pytest.mark.parametrize(("on", "before", "later"), [("2026-11-22", True, False), ("2026-11-23", False, True)])
def test_before_today_and_today_or_later_are_opposites(on: str, before: bool, later: bool) -> None:
    assert holds({"pay_by_on": {"before_today": True}}, pay_by_on=on) is before
    assert holds({"pay_by_on": {"today_or_later": True}}, pay_by_on=on) is later
    assert not holds({"pay_by_on": {"before_today": True}})
    assert not holds({"pay_by_on": {"today_or_later": True}})


def test_within_days_counts_dates_and_leaves_the_future_out() -> None:
    within = {"contact_attempts": {"any": {"at": {"within_days": 1}}}}

    assert holds(within, NOON, contact_attempts=[attempt("2026-11-22T00:00:00Z")])
    assert not holds(within, NOON, contact_attempts=[attempt("2026-11-21T23:59:59Z")])
    assert not holds(within, NOON, contact_attempts=[attempt("2026-11-23T12:00:01Z")])
    assert holds({"pay_by_on": {"within_days": 0}}, pay_by_on="2026-11-23")
    assert not holds({"pay_by_on": {"within_days": 0}}, pay_by_on="2026-11-24")


def test_older_than_minutes_is_strict() -> None:
    old = {"opt_outs": {"any": {"received_at": {"older_than_minutes": 5}}}}
    stop = {"scope": "all", "received_at": NOON}

    assert not holds(old, "2026-11-23T12:05:00Z", opt_outs=[stop])
    assert holds(old, "2026-11-23T12:05:01Z", opt_outs=[stop])


def test_a_date_lies_so_many_days_after_another_field() -> None:
    notice = {"kind": "email_use_notice", "sent_at": "2026-10-01T16:00:00Z", "opt_out_by": "2026-11-05"}
    after = {"notices": {"any": {"opt_out_by": {"min_days_after_field": ["sent_at", 35]}}}}

    assert holds(after, notices=[notice])
    assert not holds(after, notices=[notice | {"opt_out_by": "2026-11-04"}])
    assert not holds(after, notices=[notice | {"sent_at": None}])


def test_an_element_is_matched_against_another_fact() -> None:
    fee = {"kind": "default_sum", "amount_minor": 1, "instalment_no": 3}
    same = {"fees": {"any": {"instalment_no": {"eq_fact": "charge.instalment_no"}}}}

    assert holds(same, fees=[fee], charge={"kind": "arrears_fee", "instalment_no": 3})
    assert not holds(same, fees=[fee], charge={"kind": "arrears_fee", "instalment_no": 4})
    assert not holds(same, fees=[fee])


def test_without_a_time_nothing_is_past_or_future() -> None:
    assert not holds({"pay_by_on": {"past": True}}, None, pay_by_on="2020-01-01")
    assert not holds({"pay_by_on": {"before_today": True}}, None, pay_by_on="2020-01-01")
    assert not holds({"pay_by_on": {"today_or_later": True}}, None, pay_by_on="2099-01-01")
    assert not holds({"pay_by_on": {"within_days": 9}}, None, pay_by_on="2020-01-01")
