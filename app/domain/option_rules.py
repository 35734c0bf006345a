"""Option rules: what of each kind of plan option is offered to whom, read from layers of data (`content/options/*.yaml`).

A layer says only what differs from the one below it: the default, then a product kind, then a jurisdiction, then both.
Nothing is guessed: a key that is not known, or a value that cannot be meant, is refused with its place.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from app.domain.errors import FieldError, ValidationError
from app.domain.holds import HOLD_REASONS
from app.domain.money import minor_from_text
from app.domain.plan_options import OptionKind

CREDIT_EFFECTS = ("none", "settled", "as_agreed", "arrears_stay", "deferred", "restructured")
"""How an option shows in credit reports; `wording/option_words.py` has the words."""
CLOSED_BY = ("law", "lender")
_COUNTS = {
    "dpd_from": (0, 36_600), "dpd_to": (0, 36_600), "min_rows_paid": (0, 1200), "max_per_12_months": (0, 100),
    "max_over_life": (0, 1000), "cooling_days": (0, 3660), "max_rows": (1, 1200), "max_extra_days": (0, 36_600),
    "offer_valid_days": (0, 366),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Threshold:
    """From when more people must agree: more money put off than so much (by currency, minor units), or more rows."""

    above_minor: Mapping[str, int] = field(default_factory=dict)
    """A currency that is not named is above, so that a threshold forgotten never lets money through."""
    above_rows: int | None = None

    def is_passed(self, currency: str, moved_minor: int, rows: int) -> bool:
        """Return whether an option of that size is above it."""
        if self.above_rows is not None and rows > self.above_rows:
            return True
        return bool(self.above_minor) and moved_minor > self.above_minor.get(currency, -1)


@dataclass(frozen=True, slots=True)
class OptionRule:
    """What holds for one kind. A bound that is None is none; days and rows are inclusive."""

    allowed: bool = True
    closed_by: str = "lender"
    """Who closed it, where it is not allowed: law or lender."""
    dpd_from: int = 0
    dpd_to: int | None = None
    before_maturity: bool = False
    """Only before the last row falls due."""
    min_rows_paid: int = 0
    max_per_12_months: int | None = None
    """Arrangements of this kind accepted within the last 12 months."""
    max_over_life: int | None = None
    cooling_days: int = 0
    """Days after an arrangement of any kind ended in which none begins."""
    max_rows: int | None = None
    max_extra_days: int | None = None
    """By how much the last due date, or with another due day each due date, may move."""
    days: tuple[int, ...] = ()
    """Days of the month that may be chosen, 1 to 28: every month has them."""
    listed: tuple[int, ...] = ()
    """The counts or days that the list names; others within the rules are had by asking."""
    not_under_holds: frozenset[str] = frozenset()
    staff: Threshold | None = None
    four_eyes: Threshold | None = None
    credit_effect: str = "none"
    offer_valid_days: int = 7
    source: str | None = None
    """The paragraph of law behind the rule; None: the lender's own."""

    def approvals(self, currency: str, moved_minor: int, rows: int) -> int:
        """Return how many people must agree: 0, 1, or 2 (four eyes)."""
        if self.four_eyes is not None and self.four_eyes.is_passed(currency, moved_minor, rows):
            return 2
        return int(self.staff is not None and self.staff.is_passed(currency, moved_minor, rows))


@dataclass(frozen=True, slots=True)
class OptionRules:
    """The rules of every kind. `layers` names what they were made of, the lowest first."""

    layers: tuple[str, ...]
    kinds: Mapping[OptionKind, OptionRule]

    def named(self, kind: OptionKind) -> str:
        """Return how the rule of a kind is cited: the paragraph, else the layers it came from."""
        return self.kinds[kind].source or f"options/{'+'.join(self.layers)}#{kind}"


@dataclass(frozen=True, slots=True)
class Layer:
    """One file: for which jurisdiction and product kind (None: any), and what it says of each kind."""

    name: str
    jurisdiction: str | None
    product_kind: str | None
    kinds: Mapping[OptionKind, Mapping[str, Any]]

    @property
    def order(self) -> tuple[int, str]:
        """Where it lies: what is said for fewer loans lies above."""
        return (self.product_kind is not None) + 2 * (self.jurisdiction is not None), self.name


