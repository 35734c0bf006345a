"""The law is asked before an act; an act of ours is refused, one of the core is booked and looked at by compliance."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.domain.book import PaymentValues
from app.domain.errors import LawRefusedError
from app.domain.ledger import EntryKind
from app.domain.splits import Split
from app.persistence.db import db
from app.persistence.models.access import RateCounterRow
from app.persistence.models.loans import LedgerEntryRow, PlanVersionRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import unit_of_work
from app.services import tidying
from app.services.consents import consents_of
from app.services.law_gates import ask_law, ask_pack, purgeable_before, require_lawful
from app.services.law_notes import rise_percent
from app.services.law_packs import get_pack, vocabulary
from app.services.opt_outs import receive_text
from app.services.payments import record_payment
from app.services.quotes import own_payoff
from tests.builders.book import Built, build_lender, build_loan, replan
from tests.conftest import START

TODAY = date(2026, 3, 2)
DUE = [date(2026, 2, 25), date(2026, 3, 25), date(2026, 4, 25)]


def a_loan_in(country: str, **changes: Any) -> Built:
    lender = build_lender(now=START, jurisdiction=country, role="first_party", role_reason="own book")
    return build_loan(now=START, due=DUE, lender_id=lender, country=country, product_kind="instalment", **changes)


def noted() -> list[tuple[str, str, str | None]]:
    db.session().rollback()
    rows = db.session().scalars(select(TaskRow).where(TaskRow.queue == "compliance"))
    return sorted((row.rule or "", row.kind, row.loan_id) for row in rows)


def charge(loan: Built, reference: str, penalties: int, *, effective_on: date = TODAY, row_no: int = 1) -> None:
    values = PaymentValues(
        reference, loan.loan_no, penalties, "USD", effective_on, kind=EntryKind.CHARGE, row_no=row_no,
        split=Split(penalties=penalties),
    )  # fmt: skip
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, values, now=START, origin="test")


def asked(loan: Built, act: str, now: datetime = START, **facts: Any) -> Any:
    return ask_law(db.session(), act=act, loan_id=loan.loan_id, facts=vocabulary().read_facts(facts), now=now)


def test_an_act_is_judged_by_what_the_book_knows_and_what_is_stated(app: Flask) -> None:
    loan = a_loan_in("GB")

    refused = asked(loan, "enforce")
    notice = {"kind": "default_notice", "sent_at": "2026-02-01T09:00:00Z", "delivered_at": "2026-02-02T09:00:00Z"}
    allowed = asked(loan, "enforce", notices=[notice])

    assert refused.stop is not None
    assert refused.stop.result.missing == ("default_notice",)
    assert refused.facts["position"]["overdue_minor"] == 10_000
    assert allowed.stop is None


def test_a_refusal_names_rule_paragraph_evidence_what_is_missing_and_the_day(app: Flask) -> None:
    loan = a_loan_in("GB")
    notice = {"kind": "default_notice", "sent_at": "2026-02-25T09:00:00Z", "delivered_at": "2026-02-26T09:00:00Z"}

    with pytest.raises(LawRefusedError) as lacking:
        require_lawful(asked(loan, "enforce"))
    with pytest.raises(LawRefusedError, match="Allowed from 2026-03-13 on"):
        require_lawful(asked(loan, "enforce", notices=[notice]))

    facts = lacking.value.facts
    assert facts["missing"] == ["default_notice"]
    assert facts["paragraph"] in lacking.value.detail
    assert facts["evidence"] == "rendering"
    assert [(each.code, each.detail) for each in lacking.value.errors][1:] == [("missing", "default_notice")]


def test_a_rule_that_was_only_recalled_says_so_when_it_refuses(sqlite_book: Flask) -> None:
    facts = vocabulary().read_facts({"automation": {"effect": "significant", "human_involved": False}})

    with pytest.raises(LawRefusedError, match="recalled, unverified"):
        require_lawful(ask_pack(get_pack("EU"), "decide_automatically", facts, START))


def test_a_jurisdiction_that_says_nothing_of_an_act_is_not_asked(app: Flask) -> None:
    loan = a_loan_in("BR")

    answer = asked(loan, "enforce")

    assert (answer.pack, answer.stop) == (None, None)


def test_a_figure_that_the_act_is_not_about_does_not_stop_it() -> None:
    record = {"record": {"kind": "collection_record", "created_on": "2015-01-05"}}
    dear = {"licence_kind": "private_lender", "contract": {"signed_on": "2014-01-05"},
            "rates": [{"kind": "contract", "annual_pct": "60.00"}]}  # fmt: skip
    stated, known = vocabulary().read_facts(record), vocabulary().read_facts(dear)

    answer = ask_pack(get_pack("CN"), "purge_record", {**known, **stated}, START, stated=stated)

    assert answer.stop is None
    assert ask_pack(get_pack("CN"), "show_offer", known, START).stop is not None


def test_a_charge_of_the_core_is_booked_and_the_law_s_objection_is_a_task(app: Flask) -> None:
    loan = a_loan_in("GB")

    charge(loan, "C1", 1_200, row_no=1)
    assert noted() == []
    charge(loan, "C2", 1_300, row_no=2)
    charge(loan, "C3", 500, row_no=1)

    assert [each[2] for each in noted()] == [loan.loan_id] * 2
    assert db.session().scalar(select(func.count()).select_from(LedgerEntryRow)) == 3


def test_charges_of_a_loan_that_is_taken_over_are_history(app: Flask) -> None:
    loan = a_loan_in("GB")

    charge(loan, "C1", 5_000, effective_on=START.date() - timedelta(days=40))

    assert noted() == []


def test_a_new_plan_that_costs_much_more_is_booked_and_looked_at(app: Flask) -> None:
    loan = a_loan_in("DE")
    in_force = datetime(2026, 12, 1, 9, tzinfo=UTC)
    replan(loan, DUE, now=in_force, amount_minor=10_500)
    assert noted() == []

    replan(loan, DUE, now=in_force + timedelta(hours=1), amount_minor=12_000)

    assert [(kind, loan_id) for _, kind, loan_id in noted()] == [("creditworthiness_check", loan.loan_id)]
    assert db.session().scalar(select(func.max(PlanVersionRow.anchor_no))) == 3


def test_a_rise_is_told_in_per_cent_of_the_plan_before() -> None:
    assert rise_percent(30_000, 31_500) == Decimal("5.00")
    assert rise_percent(30_000, 30_001) == Decimal("0.00")
    assert rise_percent(30_000, 24_000) == Decimal("-20.00")
    assert rise_percent(0, 100) is None


@pytest.mark.parametrize(("terms", "is_lawful"), [({}, True), ({"early_settlement": "as_planned"}, False)])
def test_a_settlement_figure_with_interest_of_the_full_term_is_refused_where_the_law_forbids_it(
    app: Flask, terms: dict[str, Any], is_lawful: bool
) -> None:
    loan = a_loan_in("CN", contract=terms)

    with db.engine.connect() as reads:
        if is_lawful:
            assert own_payoff(reads, loan.borrower_id, loan.loan_id, None, now=START).quote.total_minor == 30_000
        else:
            with pytest.raises(LawRefusedError):
                own_payoff(reads, loan.borrower_id, loan.loan_id, None, now=START)


def test_elsewhere_the_same_figure_is_given(app: Flask) -> None:
    loan = a_loan_in("GB", contract={"early_settlement": "as_planned"})

    with db.engine.connect() as reads:
        assert own_payoff(reads, loan.borrower_id, loan.loan_id, None, now=START).quote.total_minor == 30_000


@pytest.mark.parametrize(("country", "meaning"), [("US", "stop"), ("GB", "other")])
def test_words_that_a_law_takes_for_an_opt_out_are_one(
    app: Flask, country: str, meaning: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.opt_outs.meaning_of", lambda text: "other")
    loan = a_loan_in(country)

    with unit_of_work() as work:
        found = receive_text(work, channel="sms", text="please no more messages", now=START, borrower_id=loan.borrower_id)

    assert found.meaning == meaning
    given = [consent.given for consent in consents_of(db.session(), loan.borrower_id).values()]
    assert given == ([False] if meaning == "stop" else [])
    assert [kind for _, kind, _ in noted()] == (["review_by_person"] if meaning == "stop" else [])


def test_records_of_the_law_are_kept_as_long_as_the_longest_law_wants(sqlite_book: Flask) -> None:
    before = START - timedelta(days=30)

    kept = purgeable_before("collection_record", before, now=START)

    assert kept is not None
    assert kept.date() == date(2021, 3, 1)  # five years and the day
    old = vocabulary().read_facts({"record": {"kind": "collection_record", "created_on": kept.date().isoformat(),
                                              "last_activity_on": kept.date().isoformat()}})  # fmt: skip
    assert ask_pack(get_pack("CN"), "purge_record", old, START).stop is None


def test_a_table_that_holds_records_of_the_law_is_tidied_no_sooner(
    sqlite_book: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counter(age_days: int) -> RateCounterRow:
        return RateCounterRow(bucket=f"s{age_days}", window_starts_at=START - timedelta(days=age_days), count=1)

    with unit_of_work() as work:
        work.session.add_all([counter(10), counter(3000)])
    kept = tidying.Kept(timedelta(days=3), "collection_record")
    monkeypatch.setattr(tidying, "KEPT", {"rate_counters": kept})

    assert tidying.tidy(now=START)["rate_counters"] == 1
