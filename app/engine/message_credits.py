"""Consents that messages use up: taken when a message is claimed, given back when it was surely not sent.

A message whose outcome is not known keeps its consent: it may have been sent, and the platform would then refuse the next.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from app.channels.base import DeliveryResult, Outcome
from app.persistence.unit_of_work import Work
from app.services.subscription_credits import give_back, spend_all, take_credit

if TYPE_CHECKING:
    from app.engine.claiming import Try

NOT_SUBSCRIBED = ("failed", "NOT_SUBSCRIBED")
"""State and reason of a message whose consent was used up between its decision and its claim."""
_NO_CONSENT = "not_subscribed"


def take_credits(work: Work, tries: Sequence["Try"], *, now: datetime) -> tuple[list["Try"], dict[str, tuple[str, str]]]:
    """Return the tries that may go on, and what ends for want of a consent, with state and reason."""
    ended: dict[str, tuple[str, str]] = {}
    for borrower_id, code, one in _using(tries):
        if not take_credit(work, borrower_id, code, now=now):
            ended[one.message.id] = NOT_SUBSCRIBED
    return [one for one in tries if one.message.id not in ended], ended


def give_back_credits(work: Work, tries: Iterable["Try"], *, now: datetime) -> None:
    """Give back what was taken for tries that were not handed over."""
    for borrower_id, code, _ in _using(tries):
        give_back(work, borrower_id, code, now=now)


def settle_credits(work: Work, results: Sequence[tuple["Try", DeliveryResult]], *, now: datetime) -> None:
    """Give back what was taken for what was surely not sent. Where the platform knows of no consent, none is left."""
    answers = {one.attempt_id: result for one, result in results}
    for borrower_id, code, one in _using(one for one, _ in results):
        result = answers[one.attempt_id]
        if result.error_code == _NO_CONSENT:
            spend_all(work, borrower_id, code, now=now)
        elif result.outcome in (Outcome.REFUSED, Outcome.RETRY):
            give_back(work, borrower_id, code, now=now)


def _using(tries: Iterable["Try"]) -> list[tuple[str, str, "Try"]]:
    """Return the tries that use a consent up, with whose it is and of which template: always in one order, so that two who
    take several cannot wait for each other in a ring."""
    found = []
    for one in tries:
        template = one.outgoing.provider_templates.get(one.provider)
        if template is not None and template.is_one_time:
            found.append((one.message.borrower_id, template.code, one))
    return sorted(found, key=lambda each: (each[0], each[1], each[2].message.id))