def read_layer(name: str, tree: Any) -> Layer:
    """Read one file's tree. Raises ValidationError with the place of each thing that cannot be meant."""
    wrong: list[FieldError] = []
    top = _object(tree, {"about", "jurisdiction", "product_kind", "kinds"}, "", wrong)
    for key in ("about", "jurisdiction", "product_kind"):
        if top.get(key) is not None and not isinstance(top[key], str):
            wrong.append(FieldError(f"/{key}", "invalid", "It is no text."))
    kinds: dict[OptionKind, dict[str, Any]] = {}
    for kind, said in _object(top.get("kinds"), set(OptionKind), "/kinds", wrong).items():
        kinds[OptionKind(kind)] = _rule(said, f"/kinds/{kind}", wrong)
    if wrong:
        first = wrong[0]
        raise ValidationError(f"Option rules {name}: {first.pointer or '/'}: {first.detail}", errors=tuple(wrong))
    return Layer(name, top.get("jurisdiction"), top.get("product_kind"), kinds)


def rules_of(layers: Iterable[Layer], jurisdiction: str, product_kind: str | None) -> OptionRules:
    """Return the rules for a loan: the layers that are for it, one over the other. Raises ValidationError for an order
    of bounds that no loan can keep, and where the lowest layer leaves a kind out."""
    held = [
        layer
        for layer in sorted(layers, key=lambda layer: layer.order)
        if layer.jurisdiction in (None, jurisdiction) and layer.product_kind in (None, product_kind)
    ]
    kinds: dict[OptionKind, OptionRule] = {}
    for kind in OptionKind:
        said = [layer.kinds[kind] for layer in held if kind in layer.kinds]
        if not said:
            raise ValidationError(f"No layer of the option rules says anything of {kind}.")
        kinds[kind] = OptionRule(**{name: value for each in said for name, value in each.items()})
        rule = kinds[kind]
        if rule.dpd_to is not None and rule.dpd_to < rule.dpd_from:
            raise ValidationError(f"Option rules of {kind}: dpd_to is before dpd_from; close the kind with allowed: false.")
    return OptionRules(tuple(layer.name for layer in held), kinds)


def _rule(said: Any, place: str, wrong: list[FieldError]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in _object(said, {each.name for each in fields(OptionRule)}, place, wrong).items():
        try:
            found[name] = _value(name, value)
        except ValueError as error:
            wrong.append(FieldError(f"{place}/{name}", "invalid", f"It {error}."))
    return found


def _value(name: str, value: Any) -> Any:
    if name in _COUNTS:
        optional = name in ("dpd_to", "max_per_12_months", "max_over_life", "max_rows", "max_extra_days")
        return None if value is None and optional else _count(value, *_COUNTS[name])
    if name in ("allowed", "before_maturity"):
        if not isinstance(value, bool):
            raise ValueError("is neither true nor false")
        return value
    if name in ("days", "listed"):
        return tuple(_count(each, 1, 28 if name == "days" else 1200) for each in _list(value))
    if name == "not_under_holds":
        return frozenset(_one_of(each, HOLD_REASONS) for each in _list(value))
    if name in ("staff", "four_eyes"):
        return None if value is None else _threshold(value)
    if name == "closed_by":
        return _one_of(value, CLOSED_BY)
    if name == "credit_effect":
        return _one_of(value, CREDIT_EFFECTS)
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= 200):
        raise ValueError("is no text of at most 200 characters")
    return value


def _threshold(value: Any) -> Threshold:
    if not isinstance(value, Mapping) or set(value) - {"above", "above_rows"}:
        raise ValueError("is not {above: {CUR: amount}, above_rows: count}")
    above = value.get("above") or {}
    if not isinstance(above, Mapping) or not all(isinstance(each, str) for pair in above.items() for each in pair):
        raise ValueError('names amounts that are not {CUR: "1000.00"}')
    try:
        minor = {currency: minor_from_text(amount, currency) for currency, amount in above.items()}
    except ValidationError as error:
        raise ValueError(f"names an amount that is none: {error.detail}") from None
    rows = value.get("above_rows")
    return Threshold(minor, None if rows is None else _count(rows, 0, 1200))


def _count(value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"must be a whole number from {least} to {most}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("is no list")
    return value


def _one_of(value: Any, names: Iterable[str]) -> str:
    known = list(names)
    if value not in known:
        raise ValueError(f"must be one of {', '.join(known)}")
    return str(value)


def _object(value: Any, known: Iterable[str], place: str, wrong: list[FieldError]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        wrong.append(FieldError(place, "invalid", "It is no object."))
        return {}
    for key in set(value) - set(known):
        wrong.append(FieldError(f"{place}/{key}", "unknown-field", f"Nothing is called {key!r} here."))
    return {key: each for key, each in value.items() if key in set(known)}
