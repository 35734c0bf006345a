"""Policy documents checked: their form by the schema that ships with the product, then what they mean."""

import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain.errors import FieldError
from app.domain.policies import Policy
from app.domain.policy_checks import check_meaning
from app.domain.policy_problems import Known
from app.domain.policy_reading import read_policy
from app.domain.policy_words import did_you_mean, pointer_to
from app.services.policy_files import refusal_of

if TYPE_CHECKING:
    from jsonschema import ValidationError as SchemaError

CONTENT = Path(__file__).resolve().parents[1] / "content" / "policies"
DEFAULT_POLICY = CONTENT / "default.yaml"
_MISPLACED = {
    "legal": "law is chosen by the lender's jurisdiction, or by `jurisdictions`",
    "sla": "`sla` belongs into `action`",
    "inapp": "the channel is called in_app",
}
"""What people write out of habit -> where it belongs."""
_DEEPEST = 40
_UNKEPT = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\ud800-\\udfff]")
"""Control characters, and halves of characters, which no database keeps."""


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """Return the JSON Schema (Draft 2020-12) of policy documents."""
    read: dict[str, Any] = json.loads((CONTENT / "schema.json").read_text(encoding="utf-8"))
    return read


@lru_cache(maxsize=1)
def _validator() -> Any:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - most processes never see a new policy

    return Draft202012Validator(schema())


def find_problems(document: Any, known: Known | None = None) -> list[FieldError]:
    """Return everything wrong with a document, each with its pointer; what it means is looked at once its form is right."""
    if wrong := _unreadable(document):
        return [FieldError("", "form", wrong)]
    problems: list[FieldError] = []
    for error in sorted(_validator().iter_errors(document), key=lambda each: [str(part) for part in each.absolute_path]):
        problems += _told(error)
    return problems or check_meaning(document, known or Known())


def check_document(document: Any, known: Known | None = None) -> None:
    """Refuse a policy document that is not one. Raises ValidationError with a pointer per problem, and suggestions."""
    if problems := find_problems(document, known):
        raise refusal_of(problems)


def content_hash(document: dict[str, Any]) -> str:
    """Return the SHA-256 of a document's canonical JSON, in hex, whatever order its keys are stored in."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def parse_policy(document: dict[str, Any], policy_id: str) -> Policy:
    """Return a checked document as values."""
    return read_policy(document, policy_id)


def _told(error: "SchemaError") -> list[FieldError]:
    path = tuple(error.absolute_path)
    code, at = str(error.validator), pointer_to(*path)
    schema_here = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(schema_here.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        return [FieldError(pointer_to(*path, key), "unknown", _unknown(key, known)) for key in unknown]
    if error.validator == "enum" and isinstance(error.instance, str):
        allowed = [str(each) for each in schema_here["enum"]]
        hint = _MISPLACED.get(error.instance) or f"it is one of {', '.join(allowed)}"
        near = did_you_mean(error.instance, allowed) or f"; {hint}."
        return [FieldError(at, code, f"{error.instance!r} is not known here{near}")]
    if error.validator == "pattern":
        return [FieldError(at, code, f"{error.instance!r} {_form(error)}")]
    if error.validator == "propertyNames" or "propertyNames" in error.absolute_schema_path:
        return [FieldError(at, "key", f"{error.instance!r} cannot be a key here.")]
    return [FieldError(at, code, error.message)]


def _unknown(key: str, known: list[str]) -> str:
    if key in _MISPLACED:
        return f"{key!r} is not known: {_MISPLACED[key]}."
    near = did_you_mean(key, known) or f": here are {', '.join(known)}."
    return f"{key!r} is not known{near}"


def _form(error: "SchemaError") -> str:
    definitions = schema()["$defs"]
    if error.validator_value == definitions["wall"]["pattern"]:
        return 'is not a time of day like "09:30".'
    if error.validator_value == definitions["duration"]["pattern"]:
        return "is not a duration like PT10H or P3D."
    if error.validator_value == definitions["day"]["pattern"]:
        return "is not a day like 2027-01-31."
    if error.validator_value == definitions["key"]["pattern"]:
        return "is not a key: small letters, digits, _ + and -, a letter first, at most 39."
    return f"does not have the form {error.validator_value}"


def _unreadable(document: Any) -> str | None:
    """Return why a tree cannot be looked at by what recurses and kept by every database, or None."""
    waiting = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            return "Nothing in a policy is nested that deep."
        if isinstance(value, str) and _UNKEPT.search(value):
            return "A policy has no control characters."
        if isinstance(value, dict):
            waiting += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            waiting += [(each, depth + 1) for each in value]
    return None
