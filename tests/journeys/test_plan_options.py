"""A borrower looks at what can be done about a loan, and pays it off early by what was shown."""

from datetime import timedelta

from flask import Flask

from tests.builders.journey import Journey

CONTRACT = {"method": "equal_instalment", "annual_rate": "0.12", "instalments": 12, "early_settlement": "actual_period"}


def test_who_pays_early_by_what_is_shown_owes_nothing(app: Flask):
    journey = Journey(app, currency="CNY", jurisdiction="CN", zone="Asia/Shanghai", licence_kind="bank")
    journey.put_borrower()
    started = journey.now.date() - timedelta(days=40)
    journey.core("PUT", "/loans/L1", {
        "borrower_no": "B1", "currency": "CNY", "principal": journey.money(1_200_000),
        "disbursed_on": started.isoformat(), "contract": CONTRACT})  # fmt: skip
    loan_id = journey.me("GET", "/loans")["items"][0]["id"]

    shown = journey.me("GET", f"/loans/{loan_id}/plan-options")
    settle = next(option for option in shown["offered"] if option["kind"] == "settle")
    quote = journey.me("GET", f"/loans/{loan_id}/payoff-quote")
    assert settle["pay"] == quote["total"]
    assert settle["extra"]["amount_minor"] == -quote["saved_interest"]["amount_minor"] < 0

    journey.pay("L1", settle["pay"]["amount_minor"])
    loan = journey.me("GET", f"/loans/{loan_id}")
    assert (loan["status"], loan["outstanding"]["amount_minor"]) == ("closed", 0)
    after = journey.me("GET", f"/loans/{loan_id}/plan-options")
    assert after["offered"] == []
    assert {each["code"] for each in after["not_offered"]} == {"loan_closed"}
