"""Escalation policies as documents: their form by the schema that ships with the product, then what they mean."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.domain.errors import FieldError, NotFoundError
from app.domain.escalation_policies import EscalationPolicy, read_escalation_policy
from app.domain.escalation_policy_checks import KnownToEscalations, check_escalation_policy
from app.domain.policy_words import did_you_mean, pointer_to
from app.services.law_packs import jurisdictions, vocabulary
from app.services.policy_documents import content_hash
from app.services.policy_files import read_document, refusal_of
from app.services.registers import registers
from app.wording.template_texts import purposes

__all__ = ["check_document", "content_hash", "find_problems", "parse_document", "read_document", "shipped", "shipped_names"]

CONTENT = Path(__file__).resolve().parents[1] / "content" / "escalations"
NOTICES_OF_OURS = frozenset({"arrears_notice", "repayment_letter", "collateral_notice", "register_notice"})
"""Kinds of notices beside those that the law packs know (domain/served_notices.py)."""


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """Return the JSON Schema (Draft 2020-12) of escalation policies."""
    read: dict[str, Any] = json.loads((CONTENT / "schema.json").read_text(encoding="utf-8"))
    return read


@lru_cache(maxsize=1)
def _validator() -> Any:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - most processes never see a new policy

    return Draft202012Validator(schema())


@lru_cache(maxsize=1)
def known_names() -> KnownToEscalations:
    """Return the names that law packs and templates give a policy."""
    enums = vocabulary().enums
    return KnownToEscalations(
        notice_kinds=frozenset(enums["notice_kind"]) | NOTICES_OF_OURS,
        templates=frozenset(purposes()),
        acts=frozenset(enums["act"]),
        jurisdictions=frozenset(jurisdictions()),
        registers={key: tuple(register.bases) for key, register in registers().items()},
    )


def find_problems(document: Any) -> list[FieldError]:
    """Return everything wrong with a document, each with its pointer; what it means is looked at once its form is right."""
    problems: list[FieldError] = []
    for error in sorted(_validator().iter_errors(document), key=lambda each: [str(part) for part in each.absolute_path]):
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties" and isinstance(error.instance, dict):
            known = list(error.schema.get("properties", {}))
            for key in error.instance:
                if key not in known:
                    near = did_you_mean(key, known) or f": here are {', '.join(known)}."
                    problems.append(FieldError(pointer_to(*path, key), "unknown", f"{key!r} is not known{near}"))
        else:
            problems.append(FieldError(pointer_to(*path), str(error.validator), error.message))
    return problems or check_escalation_policy(document, known_names())


def check_document(document: Any) -> None:
    """Refuse what is no escalation policy. Raises ValidationError with a pointer per problem, and suggestions."""
    if problems := find_problems(document):
        raise refusal_of(problems)


def parse_document(document: dict[str, Any], policy_id: str = "") -> EscalationPolicy:
    """Return a checked document as values."""
    return read_escalation_policy(document, policy_id)


def shipped_names() -> tuple[str, ...]:
    """Return the names of the policies that ship with the product."""
    return tuple(sorted(path.stem for path in CONTENT.glob("*.yaml") if path.stem != "words"))


def shipped(name: str) -> dict[str, Any]:
    """Return a shipped document. Raises NotFoundError."""
    if name not in shipped_names():
        raise NotFoundError(f"No escalation policy {name} ships; there are {', '.join(shipped_names())}.")
    document: dict[str, Any] = read_document((CONTENT / f"{name}.yaml").read_text(encoding="utf-8"))
    return document
