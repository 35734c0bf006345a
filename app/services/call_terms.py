"""The figures of the worklist: read from the content that ships with the product, checked once."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.call_worklists import WorklistTerms, read_terms

CONTENT = Path(__file__).resolve().parents[1] / "content" / "calls"


@lru_cache(maxsize=1)
def worklist_document() -> dict[str, Any]:
    """Return the document. Raises jsonschema's ValidationError for one that is none."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - only processes that rank calls need it

    document: dict[str, Any] = yaml.safe_load((CONTENT / "worklist.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CONTENT / "worklist.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(document)
    return document


@lru_cache(maxsize=1)
def worklist_terms() -> WorklistTerms:
    """Return the figures."""
    return read_terms(worklist_document())
