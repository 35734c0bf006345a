"""Tests of the period in which a debt may be disputed: `disputed_amount`, `assumed_receipt`."""

from datetime import timedelta

from app.domain.law.params import Answer, Params, Test, decided, noted
from app.domain.law.questions import Question
from app.domain.law.records import LIVES, is_active
from app.domain.law.results import Result, Topic
from app.domain.law.spans import add_business_days

_LIFE = LIVES["dispute"]
_WHOLE_DEBT = Result("block", topic=Topic.STANDING)
_NOTICE = "validation_notice"


def disputed_amount(params: Params) -> Test:
    """Compile the test. Parts of several disputes add up; when they reach what is owed, the whole debt is disputed."""

    def test(question: Question) -> Answer:
        last_on = question.facts.get("validation_period_ends_on")
        if last_on is None:
            return None
        open_ones = [
            dispute
            for dispute in question.facts.get("disputes") or ()
            if dispute["written"]
            and is_active(dispute, _LIFE, question.at)
            and question.date_of(dispute["received_at"]) <= last_on
        ]
        if not open_ones:
            return None
        parts = [dispute.get("disputed_minor") for dispute in open_ones]
        amounts = [part for part in parts if part is not None]
        if len(amounts) < len(parts):
            return decided(_WHOLE_DEBT)
        owed = question.get("position.outstanding_minor")
        if owed is None:
            return None
        rest = owed - sum(amounts)
        return noted(Result("allow", values={"collectable_minor": rest})) if rest > 0 else decided(_WHOLE_DEBT)

    return test


def assumed_receipt(params: Params) -> Test:
    """Compile the test. The first validation notice that was sent and did not come back begins the period."""
    business_days, days = params.count("business_days", 0), timedelta(days=params.count("days", 0))

    def test(question: Question) -> Answer:
        sent = [
            notice["sent_at"]
            for notice in question.facts.get("notices") or ()
            if notice["kind"] == _NOTICE and notice.get("sent_at") is not None and notice.get("returned_at") is None
        ]
        if not sent:
            return None
        received_on = add_business_days(question.date_of(min(sent)), business_days, question.holidays)
        values = {"assumed_received_on": received_on, "period_ends_on": received_on + days}
        return decided(Result("compute", values=values))

    return test
