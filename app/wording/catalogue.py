"""Message templates by locale, and their rendering in Jinja2's sandbox over texts and numbers only."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.domain.policies import TemplateInfo, Templates

_FOLDER = Path(__file__).resolve().parents[1] / "content" / "messages"
FALLBACK_LOCALE = "en"
_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as a person reads it, with what it was made from."""

    title: str
    body: str
    locale: str
    template_version: int


@dataclass(frozen=True, slots=True)
class _Wording:
    title: Template | str
    body: Template | str
    version: int
    info: TemplateInfo


@lru_cache(maxsize=1)
def _catalogue() -> dict[tuple[str, str, str], _Wording]:
    wordings: dict[tuple[str, str, str], _Wording] = {}
    for path in sorted(_FOLDER.glob("*.yaml")):
        document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        for template, channels in document["templates"].items():
            for channel, texts in channels.items():
                wordings[document["locale"], template, channel] = _Wording(
                    _made(texts["title"]),
                    _made(texts["body"]),
                    texts.get("version", document["version"]),
                    TemplateInfo(bool(texts.get("approved")), _markers(texts)),
                )
    return wordings


def _made(text: str) -> Template | str:
    """Return the template, or the text itself where nothing in it can vary, as on every lock screen."""
    return _ENVIRONMENT.from_string(text) if "{" in text else _tidy(text)


def _markers(texts: dict[str, Any]) -> frozenset[str] | None:
    return frozenset(texts["markers"]) if "markers" in texts else None


@lru_cache(maxsize=1)
def template_infos() -> Templates:
    """Return what is known of every wording: whether it is approved, and which content markers it states."""
    infos: dict[tuple[str, str], dict[str, TemplateInfo]] = {}
    for (locale, template, channel), wording in _catalogue().items():
        infos.setdefault((template, channel), {})[locale] = wording.info
    return infos


@lru_cache(maxsize=1)
def locales() -> tuple[str, ...]:
    """Return the locales that have wording, the fall-back first."""
    found = {locale for locale, _, _ in _catalogue()}
    return (FALLBACK_LOCALE, *sorted(found - {FALLBACK_LOCALE}))


@lru_cache(maxsize=1024)
def match_locale(wanted: str | None) -> str:
    """Return the locale whose wording fits best: zh-CN for zh and zh-Hans-CN, en for what there is no wording for."""
    if not wanted:
        return FALLBACK_LOCALE
    tag = wanted.replace("_", "-")
    for locale in locales():
        if tag.lower() == locale.lower() or tag.split("-")[0].lower() == locale.split("-")[0].lower():
            return locale
    return FALLBACK_LOCALE


def render(template: str, channel: str, locale: str | None, variables: dict[str, str | int]) -> Rendered:
    """Render one template for one channel. Raises KeyError for a template we lack, UndefinedError for a variable."""
    matched = match_locale(locale)
    wordings = _catalogue()
    wording = wordings.get((matched, template, channel))
    if wording is None:
        matched = FALLBACK_LOCALE
        wording = wordings[matched, template, channel]
    return Rendered(_written(wording.title, variables), _written(wording.body, variables), matched, wording.version)


def _written(wording: Template | str, variables: dict[str, str | int]) -> str:
    return wording if isinstance(wording, str) else _tidy(wording.render(variables))


def _tidy(text: str) -> str:
    """Return text without stray blanks; its lines are paragraphs and stay."""
    return "\n".join(tidied for line in text.split("\n") if (tidied := " ".join(line.split())))
