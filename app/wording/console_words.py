"""What the console says, in each language: one file of content/console for each noun, every phrase in all languages."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import yaml

LOCALES = ("en", "zh-CN")
FOLDER = Path(__file__).resolve().parents[1] / "content" / "console"


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Return key -> locale -> words. A key is the file's name and the phrase's: search.title. ValueError for a gap."""
    found: dict[str, Mapping[str, str]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        for name, words in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            if not isinstance(words, dict) or set(words) != set(LOCALES):
                raise ValueError(f"{path.name}: {name} is not said in each of {', '.join(LOCALES)}.")
            found[f"{path.stem}.{name}"] = words
    return found


def console_words(key: str, locale: str, values: Mapping[str, object] | None = None) -> str:
    """Return a phrase; `{name}` in it is replaced by a value. Raises KeyError for a phrase that is not there."""
    words = catalogue()[key][locale]
    return words.format(**values) if values else words


def code_words(what: str, code: str, locale: str) -> str:
    """Return what a code is called: `codes.WHAT__CODE`, else `codes.CODE`, else the code itself in plain letters."""
    found = catalogue().get(f"codes.{what}__{code}") or catalogue().get(f"codes.{code}")
    return found[locale] if found else code.replace("_", " ").lower()
