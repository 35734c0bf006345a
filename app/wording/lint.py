"""The check of what messages say: pure functions over texts and their content markers.

Two readers look at a text: its author, who states its markers, and the word lists here. What either finds is held against
the house's rules and against every rule of the law pack that speaks of content. The same check reads a template before it
is approved and a message before it leaves.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.wording.law_lint import law_problems
from app.wording.lint_findings import LOCK_SCREEN, Problem, Said
from app.wording.lint_words import AMOUNT, DEBT, HARMFUL, LATENESS, LEGAL, PRESSURE, SIGNS
from app.wording.template_texts import Purpose, TemplateText, purpose_of

if TYPE_CHECKING:
    from app.domain.law.packs import LawPack

LIMITS: Mapping[str, tuple[int, int]] = {
    "push": (50, 150),
    "in_app": (60, 700),
    "wechat": (20, 20),
    "email": (78, 2000),
    "voice": (0, 600),
    "letter": (100, 3000),
}
"""Channel -> most characters of (title, body). WeChat: 20 a field, without a line break (platform notice of 2023-05)."""
SMS_CHARACTERS = 160
"""One segment of GSM 03.38."""
SMS_CHARACTERS_UCS2 = 56
"""One segment of 70 for any other script, less the provider's signature."""
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ÄÖÑÜ§¿äöñüà"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
_REVEALING = frozenset({"amount", "loan", "count", "due_on", "name", "borrower", "balance"})
"""Variables that tell what it is about."""
_OF_SENDING = frozenset({"registered_template"})
"""Markers that no wording can have: they say how it is sent, and are known then."""
_SAMPLES: Sequence[Mapping[str, str | int]] = tuple(
    {
        "count": count,
        "amount": "$12,345.67",
        "due_on": "Nov 23, 2026",
        "loan": "SAMPLE-1001",
        "lender": "Harbour Credit",
        "code": "123456",
    }
    for count in (1, 2)
)
_ENVIRONMENT = ImmutableSandboxedEnvironment(autoescape=False)


def lint_template(
    text: TemplateText, *, packs: Iterable["LawPack"] = (), role: str = "first_party", now: datetime | None = None
) -> list[Problem]:
    """Return every problem of a template, by the house's rules and each pack's, for each stage and class it is for."""
    purpose = purpose_of(text.template) or Purpose()
    found = list(_source_problems(text, purpose))
    packs = tuple(packs)
    for variables in _SAMPLES:
        try:
            title, body = (_ENVIRONMENT.from_string(each).render(variables) for each in (text.title, text.body))
        except TemplateError as error:
            found.append(Problem("unreadable", f"It cannot be rendered: {error.message}"))
            break
        found += lint_message(
            channel=text.channel,
            locale=text.locale,
            title=_tidy(title),
            body=_tidy(body),
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
    found = {marker for marker, words in HARMFUL.items() if words.search(said.text)}
    if LEGAL.search(said.text):
        found.add("legal_threat")
    if AMOUNT.search(said.on_lock_screen):
        found.add("amount_on_lock_screen")
    if DEBT.search(said.on_lock_screen):
        found.add("debt_words_on_lock_screen")
    return frozenset(found)


def _source_problems(text: TemplateText, purpose: Purpose) -> Iterator[Problem]:
    if text.markers is None:
        yield Problem("markers_missing", "Nobody has stated what a reader finds in it.")
    try:
        used = {
            name for source in (text.title, text.body) for name in meta.find_undeclared_variables(_ENVIRONMENT.parse(source))
        }
    except TemplateError as error:
        yield Problem("unreadable", f"It cannot be read: {error.message}")
        return
    if purpose.variables and (unknown := sorted(used - purpose.variables)):
        yield Problem("variable_unknown", f"There is no value for: {', '.join(unknown)}.")
    if purpose.classes != ("security",) and text.channel in LOCK_SCREEN and (shown := sorted(used & _REVEALING)):
        yield Problem("lock_screen", f"A lock screen would show: {', '.join(shown)}.")


def _length_problems(said: Said) -> Iterator[Problem]:
    if said.channel == "sms":
        most = SMS_CHARACTERS if set(said.text) <= _GSM else SMS_CHARACTERS_UCS2
        if len(said.text) > most:
            yield Problem("too_long", f"{len(said.text)} characters; one segment holds {most}.")
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
        if hit := words.search(said.text):
            yield Problem("forbidden", f"{marker}: {hit[0].strip()!r}")
        elif marker in said.markers:
            yield Problem("forbidden", f"{marker}, as its author says")
    if "legal" not in purpose.stages and (hit := LEGAL.search(said.text)):
        yield Problem("forbidden_at_stage", f"legal_threat before the case is at law: {hit[0]!r}")
    if hit := PRESSURE.search(said.text):
        yield Problem("pressure", f"{hit[0]!r} presses; say what helps instead.")
    if set(purpose.stages) <= {"upcoming", "due"} and (hit := LATENESS.search(said.text)):
        yield Problem("forbidden_at_stage", f"Nobody is late before the due date has passed: {hit[0]!r}")
    if purpose.classes != ("security",):
        for words, what in ((AMOUNT, "an amount"), (DEBT, "a word of debt")):
            if hit := words.search(said.on_lock_screen):
                yield Problem("lock_screen", f"{what} on the lock screen: {hit[0]!r}")


def _marker_problems(said: Said, stated: frozenset[str]) -> Iterator[Problem]:
    for marker in sorted(stated & SIGNS.keys()):
        if not SIGNS[marker].search(said.text):
            yield Problem("marker_untrue", f"It states {marker}, and a reader would not find it.")


def _tidy(text: str) -> str:
    return "\n".join(tidied for line in text.split("\n") if (tidied := " ".join(line.split())))
