"""What is collected while a policy document is checked: every problem with its pointer, and the names it may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.audiences import read_condition
from app.domain.errors import FieldError
from app.domain.policy_words import TEMPLATES, did_you_mean, pointer_to

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """The names a document may use besides the language's own. None: not known here, and not checked."""

    templates: frozenset[str] = frozenset(TEMPLATES)
    notices: frozenset[str] | None = None
    jurisdictions: frozenset[str] | None = None
    lenders: frozenset[str] | None = None


@dataclass(slots=True)
class Problems:
    """Problems in the order they were found, each said once."""

    known: Known
    found: list[FieldError] = field(default_factory=list)

    def add(self, pointer: str, code: str, detail: str) -> None:
        """Record one problem."""
        problem = FieldError(pointer, code, detail)
        if problem not in self.found:
            self.found.append(problem)

    def name(self, pointer: str, name: str | None, known: frozenset[str] | None, what: str) -> None:
        """Record a name that is not among the known ones."""
        if name is not None and known is not None and name not in known:
            self.add(pointer, "unknown", f"{name!r} is no {what}{did_you_mean(name, known) or '.'}")

    def condition(self, document: Document, written: Any, pointer: str) -> None:
        """Record what is wrong with an audience condition: its facts, its values, a stage the policy does not have."""
        wrong: list[tuple[str, str]] = []
        read_condition(written, pointer, wrong)
        for place, detail in wrong:
            self.add(place, "condition", detail)
        stages = frozenset(stage["key"] for stage in document["stages"])
        for place, stage in _stages_asked_for(written, pointer):
            self.name(place, stage, stages, "stage of this policy")


def _stages_asked_for(written: Any, pointer: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in written.items() if isinstance(written, Mapping) else ():
        values = value if isinstance(value, list) else [value]
        if key == "stage":
            found += [(f"{pointer}/stage", each) for each in values if isinstance(each, str)]
        elif key in ("all", "any", "none"):
            for index, each in enumerate(values):
                found += _stages_asked_for(each, pointer + pointer_to(key, index))
    return found
