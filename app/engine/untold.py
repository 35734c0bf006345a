"""The tick that asks providers what became of messages they have not told of. Addresses go from here to the wire."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from app.channels.base import NOT_TAKEN, Asked, Channel, Queryable, Target
from app.engine.addresses import AddressBook
from app.persistence.queries.outbox import Claimable
from app.persistence.unit_of_work import close_session, unit_of_work
from app.services.untold import Answer, Ask, Untold, measure_untold, resolve_untold


def ask_about_untold(channels: Mapping[str, Channel], *, now: datetime) -> int:
    """Ask about a batch of untold messages; return how many were cleared up."""
    told = resolve_untold(asking(channels, now), now=now)
    measure_untold(now=now)
    return told


def asking(channels: Mapping[str, Channel], now: datetime) -> Ask:
    """Return how the providers of these channels are asked."""

    def ask(channel: str, provider: str, untold: Sequence[Untold]) -> Sequence[Answer | None]:
        several: Mapping[str, Channel] = getattr(channels.get(channel), "providers", {})
        adapter = _queryable(several.get(provider, channels.get(channel)), provider)
        others = [each for name in several if name != provider and (each := _queryable(several[name], name)) is not None]
        if adapter is None and not others:
            return []
        targets = _targets(untold, now)
        close_session()  # a slow provider must not hold a connection
        known = [each for each in untold if each.id in targets]
        found: dict[str, Answer] = {}
        if adapter is not None:
            found = _told_by(adapter, known, targets, now)
        taken = {each.id for each in known if each.is_taken}
        found = {key: answer for key, answer in found.items() if key not in taken or _has_it(answer)}
        if len(several) > 1:
            # Of an unrecorded hand-over the one it was meant for knows nothing if it went to another: it may have gone on.
            unsure = {each.id for each in known if not each.is_provider_known}
            found = {key: answer for key, answer in found.items() if key not in unsure or _has_it(answer)}
            for other in others:
                rest = [each for each in known if each.id in unsure - found.keys()]
                told = _told_by(other, rest, targets, now) if rest else {}
                found |= {key: answer for key, answer in told.items() if _has_it(answer)}
        return [found.get(each.id) for each in untold]

    return ask


def _told_by(adapter: Any, untold: Sequence[Untold], targets: Mapping[str, Target], now: datetime) -> dict[str, Answer]:
    """Ask one provider; return what it knows, by message id."""
    if not untold:
        return {}
    asked = [Asked(each.id, targets[each.id], each.sent_at, each.provider_reference) for each in untold]
    reports = zip(untold, adapter.find(asked, now=now), strict=True)
    return {each.id: Answer(adapter.provider, report) for each, report in reports if report is not None}


def _has_it(answer: Answer) -> bool:
    """Whether a provider tells of a message that it took, not that it knows of none."""
    return answer.report.error_code != NOT_TAKEN


def _queryable(adapter: Any, provider: str) -> Queryable | None:
    """Return an adapter if it is this provider's and can be asked."""
    is_it = adapter is not None and adapter.provider == provider
    return adapter if is_it and isinstance(adapter, Queryable) else None


def _targets(untold: Sequence[Untold], now: datetime) -> dict[str, Target]:
    """Return message id -> where it went; without those that went to a stored address that is another by now."""
    found: dict[str, Target] = {}
    with unit_of_work() as work:
        messages = cast(Sequence[Claimable], untold)
        book = AddressBook(work, messages, now)
        for each, message in zip(untold, messages, strict=True):
            for addressed in book.targets_of(message):
                if addressed.target.endpoint_id == each.endpoint_id:
                    found[each.id] = addressed.target
                    break
    return found
