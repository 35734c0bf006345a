"""Words of an e-mail that are no message's own, one file a locale in content/email: what its links are called."""

from functools import lru_cache
from pathlib import Path

import yaml

_FOLDER = Path(__file__).resolve().parents[2] / "content" / "email"


@lru_cache(maxsize=64)
def link_words(locale: str) -> str:
    """Return what the link that ends such e-mails is called in a locale, or one of its language, else in English."""
    return _words_of(locale)["link"]


@lru_cache(maxsize=64)
def open_words(locale: str) -> str:
    """Return what the link into the app is called, likewise."""
    return _words_of(locale)["open"]


def _words_of(locale: str) -> dict[str, str]:
    words = _words()
    language = locale.partition("-")[0].lower()
    near = sorted(name for name in words if name.partition("-")[0].lower() == language)
    return words.get(locale) or words[near[0] if near else "en"]


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, str]]:
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.yaml"))]
    return {document["locale"]: {name: document[name] for name in ("link", "open")} for document in documents}
