"""A vector's objects, which remember what was read of them: whatever nobody read is refused by name, never passed over.

Reading is by key (`fields["due"]`, `fields.get("due")`, `items()`); to ask whether a key is there is not reading.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from tests.vectors.outcomes import Malformed, Refused

DESCRIPTIVE = frozenset(
    {
        "id", "kind", "source", "notes", "verified", "complete",  # what a vector says of itself (README.md of the format)
        "note", "title", "description", "comment",  # prose
        "name", "product", "currency",  # labels: of a charge, of the source's product, of money whose digits are a field
        "math_precision_digits",  # how exactly the source computes between its roundings; ours are exact fractions
        "submitted_on_date",  # when a reschedule was asked for; its effect has a date of its own
    }
)  # fmt: skip
"""Fields that say nothing about a figure. Some are read all the same, where a product's name says more than its loan."""

T = TypeVar("T")


class Missing(Malformed, KeyError):
    """A field that must be there is not."""

    def __str__(self) -> str:
        return str(self.args[0])


class Fields(Mapping[str, Any]):
    """One JSON object. Objects inside it, also in lists, are Fields too."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self.path = path
        self._values = {name: _wrapped(value, f"{path}.{name}" if path else name) for name, value in values.items()}
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            raise Missing(f"{self.path}.{name} is missing" if self.path else f"{name} is missing")
        self._read.add(name)
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    __eq__ = object.__eq__  # a mapping's own compares all values, which would be reading them
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return repr(self._values)

    def child(self, name: str) -> "Fields":
        """Return an object inside this one. Raises Malformed where it is missing or no object."""
        value = self[name]
        if not isinstance(value, Fields):
            raise Malformed(f"{self._at(name)} is not an object")
        return value

    def children(self, name: str) -> "list[Fields]":
        """Return a list of objects. Raises Malformed where it is missing, no list, or has something else in it."""
        value = self[name]
        if not isinstance(value, list) or not all(isinstance(each, Fields) for each in value):
            raise Malformed(f"{self._at(name)} is not a list of objects")
        return value

    def one_of(self, name: str, meanings: Mapping[Any, T], default: str | None = None) -> T:
        """Return what a field's value means. Raises Refused for a value that is not among the meanings."""
        value = self[name] if default is None else self.get(name, default)
        try:
            return meanings[value]
        except (KeyError, TypeError):
            raise Refused(f"{self._at(name)} {value!r}") from None

    def first_of(self, *names: str) -> Any:
        """Return the first of these fields that is there, None where none is; sources differ in what they call a thing."""
        return next((self[name] for name in names if name in self), None)

    def set_aside(self, *names: str) -> None:
        """Count these as read: they do not bear on what is compared here."""
        self._read.update(names)

    def unread(self) -> list[str]:
        """Return the paths of all fields that nobody read and that are not merely descriptive."""
        found: list[str] = []
        for name, value in self._values.items():
            if name in self._read:
                found += _unread_in(value)
            elif name not in DESCRIPTIVE:
                found.append(self._at(name))
        return found

    def refuse_unread(self) -> None:
        """Raise Refused that names what was not read, if anything."""
        unread = self.unread()
        if unread:
            raise Refused(f"{', '.join(unread[:5])}{', ...' if unread[5:] else ''}: not understood")

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _wrapped(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        return Fields(value, path)
    if isinstance(value, list):
        return [_wrapped(each, f"{path}[{place}]") for place, each in enumerate(value)]
    return value


def _unread_in(value: Any) -> list[str]:
    if isinstance(value, Fields):
        return value.unread()
    if isinstance(value, list):
        return [path for each in value for path in _unread_in(each)]
    return []
