"""Handing refunds to the providers that took the payments, and asking what became of them. No call is in a transaction."""

from collections.abc import Mapping
from datetime import datetime

from app.domain.payment_providers import PaymentProvider, ProviderDownError, ProviderRefusedError, RefundNews
from app.logs import logger
from app.persistence.queries.refunds import DueRefund, find_due
from app.persistence.unit_of_work import close_session, reading, unit_of_work
from app.services.refund_sending import RefundOrder, note_news, note_refusal, take_refund

BATCH = 50


def send_refunds(providers: Mapping[str, PaymentProvider], *, now: datetime) -> int:
    """Send what is approved, ask about what was sent; return how many calls were made. One that fails stops no other."""
    with reading() as session:
        due = find_due(session, now=now, limit=BATCH)
    return sum(_send(each, providers, now) for each in due)


def _send(due: DueRefund, providers: Mapping[str, PaymentProvider], now: datetime) -> int:
    try:
        with unit_of_work() as work:
            order = take_refund(work, due.id, due.borrower_id, providers=providers, now=now)
        if order is None:
            return 0
        close_session()
        _ask(providers[order.provider], order, due, now)
        return 1
    except Exception:
        logger().exception("refund could not be looked at", refund_id=due.id)
        return 0


def _ask(provider: PaymentProvider, order: RefundOrder, due: DueRefund, now: datetime) -> None:
    try:
        news = _news(provider, order)
    except ProviderDownError:
        return  # `take_refund` has noted when it is asked about again
    except ProviderRefusedError as error:
        with unit_of_work() as work:
            note_refusal(work, order, due.borrower_id, error.code, now=now)
        return
    with unit_of_work() as work:
        note_news(work, order, due.borrower_id, news, now=now)


def _news(provider: PaymentProvider, order: RefundOrder) -> RefundNews:
    if not order.is_new:
        known = provider.look_up_refund(order.payment, order.reference or "", key=order.refund_id)
        if known is not None:
            return known
    return provider.refund(order.payment, order.amount_minor, key=order.refund_id)
