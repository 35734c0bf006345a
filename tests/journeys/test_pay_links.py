"""A text message leads to a page, a proof, the provider's page and back; what is paid ends the link and the reminders."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app.persistence.unit_of_work import unit_of_work
from app.services.pay_links import use_pages
from app.services.policies import activate_document
from app.services.rule_parts import use_channels
from tests.builders.cases import default_document
from tests.builders.pay_pages import fields_of
from tests.builders.payments import on_page
from tests.fakes.stand_in import stand_in, stand_in_process
from tests.journeys.test_payments import DUE, Payer, by_card

__all__ = ["by_card", "stand_in", "stand_in_process"]


@pytest.fixture
def by_text(app: Flask, by_card: Payer) -> Iterator[Payer]:
    """The payer, reminded by text message the day after an instalment was due."""
    use_channels(["sms"])
    use_pages("http://localhost")
    step: dict[str, Any] = {"key": "d+1", "offset_days": 1, "template": "overdue_early", "ladder": [{"channel": "sms"}]}
    with unit_of_work() as work:
        activate_document(work, default_document() | {"version": 2, "steps": [step]}, author="ops", now=by_card.now)
    yield by_card
    use_channels(())
    use_pages(None)


def test_a_text_leads_to_the_providers_page_and_what_is_paid_ends_the_link(by_text: Payer) -> None:
    payer = by_text
    payer.until(payer.now.replace(year=DUE[0].year, month=DUE[0].month, day=DUE[0].day) + timedelta(days=1, hours=6))
    (text,) = payer.channels["sms"].sent
    found = re.search(r"http://localhost(/v1/o/[\w-]{35}) ", text.body)
    assert found, text.body

    shown = payer.client.post(found[1], data={"last_four": "L1"})
    sent_on = payer.client.post(f"{found[1]}/checkout", data=fields_of(shown.text))
    on_page(sent_on.headers["Location"], "pay")
    payer.webhooks()

    assert sent_on.status_code == 303
    assert [amount for _, amount in payer.ledger()] == [10_000]
    assert "Nothing is open" in payer.client.get(found[1]).text
    assert payer.balance()["overdue"]["total"]["amount_minor"] == 0
    payer.until(payer.now + timedelta(days=5))
    assert len(payer.channels["sms"].sent) == 1
