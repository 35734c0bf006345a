"""The check of what messages say: pure functions over texts and their content markers.

Two readers look at a text: its author, who states its markers, and the word lists here. What either finds is held against
the house's rules and against every rule of the law pack that speaks of content. The same check reads a template before it
is approved and a message before it leaves.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from re import Pattern
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from app.domain.segments import segments_of
from app.wording.law_lint import law_problems
from app.wording.lint_findings import LOCK_SCREEN, OVERHEARD, Problem, Said
from app.wording.lint_words import AMOUNT, DEBT, HARM_IN_WORDS, HARMFUL, LATENESS, LEGAL, PRESSURE, SIGNS
from app.wording.sources import may_vary, variables_in, written
from app.wording.template_texts import Purpose, TemplateText, purpose_of
from app.wording.variables import declared, samples

if TYPE_CHECKING:
    from app.domain.law.packs import LawPack

PAY_URL = "pay_url"
"""The variable of links for paying, which only the `linked` body of a text may have."""
LIMITS: Mapping[str, tuple[int, int]] = {
    "push": (50, 150),
    "in_app": (60, 700),
    "wechat": (20, 20),
    "email": (78, 2000),
    "voice": (0, 600),
    "letter": (100, 3000),
}
"""Channel -> most characters of (title, body). WeChat: 20 a field, without a line break (platform notice of 2023-05)."""
ONE_UCS2 = 70
"""UTF-16 units of one SMS that is not in the GSM alphabet."""
SIGNATURE_CHARACTERS = 14
"""What a Chinese provider puts before it."""
_OF_SENDING = frozenset({"registered_template"})
"""Markers that no wording can have: they say how it is sent, and are known then."""


def lint_template(
    text: TemplateText, *, packs: Iterable["LawPack"] = (), role: str = "first_party", now: datetime | None = None
) -> list[Problem]:
    """Return every problem of a template, by the house's rules and each pack's, for each stage and class it is for.

    Its body with a link for paying is looked at as a text of its own.
    """
    if text.linked is not None:
        bodies = (replace(text, linked=None), replace(text, body=text.linked, linked=None))
        found = [each for body in bodies for each in lint_template(body, packs=packs, role=role, now=now)]
        if PAY_URL not in variables_in(text.linked):
            found.append(Problem("variable_unknown", "Its body with a link has no {{ pay_url }}."))
        return list(dict.fromkeys(found))
    purpose = purpose_of(text.template) or Purpose()
    found = list(_source_problems(text, purpose))
    packs = tuple(packs)
    for variables in samples(text.locale) if may_vary(text.title + text.body) else ({},):
        try:
            title, body = (written(each, variables) for each in (text.title, text.body))
        except TemplateError as error:
            found.append(Problem("unreadable", f"It cannot be rendered: {error.message}"))
            break
        found += lint_message(
            channel=text.channel,
            locale=text.locale,
            title=title,
            body=body,
            markers=(text.markers or frozenset()) | _OF_SENDING,
            purpose=purpose,
            packs=packs,
            role=role,
            now=now,
        )
    named = {"template": text.template, "channel": text.channel, "locale": text.locale}
    return [replace(problem, **named) for problem in dict.fromkeys(found)]


def lint_message(
    *,
    channel: str,
    locale: str,
    title: str,
    body: str,
    markers: frozenset[str],
    purpose: Purpose | None = None,
    packs: Iterable["LawPack"] = (),
    role: str = "first_party",
    now: datetime | None = None,
    facts: Mapping[str, Any] | None = None,
) -> list[Problem]:
    """Return every problem of a message as it would leave. `facts`: what is known of the case, by the packs' vocabulary."""
    purpose = purpose or Purpose()
    said = Said(channel, locale, title, body, markers | read_markers(channel, title, body))
    found = [*_length_problems(said), *_word_problems(said, purpose), *_marker_problems(said, markers)]
    for pack in packs:
        found += law_problems(said, pack, purpose=purpose, role=role, now=now, facts=facts or {})
    return list(dict.fromkeys(found))


