"""Words of an e-mail that are no message's own, one file a locale in content/email: the link that ends such e-mails."""

from functools import lru_cache
from pathlib import Path

import yaml

_FOLDER = Path(__file__).resolve().parents[2] / "content" / "email"


@lru_cache(maxsize=64)
def link_words(locale: str) -> str:
    """Return what the link that ends such e-mails is called in a locale, or one of its language, else in English."""
    words = _words()
    language = locale.partition("-")[0].lower()
    near = sorted(name for name in words if name.partition("-")[0].lower() == language)
    return words.get(locale) or words[near[0] if near else "en"]


@lru_cache(maxsize=1)
def _words() -> dict[str, str]:
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.yaml"))]
    return {document["locale"]: document["link"] for document in documents}
