"""Whether opening a notice in the app proves that it was delivered: by jurisdiction and kind, as data with its source.

Data in content/letters (`opened_in_app`), the jurisdiction's over the default's. Where nothing of a law was read that says
so, the answer is the careful one, and its grade says that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.consents import PURPOSES
from app.wording.letter_kinds import AS_LAW, GRADES

ALWAYS, WITH_CONSENT, NEVER = "always", "with_consent", "never"
COUNTS = (ALWAYS, WITH_CONSENT, NEVER)
ANY = "any"
"""The rule of every kind that a jurisdiction does not name."""
_CONTENT = Path(__file__).resolve().parents[1] / "content" / "letters"
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class OpeningRule:
    """Whether an opening counts. `consent`: the purpose that has to be consented to when it is opened, or None."""

    counts: str
    consent: str | None
    grade: str
    source: str


def opening_rule(jurisdiction: str, kind: str | None) -> OpeningRule:
    """Return the rule of a kind of notice in a jurisdiction (of a law pack: UK, EU, ...). `kind` None: it is no notice."""
    base, own = _rules(_DEFAULT), _rules(jurisdiction.lower())
    if kind is None:
        return base[ANY]
    return own.get(kind) or own.get(ANY) or base[ANY]


@lru_cache(maxsize=64)
def _rules(name: str) -> Mapping[str, OpeningRule]:
    path = _CONTENT / f"{name}.yaml"
    document: Mapping[str, Any] = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else {}
    return {kind: _rule(f"{name} {kind}", each) for kind, each in document.get("opened_in_app", {}).items()}


def _rule(where: str, each: Mapping[str, Any]) -> OpeningRule:
    rule = OpeningRule(each["counts"], each.get("consent"), each["grade"], " ".join(str(each["source"]).split()))
    if rule.counts not in COUNTS or rule.grade not in GRADES or (rule.consent is None) == (rule.counts == WITH_CONSENT):
        raise ValueError(f"{where}: counts is one of {COUNTS}, with the consent that it asks for, and a grade of {GRADES}")
    if rule.consent is not None and rule.consent not in PURPOSES:
        raise ValueError(f"{where}: no such consent as {rule.consent}")
    if not rule.source and rule.grade in AS_LAW:
        raise ValueError(f"{where}: what was read names its source")
    return rule
