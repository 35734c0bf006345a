"""The terms of promises to pay: read from the content that ships with the product, checked once."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.promise_terms import PromiseTerms, read_terms

CONTENT = Path(__file__).resolve().parents[1] / "content" / "promises"


@lru_cache(maxsize=1)
def terms_document() -> dict[str, Any]:
    """Return the document. Raises jsonschema's ValidationError for one that is none."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - only processes that take a promise need it

    document: dict[str, Any] = yaml.safe_load((CONTENT / "terms.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CONTENT / "schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(document)
    return document


@lru_cache(maxsize=64)
def terms_of(jurisdiction: str) -> PromiseTerms:
    """Return the terms for loans of a lender there."""
    return read_terms(terms_document(), jurisdiction)
