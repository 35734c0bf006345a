"""A payment provider of tests: it says what the test tells it to, and counts what it is asked."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.domain.payment_intents import IntentTimes, PaymentEvent
from app.domain.payment_providers import (
    AskedPayment,
    ForgedPostError,
    OpenedPayment,
    PaymentNews,
    PaymentOrder,
    PaymentPost,
    ProviderAnswer,
    RefundNews,
)


@dataclass
class FakePayments:
    """`on_create` may raise; `stands` is what it answers when asked, by our id of the payment."""

    name: str = "fake"
    is_live: bool = True
    currencies: frozenset[str] = frozenset()
    lenders: frozenset[str] = frozenset()
    times: IntentTimes = field(default_factory=IntentTimes)
    on_create: Callable[[PaymentOrder], None] = lambda _order: None
    seconds: float = 0.0
    stands: dict[str, PaymentEvent] = field(default_factory=dict)
    orders: list[PaymentOrder] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    news: list[PaymentEvent] = field(default_factory=list)

    def create(self, order: PaymentOrder) -> OpenedPayment:
        self.orders.append(order)
        time.sleep(self.seconds)
        self.on_create(order)
        return OpenedPayment(f"ref-{order.intent_id}", f"https://pay.example/{order.intent_id}")

    def look_up(self, asked: AskedPayment) -> PaymentEvent | None:
        self.asked.append(asked.intent_id)
        return self.stands.get(asked.intent_id)

    def cancel(self, asked: AskedPayment) -> PaymentEvent | None:
        return self.look_up(asked)

    def refund(self, asked: AskedPayment, amount_minor: int, *, key: str) -> RefundNews:
        return RefundNews(key, "succeeded")

    def look_up_refund(self, asked: AskedPayment, reference: str, *, key: str) -> RefundNews | None:
        return RefundNews(reference, "succeeded")

    def read(self, post: PaymentPost) -> PaymentNews:
        if post.headers.get("fake-signature") != "good":
            raise ForgedPostError("not signed")
        return PaymentNews(self.news, ProviderAnswer(b"taken"))

    def close(self) -> None:
        pass
