"""Message templates by locale, and their rendering in Jinja2's sandbox over texts and numbers only.

A locale is a file in content/messages: nothing else needs to be told of a further one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Template

from app.domain.policies import TemplateInfo, Templates
from app.wording.lint import PAY_URL, lint_template
from app.wording.sources import compiled, may_vary, tidy
from app.wording.template_texts import MESSAGES, TemplateText, load_texts

FALLBACK_LOCALE = "en"
_MOST_KEPT = 4096
"""Pairs of wording and of what callers may name as a locale."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as a person reads it, with what it was made from."""

    title: str
    body: str
    locale: str
    template_version: int
    text: TemplateText
    varies: bool
    """Whether values had a part in it."""


@dataclass(frozen=True, slots=True)
class _Wording:
    text: TemplateText
    title: Template | str
    body: Template | str
    varies: bool
    linked: Template | None = None


class Catalogue:
    """The texts of one folder of message files."""

    def __init__(self, folder: Path = MESSAGES) -> None:
        self._texts = {(text.locale, text.template, text.channel): text for text in load_texts(folder)}
        self._ready: dict[tuple[str, str, str | None], _Wording] = {}
        found = {locale for locale, _, _ in self._texts}
        self.locales = (FALLBACK_LOCALE, *sorted(found - {FALLBACK_LOCALE}))
        """Those that have wording, the fall-back first."""
        self._matched: dict[str, str] = {}

    def infos(self) -> Templates:
        """Return what is known of every wording: whether it is approved and fit, and which content markers it states.

        Every text is checked here by the house's rules, once: one that fails is never used, and decisions say so.
        """
        infos: dict[tuple[str, str], dict[str, TemplateInfo]] = {}
        for text in self._texts.values():
            problems = sorted({problem.code for problem in lint_template(text)})
            info = TemplateInfo(text.is_approved, text.markers, ", ".join(problems) or None)
            infos.setdefault((text.template, text.channel), {})[text.locale] = info
        return infos

    def text(self, template: str, channel: str, locale: str | None) -> TemplateText:
        """Return the wording that fits best. Raises KeyError for a template we lack."""
        matched = self.match_locale(locale)
        return self._texts.get((matched, template, channel)) or self._texts[FALLBACK_LOCALE, template, channel]

    def match_locale(self, wanted: str | None) -> str:
        """Return the locale whose wording fits best: zh-CN for zh and zh-Hans-CN, en for what there is no wording for."""
        if not wanted:
            return FALLBACK_LOCALE
        matched = self._matched.get(wanted)
        if matched is None:
            tag = wanted.replace("_", "-").lower()
            matched = next(
                (
                    locale
                    for locale in self.locales
                    if tag == locale.lower() or tag.split("-")[0] == locale.split("-")[0].lower()
                ),
                FALLBACK_LOCALE,
            )
            if len(self._matched) < _MOST_KEPT:
                self._matched[wanted] = matched
        return matched

    def render(self, template: str, channel: str, locale: str | None, variables: Mapping[str, str | int]) -> Rendered:
        """Render one template for one channel. Raises KeyError for a template we lack, UndefinedError for a variable."""
        wording = self._ready.get((template, channel, locale)) or self._make_ready(template, channel, locale)
        text, title, body = wording.text, wording.title, wording.body
        if wording.linked is not None and PAY_URL in variables:
            body = wording.linked
        elif not wording.varies:
            return Rendered(str(title), str(body), text.locale, text.version, text, False)
        said_title, said = (part if isinstance(part, str) else tidy(part.render(variables)) for part in (title, body))
        return Rendered(said_title, said, text.locale, text.version, text, True)

    def _make_ready(self, template: str, channel: str, locale: str | None) -> "_Wording":
        """Compile a wording, or tidy it where nothing in it can vary, as on every lock screen; kept for the next one."""
        text = self.text(template, channel, locale)
        title, body = (compiled(part) if may_vary(part) else tidy(part) for part in (text.title, text.body))
        linked = None if text.linked is None else compiled(text.linked)
        wording = _Wording(text, title, body, may_vary(text.title) or may_vary(text.body), linked)
        if len(self._ready) < _MOST_KEPT:
            self._ready[template, channel, locale] = wording
        return wording


@lru_cache(maxsize=1)
def shipped() -> Catalogue:
    """Return the catalogue of this version of the product."""
    return Catalogue()


@lru_cache(maxsize=1)
def template_infos() -> Templates:
    """Return `infos` of the shipped catalogue."""
    return shipped().infos()


def locales() -> tuple[str, ...]:
    """Return the locales that have wording, the fall-back first."""
    return shipped().locales


def match_locale(wanted: str | None) -> str:
    """Return the locale of the shipped catalogue whose wording fits best."""
    return shipped().match_locale(wanted)


def render(template: str, channel: str, locale: str | None, variables: Mapping[str, str | int]) -> Rendered:
    """Render a shipped template. Raises KeyError for a template we lack, UndefinedError for a variable."""
    return shipped().render(template, channel, locale, variables)