def read_markers(channel: str, title: str, body: str) -> frozenset[str]:
    """Return the markers that the word lists find in a text, whatever its author says of it."""
    said = Said(channel, "", title, body, frozenset())
    found = {marker for marker, words in HARMFUL.items() if _hit(words, said.text)}
    if _hit(LEGAL, said.text):
        found.add("legal_threat")
    if _hit(AMOUNT, said.on_lock_screen):
        found.add("amount_on_lock_screen")
    if _hit(DEBT, said.on_lock_screen):
        found.add("debt_words_on_lock_screen")
    return frozenset(found)


@lru_cache(maxsize=8192)
def _hit(words: Pattern[str], text: str) -> str | None:
    """Return the first of these words in a text. Kept: most texts are the same for many templates."""
    found = words.search(text)
    return None if found is None else found[0]


def _source_problems(text: TemplateText, purpose: Purpose) -> Iterator[Problem]:
    if text.markers is None:
        yield Problem("markers_missing", "Nobody has stated what a reader finds in it.")
    try:
        used = variables_in(text.title) | variables_in(text.body)
    except TemplateError as error:
        yield Problem("unreadable", f"It cannot be read: {error.message}")
        return
    if purpose.variables and (unknown := sorted(used - purpose.variables - {PAY_URL})):
        yield Problem("variable_unknown", f"There is no value for: {', '.join(unknown)}.")
    on_lock_screen = used if text.channel in LOCK_SCREEN else variables_in(text.title) if text.channel == "email" else ()
    shown = sorted(name for name in on_lock_screen if name in declared() and declared()[name].is_revealing)
    if purpose.classes != ("security",) and shown:
        yield Problem("lock_screen", f"A lock screen would show: {', '.join(shown)}.")
    told = sorted(name for name in used if name in declared() and declared()[name].is_revealing)
    if text.channel in OVERHEARD and purpose.classes != ("security",) and told:
        yield Problem("overheard", f"Others may hear: {', '.join(told)}.")


def _length_problems(said: Said) -> Iterator[Problem]:
    if said.channel == "sms":
        size = segments_of(said.text)
        signed = size.units + (SIGNATURE_CHARACTERS if size.encoding == "ucs2" else 0)
        if size.count > 1 or (size.encoding == "ucs2" and signed > ONE_UCS2):
            yield Problem(
                "too_long", f"{size.units} units of {size.encoding}; it must fit one SMS, with the sender's signature."
            )
    elif said.channel in LIMITS:
        for part, text, most in zip(("title", "body"), (said.title, said.body), LIMITS[said.channel], strict=True):
            if len(text) > most:
                yield Problem("too_long", f"Its {part} has {len(text)} characters; {said.channel} takes {most}.")
        if said.channel == "wechat" and "\n" in said.title + said.body:
            yield Problem("line_break", "A WeChat field has no line breaks.")
    if not said.body:
        yield Problem("empty", "It says nothing.")


def _word_problems(said: Said, purpose: Purpose) -> Iterator[Problem]:
    for marker, words in HARMFUL.items():
        if hit := _hit(words, said.text):
            yield Problem("forbidden", f"{hit.strip()!r} reads as {HARM_IN_WORDS[marker]}; say it otherwise.")
        elif marker in said.markers:
            yield Problem("forbidden", f"{marker}, as its author says")
    if "legal" not in purpose.stages and (hit := _hit(LEGAL, said.text)):
        yield Problem("forbidden_at_stage", f"legal_threat before the case is at law: {hit!r}")
    if hit := _hit(PRESSURE, said.text):
        yield Problem("pressure", f"{hit!r} presses; say what helps instead.")
    if set(purpose.stages) <= {"upcoming", "due"} and (hit := _hit(LATENESS, said.text)):
        yield Problem("forbidden_at_stage", f"Nobody is late before the due date has passed: {hit!r}")
    if purpose.classes != ("security",):
        for words, what in ((AMOUNT, "an amount"), (DEBT, "a word of debt")):
            if hit := _hit(words, said.on_lock_screen):
                yield Problem("lock_screen", f"{what} on the lock screen: {hit!r}")
            if hit := _hit(words, said.overheard):
                yield Problem("overheard", f"{what} that others may hear: {hit!r}")


def _marker_problems(said: Said, stated: frozenset[str]) -> Iterator[Problem]:
    for marker in sorted(stated & SIGNS.keys()):
        if not _hit(SIGNS[marker], said.text):
            yield Problem("marker_untrue", f"It states {marker}, and a reader would not find it.")
