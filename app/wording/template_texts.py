"""The texts of message templates as they are written, with what each is for: what the check of wording reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

_CONTENT = Path(__file__).resolve().parents[1] / "content"
MESSAGES = _CONTENT / "messages"
TEMPLATES_FILE = _CONTENT / "templates.yaml"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ANY_STAGE = ("upcoming", "due", "overdue")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a template is for, by the law packs' words."""

    stages: tuple[str, ...] = ANY_STAGE
    classes: tuple[str, ...] = ("reminder", "collection")
    notices: Mapping[str, str] | None = None
    """Channel -> the notice of law that the text is there."""
    variables: frozenset[str] = frozenset()
    """What its text may put in."""

    by_hand: bool = False
    """Whether a person may send it: it says what stands in the book of any loan, and not that something has happened."""

    def notice(self, channel: str) -> str | None:
        """Return which notice of law a text is on a channel, or None."""
        return (self.notices or {}).get(channel)


@dataclass(frozen=True, slots=True)
class TemplateText:
    """One wording: title and body in Jinja2, and what its author says of it."""

    template: str
    channel: str
    locale: str
    title: str
    body: str
    is_approved: bool
    markers: frozenset[str] | None
    """None: nobody stated them."""
    version: int = 1
    """Of these words: whoever changes them raises it, and what approvals they had are for the older one."""
    linked: str | None = None
    """The body where the message carries a link for paying: it says the same, with {{ pay_url }}. None: it carries none."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a document of ours, by the parser in C where it is there: it is five times as quick."""
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 both are safe ones
    return document


@lru_cache(maxsize=1)
def templates_document() -> Mapping[str, Any]:
    """Return content/templates.yaml: the variables there are, and what each template is for."""
    return read_yaml(TEMPLATES_FILE)


@lru_cache(maxsize=1)
def _purposes() -> dict[str, Purpose]:
    document = templates_document()
    return {
        name: Purpose(
            tuple(each["stages"]),
            tuple(each["classes"]),
            each.get("notices"),
            frozenset(each.get("variables", document["of_reminders"])),
            bool(each.get("by_hand")),
        )
        for name, each in document["templates"].items()
    }


def purposes() -> Mapping[str, Purpose]:
    """Return every template there is, with what it is for."""
    return _purposes()


def purpose_of(template: str) -> Purpose | None:
    """Return what a template is for, or None: nobody has said."""
    return _purposes().get(template)


def templates_by_hand() -> tuple[str, ...]:
    """Return the templates that a person may send, in the order of the file."""
    return tuple(name for name, purpose in _purposes().items() if purpose.by_hand)


def load_texts(folder: Path = MESSAGES) -> tuple[TemplateText, ...]:
    """Return every wording in a folder of message files."""
    texts: list[TemplateText] = []
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        for template, channels in document["templates"].items():
            for channel, each in channels.items():
                markers = frozenset(each["markers"]) if "markers" in each else None
                texts.append(
                    TemplateText(
                        template,
                        channel,
                        document["locale"],
                        each["title"],
                        each["body"],
                        bool(each.get("approved")),
                        markers,
                        each.get("version", document["version"]),
                        each.get("linked"),
                    )
                )
    return tuple(texts)
