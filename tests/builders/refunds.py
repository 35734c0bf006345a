"""A paid-off loan with money over, and a provider that answers as it is told."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from app.domain.money import Money
from app.domain.payment_providers import AskedPayment, ProviderDownError, ProviderRefusedError, RefundNews
from app.persistence.ids import new_id
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.models.refunds import RefundRow
from app.persistence.unit_of_work import unit_of_work
from app.services.refunds import Staff, approve_refund, request_refund
from tests.builders.book import Built, build_loan, pay
from tests.conftest import START

ANN, BOB = Staff("staff:Ann", "supervisor"), Staff("staff:Bob", "supervisor")


def an_overpaid_loan(over_minor: int, *, by_intent: bool = False) -> Built:
    """A loan of one row of 10,000, paid with so much more; `by_intent`: at a provider."""
    loan = build_loan(now=START, due=[date(2026, 3, 1)])
    paid_minor = 10_000 + over_minor
    if by_intent:
        an_intent(loan, paid_minor)
    pay(loan, paid_minor, now=START)
    return loan


def an_intent(loan: Built, amount_minor: int, *, state: str = "succeeded") -> str:
    """A payment at the provider `fake`."""
    intent_id = new_id()
    with unit_of_work() as work:
        work.session.add(
            PaymentIntentRow(
                id=intent_id, borrower_id=loan.borrower_id, loan_id=loan.loan_id, lender_id=loan.lender_id, provider="fake",
                is_live=False, purpose="due", amount_minor=amount_minor, currency="USD", state=state,
                provider_reference=f"cs_{intent_id[-8:]}", payment_reference=f"pi_{intent_id[-8:]}",
                expires_at=START + timedelta(hours=1),
                page_until=START + timedelta(hours=1),
                locale="en", created_by="borrower", created_at=START, changed_at=START, version=1,
            )
        )  # fmt: skip
    return intent_id


def ask(loan: Built, minor: int | None = None, *, by: str = "borrower") -> str:
    """Ask for money back; return the refund's id."""
    amount = None if minor is None else Money(minor, "USD")
    with unit_of_work() as work:
        return request_refund(work, loan.borrower_id, loan.loan_id, amount, by=by, now=START).id


def approve(loan: Built, refund_id: str, *, staff: Staff = BOB, method: str | None = None) -> RefundRow:
    """Approve it."""
    with unit_of_work() as work:
        return approve_refund(work, loan.lender_id, refund_id, staff=staff, now=START, method=method)


@dataclass
class FakeRefunds:
    """A provider's refunds: by key, what is there. `down`: so many calls are not answered; `does_first`: though they act."""

    says: str = "succeeded"
    down: int = 0
    does_first: bool = False
    refuses: str | None = None
    made: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def refund(self, asked: AskedPayment, amount_minor: int, *, key: str) -> RefundNews:
        self.calls.append("refund")
        if self.refuses:
            raise ProviderRefusedError(self.refuses)
        if not self.down or self.does_first:
            self.made.setdefault(key, amount_minor)
        return self._answer(key)

    def look_up_refund(self, asked: AskedPayment, reference: str, *, key: str) -> RefundNews | None:
        self.calls.append("look up")
        return self._answer(key) if self.down or key in self.made else None

    def _answer(self, key: str) -> RefundNews:
        if self.down:
            self.down -= 1
            raise ProviderDownError
        return RefundNews(f"re_{key[-8:]}", self.says, "declined" if self.says == "failed" else None)
