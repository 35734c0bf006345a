"""Words of pages for people: one file a locale, the one that fits the reader's browser best, else English."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

CONTENT = Path(__file__).resolve().parents[1] / "content"
_FALLBACK = "en"


def page_words_of(folder: str, tags: Iterable[str]) -> tuple[str, Mapping[str, Any]]:
    """Return (locale, document) of a folder of content for the first of these language tags that it has, else in English."""
    words = _documents(folder)
    for tag in tags:
        language = tag.replace("_", "-").partition("-")[0].lower()
        near = sorted(locale for locale in words if locale.partition("-")[0].lower() == language)
        if near:
            locale = tag if tag in words else near[0]
            return locale, words[locale]
    return _FALLBACK, words[_FALLBACK]


@lru_cache(maxsize=8)
def _documents(folder: str) -> dict[str, dict[str, Any]]:
    documents: list[dict[str, Any]] = [
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((CONTENT / folder).glob("*.yaml"))
    ]
    return {document["locale"]: document for document in documents}
