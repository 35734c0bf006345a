"""The other kinds of test: tables, content, disputes, arrears, rates and figures of the loan."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.domain.caps import Fixing
from app.domain.law.kinds import KINDS
from app.domain.law.results import References, Result
from app.services.law_packs import vocabulary
from tests.builders.law import asked, law_rule, zones

LPR = References(
    (
        Fixing(date(2021, 12, 20), Decimal("0.038"), Decimal("0.0465")),
        Fixing(date(2019, 8, 20), Decimal("0.0425"), Decimal("0.0485")),
        Fixing(date(2020, 8, 20), Decimal("0.0385"), Decimal("0.0465")),
    )
)
NOTICE = "notice_of_sums_in_arrears"


def row(when: dict[str, Any], **then: Any) -> dict[str, Any]:
    return {"when": when, "then": then}


def table(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"test": "table", "rows": list(rows)}


def test_every_kind_of_the_vocabulary_has_its_evaluator() -> None:
    assert set(KINDS) == set(vocabulary().tests)


def test_the_first_row_that_holds_decides_and_an_allow_ends_the_rule() -> None:
    first = table(row({"channel": "sms"}, verdict="allow"), row({}, verdict="block"))
    second = table(row({}, verdict="flag"))
    rule = law_rule(first, second)

    assert rule.evaluate({"channel": "sms"}, None).verdict == "allow"
    assert rule.evaluate({}, None).verdict == "block"
    assert law_rule(table(row({"channel": "sms"}, verdict="allow")), second).evaluate({}, None).verdict == "flag"


def test_a_row_may_say_what_it_found_lacking_in_the_order_asked() -> None:
    when = {"content": {"lacks_any": ["balance", "amount"]}, "cost_statement.markers": {"lacks_any": ["items"]}}
    test = table(row(when, verdict="block", missing="lacking"))

    result = asked(test, content=["debt_details"], cost_statement={"markers": []})

    assert result.missing == ("balance", "amount", "items")
    assert asked(test, content=["balance"], cost_statement={"markers": []}).missing == ("amount", "items")


def test_a_value_that_is_a_path_stands_for_the_fact() -> None:
    values = {"cap_minor": "position.overdue_minor", "reclassify_as": "marketing", "cap_pct": "1.00", "penalty_minor": 3}
    test = table(row({}, verdict="block", values=values, due_on="contract.ends_on"))

    result = asked(test, position={"overdue_minor": 7}, contract={"ends_on": "2027-01-31"})

    assert result.values == {"cap_minor": 7, "reclassify_as": "marketing", "cap_pct": Decimal(1), "penalty_minor": 3}
    assert result.due_on == date(2027, 1, 31)
    assert asked(test).values["cap_minor"] is None


def test_a_test_is_skipped_when_what_it_needs_does_not_hold() -> None:
    test = table(row({}, verdict="block")) | {"needs": {"message_class": "marketing"}}

    assert asked(test).verdict == "allow"
    assert asked(test, message_class="marketing").verdict == "block"


def test_figures_of_tests_that_do_not_decide_are_kept_for_the_allow() -> None:
    rule = law_rule({"test": "principal"}, {"test": "cap", "limits": [{"max": 1, "days": 1}]})

    values = rule.evaluate({"contract": {"disbursed_minor": 5}}, None).values

    assert values == {"principal_minor": 5, "counted_attempts": 0}


def test_required_content_is_asked_only_of_what_is_rendered() -> None:
    test = {"test": "content_required", "markers": ["balance", "amount", "creditor"]}

    assert asked(test).verdict == "allow"
    assert asked(test, content=None).verdict == "allow"
    assert asked(test, content=["amount"]).missing == ("balance", "creditor")
    assert asked(test, content=[]).verdict == "block"


def test_forbidden_content_is_found_by_marker_or_pattern_unless() -> None:
    test = {"test": "content_forbidden", "markers": ["insult"], "patterns": [r"\bcourt\b"],
            "unless": {"events": {"any": {"kind": "judgment_given", "on": {"past": True}}}}}  # fmt: skip
    judged = [{"kind": "judgment_given", "on": "2026-11-23"}]

    assert asked(test, body="We go to COURT.").verdict == "block"
    assert asked(test, body="courteous", content=["amount"]).verdict == "allow"
    assert asked(test, content=["insult"]).verdict == "block"
    assert asked(test, content=["insult"], events=judged).verdict == "allow"
    assert asked(test).verdict == "allow"
    assert asked(test | {"verdict": "flag"}, body="court").verdict == "flag"


def test_lines_must_sum_to_the_total() -> None:
    test = {"test": "sum_equals", "missing": ["itemization_matches_amount"]}
    lines = [{"kind": "principal", "amount_minor": 7}, {"kind": "credit", "amount_minor": -2}]

    assert asked(test, itemisation={"lines": lines, "total_minor": 5}).verdict == "allow"
    assert asked(test, itemisation={"lines": lines, "total_minor": 6}).missing == ("itemization_matches_amount",)
    assert asked(test).verdict == "allow"


def disputed(*amounts: int | None, at: str = "2026-11-23T12:00:00Z", owed: int | None = 100, **changes: Any) -> Result:
    base = {"ground": "amount", "written": True, "received_at": "2026-11-20T12:00:00Z"}
    return asked({"test": "disputed_amount"}, at, validation_period_ends_on="2026-11-20", zones=zones("Europe/London"),
                 disputes=[{**base, "disputed_minor": each, **changes} for each in amounts],
                 position={"outstanding_minor": owed})  # fmt: skip


def test_a_whole_debt_in_dispute_blocks_and_a_part_leaves_the_rest() -> None:
    assert disputed(None).verdict == "block"
    assert disputed(100).verdict == "block"
    assert disputed(99).values == {"collectable_minor": 1}
    assert disputed(30, 20).values == {"collectable_minor": 50}
    assert disputed(60, 40).verdict == "block"
    assert disputed(30, None).verdict == "block"


@pytest.mark.parametrize(
    "changes",
    [
        {"written": False},
        {"received_at": "2026-11-21T00:00:00Z"},
        {"received_at": "2026-11-24T00:00:00Z"},
        {"resolved_at": "2026-11-23T12:00:00Z"},
    ],
)
def test_a_dispute_that_is_oral_late_future_or_resolved_stops_nothing(changes: dict[str, Any]) -> None:
    assert disputed(None, **changes).verdict == "allow"


def test_the_period_to_dispute_begins_with_the_receipt_that_is_assumed() -> None:
    test = {"test": "assumed_receipt", "business_days": 5, "days": 30}
    sent = [{"kind": "validation_notice", "sent_at": "2026-11-20T17:00:00Z"},
            {"kind": "validation_notice", "sent_at": "2026-11-02T17:00:00Z", "returned_at": "2026-11-10T17:00:00Z"},
            {"kind": "debt_notice", "sent_at": "2026-11-01T17:00:00Z"}]  # fmt: skip

    result = asked(test, notices=sent, public_holidays=["2026-11-26"])

    assert result.verdict == "compute"
    assert result.values == {"assumed_received_on": date(2026, 11, 30), "period_ends_on": date(2026, 12, 30)}
    assert asked(test).verdict == "allow"


def instalments(*paid: int, due: int = 100) -> list[dict[str, Any]]:
    return [{"due_on": f"2027-{month:02d}-01", "due_minor": due, "paid_minor": each} for month, each in enumerate(paid, 1)]


ARREARS = {"test": "arrears_notice", "payments": 2, "short_interval_days": 7, "short_payments": 4, "within_days": 14}


def test_the_notice_of_arrears_is_due_from_the_day_after_the_payment_that_made_it_two() -> None:
    facts = {"zones": zones("Europe/London"), "instalments": instalments(0, 0, 0)}

    assert asked(ARREARS, "2027-02-01T23:59:59Z", **facts).values == {"notice_required": False}
    assert asked(ARREARS, "2027-02-02T00:00:00Z", **facts).due_on == date(2027, 2, 15)
    late = asked(ARREARS, "2027-02-16T00:00:00Z", **facts)
    assert (late.verdict, late.breach, late.missing) == ("flag", True, (NOTICE,))
    sent = [{"kind": NOTICE, "sent_at": "2027-02-15T23:59:59Z"}]
    assert asked(ARREARS, "2027-03-16T00:00:00Z", notices=sent, **facts).verdict == "allow"


def test_a_notice_from_before_the_arrears_is_not_theirs_and_overpayment_counts() -> None:
    facts = {"zones": zones("Europe/London"), "instalments": instalments(0, 0)}
    earlier = [{"kind": NOTICE, "sent_at": "2027-01-15T12:00:00Z"}]

    assert asked(ARREARS, "2027-02-03T12:00:00Z", notices=earlier, **facts).verdict == "require"
    assert asked(ARREARS, "2027-02-03T12:00:00Z", instalments=instalments(200, 0)).verdict == "allow"
    assert asked(ARREARS, "2027-02-03T12:00:00Z").values == {"notice_required": False}


def test_short_intervals_take_four_payments() -> None:
    facts = {"instalments": instalments(0, 0, 0), "contract": {"payment_interval_days": 7}}

    assert asked(ARREARS, "2027-03-03T12:00:00Z", **facts).verdict == "allow"
    assert asked(ARREARS, "2027-03-03T12:00:00Z", **(facts | {"contract": {"payment_interval_days": 8}})).verdict == "flag"


def test_the_last_payments_must_all_be_short_and_their_days_over() -> None:
    test = {"test": "last_payments_missed", "payments": 2, "due_fact": "position.next_statement_on", "missing": [NOTICE]}
    facts = {"zones": zones("Europe/London"), "position": {"next_statement_on": "2027-03-31"}}

    missed = asked(test, "2027-03-02T00:00:00Z", instalments=instalments(100, 99, 0), **facts)
    assert (missed.verdict, missed.missing, missed.due_on) == ("require", (NOTICE,), date(2027, 3, 31))
    assert asked(test, "2027-03-01T23:59:59Z", instalments=instalments(100, 99, 0), **facts).verdict == "allow"
    assert asked(test, "2027-03-02T00:00:00Z", instalments=instalments(0), **facts).verdict == "allow"
    assert asked(test, "2027-03-02T00:00:00Z", instalments=instalments(0, 100, 0), **facts).verdict == "allow"


@pytest.mark.parametrize(
    ("act", "at", "sent_at", "verdict", "days"),
    [
        ("enforce", "2027-02-15T23:59:59Z", None, "allow", None),
        ("enforce", "2027-02-16T00:00:00Z", None, "block", 1),
        ("review_account", "2027-02-20T12:00:00Z", None, "flag", 5),
        ("enforce", "2027-02-25T12:00:00Z", "2027-02-25T10:00:00Z", "block", 10),
        ("enforce", "2027-02-26T12:00:00Z", "2027-02-25T10:00:00Z", "allow", 10),
        ("review_account", "2027-03-26T12:00:00Z", "2027-02-25T10:00:00Z", "flag", 10),
        ("enforce", "2027-03-26T12:00:00Z", "2027-02-15T10:00:00Z", "allow", None),
    ],
)
def test_a_late_notice_stops_enforcement_and_interest(
    act: str, at: str, sent_at: str | None, verdict: str, days: int | None
) -> None:
    notices = [{"kind": NOTICE, "sent_at": sent_at}]

    result = asked({"test": "notice_failure", "within_days": 14}, at, act=act, notices=notices,
                   position={"arrears_conditions_met_on": "2027-02-02"}, zones=zones("Europe/London"))  # fmt: skip

    assert (result.verdict, result.values.get("interest_free_days")) == (verdict, days)


def test_a_debt_is_barred_from_the_same_day_on() -> None:
    test = {"test": "time_bar", "years": {"england_wales": 6, "scotland": 5}, "block_content": ["legal_threat"],
            "block_holds": ["refuses_time_barred"]}  # fmt: skip

    def verdict(**facts: Any) -> str:
        return asked(test, "2026-11-23T12:00:00Z", **({"content": ["legal_threat"]} | facts)).verdict

    assert verdict(position={"last_payment_on": "2020-11-23"}) == "block"
    assert verdict(position={"last_payment_on": "2020-11-24"}) == "allow"
    assert verdict(position={"last_payment_on": "2021-11-23"}, region="scotland") == "block"
    assert verdict(position={"last_payment_on": "2000-11-23"}, region="northern_ireland") == "allow"
    assert verdict(position={"time_barred": True}) == "block"
    assert verdict(position={"last_payment_on": "2020-11-23"}, content=["balance"]) == "allow"
    refuses = [{"kind": "refuses_time_barred", "from": "2026-11-23T12:00:00Z"}]
    assert verdict(position={"last_payment_on": "2020-11-23"}, content=[], holds=refuses) == "block"
    assert verdict() == "allow"


RATE_CAP = {"test": "rate_cap", "factor": 4, "sum_of": ["overdue", "penalty"], "licence_kinds": ["private_lender"],
            "no_series_rule": "OTHER", "else_policy_cap_pct": "24.00"}  # fmt: skip


def capped(test: dict[str, Any], signed_on: str, *rates: tuple[str, str], licence: str | None = "private_lender") -> Result:
    agreed = [{"kind": kind, "annual_pct": pct} for kind, pct in rates]
    return asked(test, None, LPR, licence_kind=licence, contract={"signed_on": signed_on}, rates=agreed)


def test_rates_are_summed_under_a_multiple_of_the_lpr_of_the_day_of_signing() -> None:
    kept = capped(RATE_CAP, "2021-12-19", ("overdue", "15.00"), ("penalty", "0.40"), ("contract", "99.00"))
    above = capped(RATE_CAP, "2021-12-20", ("overdue", "15.00"), ("penalty", "0.40"))

    assert (kept.verdict, kept.values["cap_pct"]) == ("allow", Decimal("15.40"))
    assert (above.verdict, above.values["excess_pct"]) == ("flag", Decimal("0.20"))


def test_before_the_series_another_rule_takes_over_and_others_have_a_line_of_practice() -> None:
    before = capped(RATE_CAP, "2019-08-19", ("overdue", "15.00"))

    assert (before.verdict, before.rule, before.values) == ("flag", "OTHER", {"cap_pct": None})
    assert capped(RATE_CAP, "2022-01-01", licence="bank").values == {"policy_cap_pct": Decimal(24)}
    assert capped(RATE_CAP, "2022-01-01", licence=None).verdict == "allow"
    assert asked(RATE_CAP, None, LPR, licence_kind="private_lender").verdict == "allow"


def test_nothing_agreed_on_lateness_the_contract_rate_goes_on_else_the_lpr() -> None:
    test = RATE_CAP | {"fallback": True}

    assert capped(test, "2022-01-01", ("contract", "12.00")).values["overdue_rate_pct"] == Decimal(12)
    assert capped(test, "2022-01-01").values["overdue_rate_pct"] == Decimal("3.80")
    assert capped(test, "2022-01-01", ("overdue", "9.00"), ("contract", "12.00")).values["overdue_rate_pct"] == Decimal(9)
    assert capped(test, "2022-01-01", ("contract", "20.00")).verdict == "flag"


def test_an_older_contract_that_is_sued_upon_has_two_segments() -> None:
    test = {"test": "rate_split", "split_on": "2020-08-20", "factor": 4}
    claim = [{"kind": "court_claim_filed", "on": "2021-12-20"}]

    split = asked(test, None, LPR, contract={"signed_on": "2020-08-19"}, events=claim)
    assert (split.verdict, split.values) == ("compute", {"segments": 2, "cap_after_split_pct": Decimal("15.20")})
    assert asked(test, None, LPR, contract={"signed_on": "2020-08-20"}, events=claim).verdict == "allow"
    assert asked(test, None, LPR, contract={"signed_on": "2020-08-19"}).verdict == "allow"


def test_the_rate_of_cash_flows_is_shown_simple_and_compound() -> None:
    flows = [{"period": 0, "amount_minor": 1000}, {"period": 1, "amount_minor": -1010}]

    assert asked({"test": "irr"}, cash_flows=flows).values == {
        "simple_pct": Decimal("12.00"),
        "compound_pct": Decimal("12.68"),
    }
    assert asked({"test": "irr"}, cash_flows=list(reversed(flows))) == asked({"test": "irr"}, cash_flows=flows)
    assert asked({"test": "irr"}, cash_flows=flows[:1]).values == {}
    assert asked({"test": "irr"}).values == {}


def test_figures_of_the_loan() -> None:
    kept_back = [{"kind": "service_fee", "amount_minor": 3, "deducted_from_payout": True}]
    settlement = {"on": "2026-11-21", "interest_from_on": "2026-07-01"}

    assert asked({"test": "principal"}, contract={"disbursed_minor": 7}).values == {"principal_minor": 7}
    flagged = asked({"test": "principal"}, contract={"disbursed_minor": 7}, fees=kept_back)
    assert (flagged.verdict, flagged.tasks) == ("flag", ("lower_the_charge",))
    assert asked({"test": "interest_days"}, settlement=settlement).values == {"interest_days": 143}
    assert asked({"test": "interest_days"}, settlement={"on": "2026-11-21"}).verdict == "allow"


def test_cooling_off_ends_with_its_last_day() -> None:
    facts = {"contract": {"signed_on": "2026-11-20", "cooling_off_days": 3}, "zones": zones("Asia/Kolkata")}

    last = asked({"test": "cooling_off"}, "2026-11-23T18:29:59Z", **facts)
    assert last.values == {"exit_mode": "cooling_off", "penalty_minor": 0}
    assert asked({"test": "cooling_off"}, "2026-11-23T18:30:00Z", **facts).values == {"exit_mode": "prepayment"}
    assert asked({"test": "cooling_off"}, contract={"signed_on": "2026-11-23"}).values == {"exit_mode": "prepayment"}


@pytest.mark.parametrize(
    ("oldest", "overdue", "wanted"),
    [
        ("2026-11-23", 1, {"days_past_due": 1, "bucket": "SMA0", "upgrade": False}),
        ("2026-11-24", 1, {"days_past_due": 0, "bucket": "STD", "upgrade": False}),
        ("2026-08-26", 1, {"days_past_due": 90, "bucket": "SMA0", "upgrade": False}),
        ("2026-08-25", 1, {"days_past_due": 91, "bucket": "NPA", "upgrade": False}),
        (None, 0, {"days_past_due": 0, "bucket": "STD", "upgrade": True}),
    ],
)
def test_days_past_due_are_counted_at_the_end_of_the_day(oldest: str | None, overdue: int, wanted: dict[str, Any]) -> None:
    test = {"test": "days_past_due", "zone": "Asia/Kolkata", "buckets": {"SMA0": [1, 90], "NPA": [91, None]}}
    position = {"oldest_unpaid_due_on": oldest, "overdue_minor": overdue}

    result = asked(test, "2026-11-23T18:29:59Z", position=position, zones=zones("Pacific/Auckland"))

    assert (result.verdict, result.values) == ("compute", wanted)
