"""What a policy document's schema cannot see: a step without a stage, arms that do not add up, a cap said twice."""

from datetime import date

from app.domain.errors import FieldError, ValidationError
from app.domain.money import minor_from_text
from app.domain.policies import STAGE_ORDER
from app.domain.policy_problems import Document, Known, Problems
from app.domain.policy_reading import read_cap
from app.domain.policy_step_checks import check_ladder, check_step
from app.domain.policy_words import STOP_WORDS, pointer_to, read_duration

_MOST_A_DAY = 3
"""More outreach than this in a day is never right, whatever the law allows."""


def check_meaning(document: Document, known: Known) -> list[FieldError]:
    """Return everything wrong with a document that has the right form, each with its pointer; empty: nothing."""
    problems = Problems(known)
    for part in (_names, _stages, _caps, _figures, _defaults, _experiments, _keys):
        part(document, problems)
    for index in range(len(document["steps"])):
        check_step(document, index, problems)
    for index in range(len(document.get("promise_steps", ()))):
        check_step(document, index, problems, part="promise_steps")
    return problems.found


def _names(document: Document, problems: Problems) -> None:
    known = problems.known
    problems.name("/lender", document.get("lender"), known.lenders, "lender of this installation")
    for index, name in enumerate(document.get("jurisdictions", ())):
        problems.name(pointer_to("jurisdictions", index), name, known.jurisdictions, "jurisdiction there is a law pack for")
    for index, kind in enumerate(document.get("stop_on", ())):
        problems.name(pointer_to("stop_on", index), kind, STOP_WORDS, "hold that stops")


def _stages(document: Document, problems: Problems) -> None:
    stages = document["stages"]
    for index, stage in enumerate(stages):
        at = pointer_to("stages", index)
        problems.name(f"{at}/key", stage["key"], frozenset(STAGE_ORDER), "stage")
        if stage["from"] > stage["to"]:
            problems.add(at, "stage", f"Stage {stage['key']!r} ends before it begins.")
        if stage["key"] in [each["key"] for each in stages[:index]]:
            problems.add(f"{at}/key", "unique", f"Stage {stage['key']!r} is there twice.")
            continue
        for earlier in stages[:index]:
            if earlier["from"] <= stage["to"] and stage["from"] <= earlier["to"]:
                problems.add(at, "stage", f"Stages {earlier['key']!r} and {stage['key']!r} share days; a day has one stage.")
    order = [stage["key"] for stage in sorted(stages, key=lambda each: each["from"]) if stage["key"] in STAGE_ORDER]
    if sorted(order, key=STAGE_ORDER.index) != order:
        problems.add("/stages", "stage", f"Stages come in this order of days: {', '.join(STAGE_ORDER)}.")


def _caps(document: Document, problems: Problems) -> None:
    caps = [read_cap(cap) for cap in document["caps"]]
    seen: dict[str, int] = {}
    for index, cap in enumerate(caps):
        first = seen.setdefault(cap.rule, index)
        if first != index:
            problems.add(pointer_to("caps", index), "unique", f"The same cap stands in /caps/{first} already.")
        if (cap.per, cap.channel, cap.days) == ("borrower", None, 1) and cap.max_contacts > _MOST_A_DAY:
            problems.add(
                pointer_to("caps", index, "max"), "maximum", f"There are never more than {_MOST_A_DAY} contacts a day."
            )
    if "caps.borrower.P1D" not in seen:
        problems.add("/caps", "required", "The daily cap is missing: {per: borrower, window: P1D, max: 1}.")


def _figures(document: Document, problems: Problems) -> None:
    for currency, amount in document.get("tolerance", {}).items():
        try:
            minor_from_text(amount, currency)
        except ValidationError as refusal:
            problems.add(pointer_to("tolerance", currency), "money", refusal.detail)
    days: dict[str, date] = {}
    for end, written in document.get("in_force", {}).items():
        try:
            days[end] = date.fromisoformat(written)
        except ValueError:
            problems.add(pointer_to("in_force", end), "date", f"{written!r} is no day of the calendar.")
    if len(days) == 2 and days["from"] >= days["until"]:
        problems.add("/in_force", "in_force", "The policy ends before it begins; `until` is the first day without it.")
    if "balance_max_age" in document and not read_duration(document["balance_max_age"]):
        problems.add("/balance_max_age", "duration", "An age of nothing leaves no loan to remind.")


def _defaults(document: Document, problems: Problems) -> None:
    defaults = document.get("defaults", {})
    if "audience" in defaults:
        problems.condition(document, defaults["audience"], "/defaults/audience")
    if "ladder" in defaults:
        check_ladder(document, defaults["ladder"], "/defaults/ladder", problems)


def _experiments(document: Document, problems: Problems) -> None:
    holdout = document.get("holdout")
    stages = frozenset(stage["key"] for stage in document["stages"])
    if holdout is not None:
        problems.name("/holdout/max_stage", holdout["max_stage"], stages, "stage of this policy")
    arms_of: dict[str, tuple[int, dict[str, int]]] = {}
    for index, step in enumerate(document["steps"]):
        experiment = step.get("experiment")
        if experiment is None:
            continue
        at = pointer_to("steps", index, "experiment")
        if holdout is not None and experiment["key"] == holdout["key"]:
            problems.add(f"{at}/key", "unique", "The holdout has this key: the same people would be in both.")
        arms = {name: arm if isinstance(arm, int) else arm["percent"] for name, arm in experiment["arms"].items()}
        if sum(arms.values()) != 100:
            problems.add(f"{at}/arms", "arms", f"The arms add up to {sum(arms.values())}, not to 100.")
        first, others = arms_of.setdefault(experiment["key"], (index, arms))
        if others != arms:
            detail = f"Experiment {experiment['key']!r} has other arms in /steps/{first}: people would change arms."
            problems.add(f"{at}/arms", "arms", detail)


def _keys(document: Document, problems: Problems) -> None:
    placed = [
        (part, index, step) for part in ("steps", "promise_steps") for index, step in enumerate(document.get(part, ()))
    ]
    first: dict[str, str] = {}
    for part, index, step in placed:
        place = pointer_to(part, index)
        if first.setdefault(step["key"], place) != place:
            problems.add(f"{place}/key", "unique", f"{first[step['key']]} has the key {step['key']!r} already.")
    claimed: dict[str, str] = {}
    for part, index, step in placed:
        place = pointer_to(part, index)
        for no, replaced in enumerate(step.get("replaces", ())):
            at = f"{place}/replaces/{no}"
            if replaced in first:
                problems.add(at, "replaces", f"{replaced!r} is a step of this version; only a key that is gone is replaced.")
            elif claimed.setdefault(replaced, place) != place:
                problems.add(at, "replaces", f"{claimed[replaced]} replaces {replaced!r} already.")
