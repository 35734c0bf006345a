"""What is wrong with one step of a policy document: its stage, its times, its ladder, its class, its arms."""

from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any

from app.domain.policies import CAPPED_CLASSES, OUTWARD_CHANNELS
from app.domain.policy_problems import Document, Problems
from app.domain.policy_reading import filled, read_arms, read_times, stage_of
from app.domain.policy_words import pointer_to, read_duration, told_duration, told_time
from app.domain.quiet_hours import QuietHours

_A_DAY = date(2001, 1, 1)
"""Wall times are compared on one day without a zone."""
_UNSENT = {"ladder": "a ladder", "experiment": "an experiment", "class": "a class", "notice": "a notice"}


def check_step(document: Document, index: int, problems: Problems, *, part: str = "steps") -> None:
    """Add everything wrong with the step at `index` of `part`: steps, or promise_steps, which lie in no stage."""
    given: Document = document[part][index]
    step = filled(document, given)
    at = pointer_to(part, index)
    if part == "steps" and stage_of(document, step["offset_days"]) is None:
        problems.add(f"{at}/offset_days", "stage", f"No stage covers day {step['offset_days']}.")
    if "audience" in given:
        problems.condition(document, given["audience"], f"{at}/audience")
    _templates(given, at, problems)
    _class(given, step, at, problems)
    if "ladder" in given:
        check_ladder(document, given["ladder"], f"{at}/ladder", problems)
    _times(document, at, step, problems)


def check_ladder(document: Document, ladder: list[Document], at: str, problems: Problems) -> None:
    """Add everything wrong with a ladder for itself: a channel twice, a wait that has nothing to wait for."""
    channels = Counter(rung["channel"] for rung in ladder)
    for channel, count in channels.items():
        if count > 1:
            problems.add(at, "unique", f"{channel} is on the ladder {count} times.")
    for no, rung in enumerate(ladder):
        place = f"{at}/{no}"
        if "after" in rung and no == 0:
            problems.add(f"{place}/after", "ladder", "The first rung has none before it to wait for.")
        if "give_up" in rung and no == len(ladder) - 1:
            problems.add(f"{place}/give_up", "ladder", "The last rung is followed by none that it could give up for.")
        if "after" in rung and no and "give_up" in ladder[no - 1]:
            problems.add(f"{place}/after", "ladder", f"`give_up` of {at}/{no - 1} says already when this rung is used.")
        if rung["channel"] == "in_app" and no and "after" in rung:
            problems.add(f"{place}/after", "ladder", "The message in the app is there at once; it waits for nothing.")
        if "only_if" in rung:
            problems.condition(document, rung["only_if"], f"{place}/only_if")


def _templates(step: Document, at: str, problems: Problems) -> None:
    action = step.get("action")
    needs_template = action is None or action["task"] == "letter"
    if "template" not in step and needs_template:
        problems.add(at, "required", "'template' is missing: a step that sends says what.")
    problems.name(f"{at}/template", step.get("template"), problems.known.templates, "template")
    problems.name(f"{at}/notice", step.get("notice"), problems.known.notices, "notice of law")
    if action is not None:
        for key, what in _UNSENT.items():
            if key in step and not (action["task"] == "letter" and key in ("class", "notice")):
                problems.add(f"{at}/{key}", "action", f"A step with an action makes a task for a person; it has not {what}.")
        return
    if "experiment" in step:
        arms = step["experiment"]["arms"]
        for name, arm in arms.items():
            if not isinstance(arm, int):
                place = f"{at}/experiment/arms{pointer_to(name)}/template"
                problems.name(place, arm["template"], problems.known.templates, "template")
        if len({template for _, _, template in read_arms(arms, step.get("template", ""))}) < 2:
            problems.add(f"{at}/experiment/arms", "arms", "The arms do not differ: each sends the same template.")


