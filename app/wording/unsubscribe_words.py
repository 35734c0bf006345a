"""What the page says by which e-mails are ended, one file a locale in content/email."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).resolve().parents[1] / "content" / "email"
_FALLBACK = "en"


def page_words(tags: Iterable[str]) -> tuple[str, Mapping[str, str]]:
    """Return (locale, words by name) for the first of these language tags that we speak, else in English."""
    words = _words()
    for tag in tags:
        language = tag.replace("_", "-").partition("-")[0].lower()
        near = sorted(locale for locale in words if locale.partition("-")[0].lower() == language)
        if near:
            locale = tag if tag in words else near[0]
            return locale, words[locale]
    return _FALLBACK, words[_FALLBACK]


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, str]]:
    documents: list[dict[str, Any]] = [
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.yaml"))
    ]
    return {document["locale"]: document["page"] for document in documents}
