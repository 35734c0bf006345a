"""A borrower pays at a provider: whatever comes first, twice or never, the money is in the ledger once."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import clock
from app.domain.payment_providers import PaymentProvider
from app.engine.payments import ask_providers
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading
from app.sandbox.stand_in.client import StandInClient
from tests.builders.journey import Journey
from tests.builders.payments import hosted_account, on_page, stripe_account
from tests.fakes.stand_in import stand_in, stand_in_process

__all__ = ["stand_in", "stand_in_process"]

DUE = [date(2026, 3, 5), date(2026, 4, 5), date(2026, 5, 5)]
BASE = "http://localhost"


class Payer(Journey):
    """A borrower with a loan of three instalments of 100.00, and what they and the provider do."""

    def __init__(self, app: Flask, stand_in: StandInClient, provider: PaymentProvider, **changes: Any) -> None:
        super().__init__(app, **changes)
        self.stand_in, self.provider = stand_in, provider
        self.put_borrower(zone="UTC")
        self.loan_id = self.put_loan("L1", DUE)
        self.path = f"/loans/{self.loan_id}/payment-intents"
        self._told = 0

    def intend(self, amount_minor: int, *, good: bool = True, key: str | None = None, **values: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.me(
            "POST", self.path, {"amount": self.money(amount_minor), **values}, good=good, key=key
        )
        return found

    def intent(self, intent_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.me("GET", f"{self.path}/{intent_id}")
        return found

    def webhooks(self, *, order: int = 1, times: int = 1) -> list[int]:
        """Deliver what the provider has posted since; return what each was answered. `order` -1: the last first."""
        posts = self.stand_in.callbacks()[self._told :]
        self._told += len(posts)
        return [self.deliver(post).status_code for post in posts[::order] for _ in range(times)]

    def deliver(self, post: dict[str, Any], *, provider: str | None = None) -> Any:
        name = provider or self.provider.name
        return self.client.post(f"/v1/callbacks/payments/{name}", data=post["body"].encode(), headers=post["headers"])

    def ask(self) -> int:
        return ask_providers({self.provider.name: self.provider}, now=self.now, machine_now=clock.system_now())

    def ledger(self) -> list[tuple[str, int]]:
        with reading() as session:
            rows = session.execute(select(LedgerEntryRow.reference, LedgerEntryRow.amount_minor).order_by(LedgerEntryRow.id))
            return [(row.reference, row.amount_minor) for row in rows]

    def balance(self) -> dict[str, Any]:
        found: dict[str, Any] = self.me("GET", f"/loans/{self.loan_id}/balance")
        return found

    def holds(self) -> list[tuple[str, bool]]:
        found = self.desk("GET", f"/borrowers/{self.borrower_no}/holds")["items"]
        return [(each["kind"], each["stands"]) for each in found]

    def reminders(self) -> int:
        """How many reminders are in the inbox or have left."""
        with reading() as session:
            return (
                session.scalar(
                    select(func.count())
                    .select_from(MessageRow)
                    .where(MessageRow.message_class.in_(("reminder", "collection")), MessageRow.state != "cancelled")
                )
                or 0
            )

    def refused(self) -> list[tuple[str, str]]:
        found = self.desk("GET", "/payment-events?state=refused")["items"]
        return [(each["kind"], each["why"]) for each in found]


@pytest.fixture(params=["stripe", "hosted"])
def payer(app: Flask, stand_in: StandInClient, request: pytest.FixtureRequest) -> Iterator[Payer]:
    is_stripe = request.param == "stripe"
    account: Any = stripe_account(stand_in.url) if is_stripe else hosted_account(stand_in.url)
    currency = "USD" if is_stripe else "CNY"
    before = app.extensions["duecourse.payments"]
    app.extensions["duecourse.payments"] = {account.name: account}
    yield Payer(app, stand_in, account, currency=currency)
    app.extensions["duecourse.payments"] = before
    account.close()


@pytest.fixture
def by_card(app: Flask, stand_in: StandInClient) -> Iterator[Payer]:
    account = stripe_account(stand_in.url)
    before = app.extensions["duecourse.payments"]
    app.extensions["duecourse.payments"] = {"stripe": account}
    yield Payer(app, stand_in, account)
    app.extensions["duecourse.payments"] = before
    account.close()


def test_the_webhook_comes_before_the_redirect(payer: Payer) -> None:
    intent = payer.intend(10_000)
    assert (intent["state"], intent["paid_at"]) == ("pending", None)
    _, back = on_page(_reachable(intent), "pay")

    assert set(payer.webhooks()) == {200}
    page = payer.client.get(back.removeprefix(BASE))

    assert page.status_code == 200
    assert "L1" not in page.get_data(as_text=True)
    assert payer.intent(intent["id"])["state"] == "succeeded"
    assert payer.intent(intent["id"])["pay_url"] is None
    assert payer.ledger() == [(f"pi:{payer.provider.name}:{intent['id']}", 10_000)]
    assert payer.balance()["outstanding"]["amount_minor"] == 20_000
    assert "payment_intent.succeeded.v1" in payer.events()
    payer.ask()
    assert len(payer.ledger()) == 1


def test_the_webhook_comes_twice_and_in_the_other_order(payer: Payer) -> None:
    intent = payer.intend(10_000)
    on_page(_reachable(intent), "pay", "twice")

    assert set(payer.webhooks(order=-1, times=2)) == {200}

    assert [amount for _, amount in payer.ledger()] == [10_000]
    assert payer.events().count("payment_intent.succeeded.v1") == 1


def test_the_webhook_never_comes_and_asking_finds_the_money(payer: Payer) -> None:
    intent = payer.intend(10_000)
    on_page(_reachable(intent), "pay", "never")
    payer.webhooks()
    assert payer.ask() == 0

    payer.now += timedelta(minutes=2)

    assert payer.ask() == 1
    assert payer.intent(intent["id"])["state"] == "succeeded"
    assert [amount for _, amount in payer.ledger()] == [10_000]
    payer.now += timedelta(days=2)
    assert payer.ask() == 0


def test_a_payer_who_comes_back_is_not_left_waiting_for_the_webhook(payer: Payer) -> None:
    intent = payer.intend(10_000)
    _, back = on_page(_reachable(intent), "pay", "never")

    payer.client.get(back.removeprefix(BASE))

    assert payer.ask() == 1
    assert payer.intent(intent["id"])["state"] == "succeeded"


def test_paid_twice_at_once_both_are_booked_and_what_is_over_is_told(payer: Payer) -> None:
    first, second = payer.intend(30_000, purpose="payoff"), payer.intend(30_000, purpose="payoff")
    for intent in (first, second):
        on_page(_reachable(intent), "pay")

    payer.webhooks()

    assert [amount for _, amount in payer.ledger()] == [30_000, 30_000]
    balance = payer.balance()
    assert balance["outstanding"]["amount_minor"] == 0
    assert payer.events().count("payment.overpaid.v1") == 1
    assert {payer.intent(each["id"])["state"] for each in (first, second)} == {"succeeded"}


def test_more_than_is_owed_is_refused_when_it_is_asked_for_and_taken_when_it_has_come(payer: Payer) -> None:
    refused = payer.intend(30_001, good=False)
    assert (refused["status"], refused["errors"][0]["pointer"]) == (422, "/amount")
    intent = payer.intend(30_000)

    payer.pay("L1", 10_000)
    on_page(_reachable(intent), "pay")
    payer.webhooks()

    assert [amount for _, amount in payer.ledger()] == [10_000, 30_000]
    assert "payment.overpaid.v1" in payer.events()


def test_what_the_core_tells_later_of_the_same_payment_is_not_booked_again(payer: Payer) -> None:
    intent = payer.intend(10_000)
    on_page(_reachable(intent), "pay")
    payer.webhooks()
    shown = payer.desk("GET", "/payment-intents?loan_no=L1")["items"][0]
    assert shown["entry_reference"] == payer.ledger()[0][0]

    for _ in range(2):
        told = payer.pay("L1", 10_000, reference="CORE-77", bank_reference=shown["payment_reference"])
        assert told["status"] == "duplicate"
    ours = payer.pay("L1", 10_000, reference=shown["entry_reference"])
    other = payer.pay("L1", 10_000, reference="CORE-78", bank_reference="something else")

    assert ours["status"] == "duplicate"
    assert other["status"] == "recorded"
    assert len(payer.ledger()) == 2
    payer.core(
        "POST", "/payments",
        {"reference": "CORE-79", "kind": "reversal", "reverses_reference": "CORE-77", "loan_no": "L1",
         "amount": payer.money(10_000), "effective_on": payer.now.date().isoformat()},
    )  # fmt: skip
    assert payer.balance()["outstanding"]["amount_minor"] == 20_000
    again = payer.pay("L1", 9_000, reference="CORE-80", bank_reference=shown["payment_reference"])
    assert again["status"] == "recorded"


def test_what_the_core_told_first_is_the_payment(by_card: Payer) -> None:
    payer = by_card
    intent = payer.intend(10_000)
    on_page(_reachable(intent), "pay", "never")
    payer.now += timedelta(minutes=2)
    found = payer.provider.look_up(_asked(payer, intent))
    assert found is not None
    payer.pay("L1", 10_000, reference="CORE-1", bank_reference=found.payment_reference)

    payer.ask()

    assert payer.intent(intent["id"])["state"] == "succeeded"
    assert payer.ledger() == [("CORE-1", 10_000)]


def test_money_on_its_way_stops_the_reminder_and_its_failure_lets_it_go(by_card: Payer) -> None:
    payer = by_card
    payer.until(datetime(2026, 3, 4, 20, tzinfo=payer.now.tzinfo))
    intent = payer.intend(10_000)
    on_page(_reachable(intent), "debit")
    payer.webhooks()
    assert payer.intent(intent["id"])["state"] == "processing"
    assert ("payment_in_flight", True) in payer.holds()
    before = payer.reminders()

    payer.until(datetime(2026, 3, 7, 12, tzinfo=payer.now.tzinfo))
    assert payer.reminders() == before

    on_page(_reachable(intent), "bounce")
    payer.webhooks()
    assert payer.intent(intent["id"])["state"] == "failed"
    assert ("payment_in_flight", True) not in payer.holds()
    payer.until(datetime(2026, 3, 9, 12, tzinfo=payer.now.tzinfo))
    assert payer.reminders() > before


def test_an_open_page_holds_reminders_back_for_half_an_hour_and_runs_out(payer: Payer) -> None:
    intent = payer.intend(10_000)
    assert payer.holds() == [("payment_in_flight", True)]

    payer.until(payer.now + timedelta(minutes=31))
    assert payer.holds() == [("payment_in_flight", False)]
    payer.until(payer.now + timedelta(minutes=30))

    assert payer.intent(intent["id"])["state"] == "expired"
    on_page(_reachable(intent), "pay")
    payer.webhooks()
    assert payer.intent(intent["id"])["state"] == "succeeded"
    assert [amount for _, amount in payer.ledger()] == [10_000]


def test_a_payment_is_taken_back_and_what_was_paid_in_that_moment_is_paid(payer: Payer) -> None:
    left, paid = payer.intend(5_000), payer.intend(6_000)
    on_page(_reachable(paid), "pay", "never")

    for _ in range(2):
        gone = payer.me("POST", f"{payer.path}/{left['id']}/cancel")
        assert (gone["state"], gone["pay_url"]) == ("cancelled", None)
    refused = payer.me("POST", f"{payer.path}/{paid['id']}/cancel", good=False)

    assert refused["status"] == 409
    assert payer.intent(paid["id"])["state"] == "succeeded"
    assert [amount for _, amount in payer.ledger()] == [6_000]
    assert payer.holds().count(("payment_in_flight", True)) == 0


def test_a_webhook_for_another_amount_is_refused_kept_listed_and_a_task(payer: Payer) -> None:
    intent = payer.intend(10_000)
    on_page(_reachable(intent), "pay", "other_amount")

    assert set(payer.webhooks()) == {200}

    assert payer.ledger() == []
    assert payer.intent(intent["id"])["state"] == "pending"
    assert {why for _, why in payer.refused()} == {"other_amount"}
    tasks = payer.desk("GET", "/tasks?queue=payments")["items"]
    assert {each["kind"] for each in tasks} == {"payment_event_refused"}
    payer.now += timedelta(minutes=2)
    payer.ask()  # the provider itself says the right amount
    assert [amount for _, amount in payer.ledger()] == [10_000]


def test_a_webhook_in_another_currency_or_of_no_intent_or_forged_is_refused_and_kept(by_card: Payer) -> None:
    payer = by_card
    intent = payer.intend(10_000)
    on_page(_reachable(intent), "pay", "other_currency")
    posts = payer.stand_in.callbacks()
    payer.webhooks()
    forged = {**posts[0], "body": posts[0]["body"].replace("10000", "1")}

    assert [payer.deliver(forged).status_code for _ in range(3)] == [403, 403, 403]

    assert sorted(payer.refused()) == [
        ("checkout.session.completed", "other_currency"),
        ("forged", "forged"),
        ("payment_intent.succeeded", "other_currency"),
    ]
    assert payer.ledger() == []


def test_the_same_webhook_played_again_later_is_forged_by_its_age(by_card: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    payer = by_card
    on_page(_reachable(payer.intend(10_000)), "pay")
    posts = payer.stand_in.callbacks()
    payer.webhooks()
    later = clock.system_now() + timedelta(minutes=6)
    monkeypatch.setattr(clock, "system_now", lambda: later)

    assert [payer.deliver(post).status_code for post in posts] == [403, 403]

    assert [amount for _, amount in payer.ledger()] == [10_000]


def _reachable(intent: dict[str, Any]) -> str:
    url: str = intent["pay_url"]
    return url


def _asked(payer: Payer, intent: dict[str, Any]) -> Any:
    from app.persistence.queries.payment_intents import find_intent
    from app.services.payment_intents import asked_of

    with reading() as session:
        row = find_intent(session, intent["id"])
        assert row is not None
        return asked_of(row)