def _class(given: Document, step: Document, at: str, problems: Problems) -> None:
    message_class = given.get("class")
    if message_class in ("servicing", "support") and step["offset_days"] > 0:
        problems.add(
            f"{at}/class",
            "class",
            f"After the due date a step asks for money: that is not {message_class}, which no cap counts.",
        )
    if message_class == "statutory" and "notice" not in given:
        problems.add(f"{at}/class", "class", "A statutory step names the `notice` that a law demands.")
    if message_class is not None and message_class not in CAPPED_CLASSES and "experiment" in given:
        problems.add(f"{at}/experiment", "class", f"Nobody may be left out of a {message_class} message: no experiment.")


def _times(document: Document, place: str, step: Document, problems: Problems) -> None:
    start, end = read_times(step["at"])
    expires_after = read_duration(step["expires_after"])
    named = f"Step {step['key']!r}"
    if not expires_after:
        problems.add(_place(document, place, "expires_after"), "duration", f"{named} has run out when it is reached.")
    elif read_duration(document.get("not_after_margin", "PT5M")) >= expires_after:
        detail = f"{named} has run out before its not_after_margin lets it leave."
        problems.add(_place(document, place, "expires_after"), "duration", detail)
    if end is not None and end <= start:
        problems.add(
            _place(document, place, "at"), "window", f"The window of step {step['key']!r} ends before it begins, or with it."
        )
        end = None
    quiet = document["quiet_hours"]
    hours = QuietHours(time.fromisoformat(quiet["start"]), time.fromisoformat(quiet["end"]))
    if "action" in step:
        return
    if any(rung["channel"] in OUTWARD_CHANNELS for rung in step["ladder"]):
        quiet_at = first_quiet(hours, start, end or start)
        if quiet_at is not None:
            problems.add(
                _place(document, place, "at"), "quiet_hours",
                f"{named} lies in the quiet hours at {told_time(quiet_at)}: it would never leave when it is planned.",
            )  # fmt: skip
    _waits(document, place, step, (start, end or start), hours, problems)


def _waits(
    document: Document, place: str, step: Document, between: tuple[time, time], hours: QuietHours, problems: Problems
) -> None:
    """A rung that its own wait, or quiet hours at its end, bring past the step's expiry."""
    expires_after = read_duration(step["expires_after"])
    waited = timedelta(0)
    handed_on: Any = None
    for no, rung in enumerate(step["ladder"]):
        wait = handed_on or rung
        handed_on = rung.get("give_up")
        if "after" not in wait:
            continue
        waited += read_duration(wait["after"])
        at = f"{_place(document, place, 'ladder')}/{no}"
        if waited >= expires_after:
            detail = f"waits {told_duration(waited)}, and the step runs out after {told_duration(expires_after)}"
            problems.add(at, "expires_after", f"Rung {rung['channel']} of step {step['key']!r} {detail}.")
        elif all(_resumes(hours, wall, waited) >= expires_after for wall in between):
            detail = "falls into the quiet hours, and the step runs out before they end"
            problems.add(at, "expires_after", f"Rung {rung['channel']} of step {step['key']!r} {detail}.")


def _resumes(hours: QuietHours, wall: time, waited: timedelta) -> timedelta:
    """How long after the step's time a rung may leave, quiet hours over."""
    start = datetime.combine(_A_DAY, wall)
    moment = start + waited
    if not is_quiet(hours, moment.time()):
        return waited
    end = datetime.combine(moment.date(), hours.end)
    return (end if end > moment else end + timedelta(days=1)) - start


def is_quiet(hours: QuietHours, wall: time) -> bool:
    """Return whether a time of day lies in quiet hours."""
    if hours.start <= hours.end:
        return hours.start <= wall < hours.end
    return wall >= hours.start or wall < hours.end


def first_quiet(hours: QuietHours, start: time, end: time) -> time | None:
    """Return the first time of day from `start` to `end`, both inclusive and on one day, that is quiet."""
    if is_quiet(hours, start):
        return start
    return hours.start if hours.start != hours.end and start < hours.start <= end else None


def _place(document: Document, place: str, key: str) -> str:
    """Where a step's value was written: at the step (`place`), in the defaults, or nowhere (then the step)."""
    _, part, index = place.split("/")
    if key in document[part][int(index)]:
        return f"{place}/{key}"
    return pointer_to("defaults", key) if key in document.get("defaults", {}) else place
