"""Members of staff: what a name, an address, teams and languages may look like."""

import re
import unicodedata
from collections.abc import Iterable

from app.domain.errors import refused_at
from app.domain.permissions import ROLES, in_words

STAFF_NAME = re.compile(r"[^\W_](?:[\w .,'’()@-]{0,62}[\w.)])?")
"""1 to 64 letters, digits and the marks of names: it stands in the audit trail, where a line break would forge a line."""
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,185}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_TEAM = re.compile(r"[^\W_][\w .-]{0,31}")
_MOST = 20
"""Teams or languages of one person."""


def folded_email(text: str) -> str:
    """Return an address as it is looked up: who types capitals is the same person."""
    return unicodedata.normalize("NFC", text).strip().casefold()


def written_name(name: str) -> str:
    """Return a name as it is kept: in NFKC, with single blanks; what looks alike is not two people."""
    return re.sub(" +", " ", unicodedata.normalize("NFKC", name)).strip()


def check_name(name: str) -> str:
    """Return the name as it is kept. Raises ValidationError."""
    name = written_name(name)
    if not STAFF_NAME.fullmatch(name):
        raise refused_at("/name", "name: up to 64 letters, digits, blanks and . , ' ( ) @ -.")
    return name


def check_email(text: str) -> str:
    """Return the address, folded. Raises ValidationError."""
    email = folded_email(text)
    if not _EMAIL.fullmatch(email):
        raise refused_at("/email", "This is no e-mail address.")
    return email


def check_role(role: str) -> str:
    """Return the role. Raises ValidationError."""
    if role not in ROLES:
        raise refused_at("/role", f"role is {in_words(ROLES)}.")
    return role


def check_languages(languages: Iterable[str]) -> list[str]:
    """Return the language tags (BCP 47), each once. Raises ValidationError."""
    return _each_once(languages, _LANGUAGE, "/languages", "languages: tags like en or zh-CN, at most 20.")


def check_teams(teams: Iterable[str]) -> list[str]:
    """Return the names of teams, each once. Raises ValidationError."""
    return _each_once(
        teams, _TEAM, "/teams", "teams: names of up to 32 letters, digits, blanks, dots and hyphens, at most 20."
    )


def masked_email(email: str) -> str:
    """Return an address that its owner knows again and nobody else learns: a•••@example.com."""
    local, _, domain = email.partition("@")
    return f"{local[:1]}•••@{domain}"


def _each_once(given: Iterable[str], pattern: re.Pattern[str], pointer: str, refusal: str) -> list[str]:
    kept = list(dict.fromkeys(text.strip() for text in given))
    if len(kept) > _MOST or not all(pattern.fullmatch(text) for text in kept):
        raise refused_at(pointer, refusal)
    return kept
