"""The test `window`: contact only between two wall times, in every zone the borrower may be in."""

from collections.abc import Iterable

from app.domain.law.params import Answer, Params, Test, decided
from app.domain.law.questions import Question
from app.domain.law.records import Element, covers_channel
from app.domain.law.results import Result, Topic
from app.domain.law.wall_hours import DAY_MINUTES, Hours, Spans, first_allowed, intersection, minute_of, span, union

_NO_COMMON_HOUR = Result("block", missing=("borrower_zone",), topic=Topic.HOURS)
_AVOIDED_PLACE = Result("block", topic=Topic.RECIPIENT)


def window(params: Params) -> Test:
    """Compile the test. A preference counts when it is recorded by then and covers the channel."""
    usual = span(params.minute("allow_from"), params.minute("allow_to"))
    always_zone = params.zone("always_zone")
    mode = params.choice("preferences", ("none", "narrow", "both"), "none")
    places = params.flag("places")
    skip_sunday, skip_holidays = params.flag("skip_sunday"), params.flag("skip_holidays")
    plain = Hours(usual, skip_sunday)

    def test(question: Question) -> Answer:
        wishes = question.facts.get("contact_preferences")
        if places and wishes and _avoids_place(wishes, question):
            return decided(_AVOIDED_PLACE)
        zones = question.zones
        if not zones:
            return decided(_NO_COMMON_HOUR)
        at = question.at
        if at is None:
            return None
        hours = plain
        if mode != "none" and wishes:
            hours = Hours(wished_spans(usual, _counting(wishes, question), widen=mode == "both"), skip_sunday)
        if skip_holidays and question.holidays:
            hours = hours._replace(skip_dates=question.holidays)
        if always_zone is not None and always_zone not in zones:
            zones = (*zones, always_zone)
        for zone in zones:
            if not hours.allow(question.local(zone)):
                break
        else:
            return None
        key = (zones, hours)
        if key not in question.found_hours:
            question.found_hours[key] = first_allowed(at, zones, hours)
        until = question.found_hours[key]
        return decided(_NO_COMMON_HOUR if until is None else Result("defer", until=until, topic=Topic.HOURS))

    return test


def wished_spans(usual: Spans, wishes: Iterable[Element], *, widen: bool) -> Spans:
    """Return the usual minutes narrowed by wishes and, where that is asked, widened by those that have evidence.

    Each `only_between` narrows further. An end that a wish leaves open is the start or the end of the day; a wish that
    widens must name both.
    """
    narrowed = usual
    added: Spans = ()
    for wish in wishes:
        kind, start, end = wish["kind"], wish.get("from"), wish.get("to")
        if kind == "not_before" and start is not None:
            narrowed = intersection(narrowed, span(minute_of(start), DAY_MINUTES))
        elif kind == "only_between":
            first = 0 if start is None else minute_of(start)
            narrowed = intersection(narrowed, span(first, DAY_MINUTES if end is None else minute_of(end)))
        elif kind == "also_between" and widen and wish.get("evidence") and start is not None and end is not None:
            added = union(added, span(minute_of(start), minute_of(end)))
    return union(narrowed, added) if added else narrowed


def _counting(wishes: Iterable[Element], question: Question) -> list[Element]:
    channel = question.facts.get("channel")
    return [wish for wish in wishes if covers_channel(wish, channel) and _is_recorded(wish, question)]


def _avoids_place(wishes: Iterable[Element], question: Question) -> bool:
    place = question.facts.get("recipient_place")
    return place is not None and any(
        wish["kind"] == "avoid_place" and wish.get("place") == place for wish in _counting(wishes, question)
    )


def _is_recorded(wish: Element, question: Question) -> bool:
    recorded_at = wish.get("recorded_at")
    return question.at is None or recorded_at is None or recorded_at <= question.at
