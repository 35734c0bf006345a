"""A loan's own order of allocation: twelve steps by name, three classes of rows times four components."""

from collections.abc import Sequence

from app.domain.allocation import Component, Stage, Strategy, Surplus, When
from app.domain.errors import ValidationError

_CLASSES = {"past_due": When.PAST_DUE, "due": When.DUE, "in_advance": When.IN_ADVANCE}
_COMPONENTS = {
    "principal": Component.PRINCIPAL,
    "interest": Component.INTEREST,
    "fee": Component.FEES,
    "penalty": Component.PENALTIES,
}


def custom_strategy(
    order: Sequence[str], *, vertical: bool = False, surplus: Surplus = Surplus.NEXT, name: str = "custom"
) -> Strategy:
    """Return the strategy of a list of twelve such as "past_due_penalty", "due_interest", "in_advance_principal".

    Horizontal: classes in the order they first appear, and a row takes all before the next row. Raises ValidationError for
    what is unknown, missing or twice. Source: Fineract, advanced payment allocation; Mambu, horizontal and vertical.
    """
    steps: list[tuple[When, Component]] = []
    for step in order:
        when, _, component = step.rpartition("_")
        if when not in _CLASSES or component not in _COMPONENTS:
            raise ValidationError(f"{step!r} is no step of an allocation, such as past_due_interest or in_advance_fee.")
        steps.append((_CLASSES[when], _COMPONENTS[component]))
    if len(set(steps)) != len(steps) or len(steps) != len(_CLASSES) * len(_COMPONENTS):
        raise ValidationError("An allocation order names each of the twelve steps once.")
    if vertical:
        stages = [Stage(when, (component,), vertical=True) for when, component in steps]
    else:
        stages = [Stage(when, tuple(c for w, c in steps if w is when)) for when in dict(steps)]
    return Strategy(name, tuple(stages), "the loan's contract", surplus)
