"""Folding names and addresses so that what is typed in a search meets what was stored. No substring is ever searched."""

import re
import unicodedata

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_TOKEN = re.compile(r"[^\W_]+")
_HAN_PREFIX = 2


def folded(text: str) -> str:
    """Return the text in one case, without accents and width variants: "José" and "ＪＯＳＥ" are both "jose"."""
    decomposed = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFKC", "".join(c for c in decomposed if not unicodedata.combining(c))).casefold()


def name_tokens(name: str) -> tuple[str, ...]:
    """Return the folded words of a name, each once, sorted; a Han name is one word, see `han_names`."""
    return tuple(sorted(set(_TOKEN.findall(folded(name)))))


def han_names(name: str) -> tuple[str, ...]:
    """Return the full Han name and its two-character prefix, or nothing for a name without Han characters."""
    han = "".join(_HAN.findall(unicodedata.normalize("NFKC", name)))
    return tuple(dict.fromkeys((han, han[:_HAN_PREFIX]))) if han else ()
