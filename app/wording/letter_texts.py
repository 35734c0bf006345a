"""What a letter has beside its template: statutory texts of a jurisdiction, and the lender's letterhead, sheets and notices.

Where a law prescribes words, they are quoted here only if we have them from the law itself; else the lender supplies them,
and until it has, the notice is refused by name. Nothing official is ever paraphrased. See content/letters/default.yaml.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.letters import refused
from app.wording.letter_layouts import LAYOUTS, Layout, layout_for

_CONTENT = Path(__file__).resolve().parents[1] / "content" / "letters"
_DEFAULT = "default"
_KEYS = frozenset(
    {
        "lender",
        "creditor",
        "name",
        "address",
        "country",
        "layout",
        "return_line",
        "phone",
        "email",
        "web",
        "ways_to_pay",
        "notices",
        "sheets",
        "reports_to",
        "register",
    }
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is enclosed: a text that is set on pages of its own, or an insert that the print room has, by its code."""

    key: str
    title: str
    paragraphs: tuple[str, ...] = ()
    insert: str | None = None


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """What a jurisdiction asks of a notice of law on paper."""

    kind: str
    words: str
    """official, lender, free."""
    source: str
    with_rows: bool
    sheets: tuple[str, ...]
    text: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The prescribed words by locale, where we have them."""


@dataclass(frozen=True, slots=True)
class LetterLaw:
    """The file of one jurisdiction, over the default."""

    jurisdiction: str
    sheets: Mapping[str, Mapping[str, str]]
    """Sheet -> {marker, unless}: when the text of a letter says that it is enclosed."""
    notices: Mapping[str, NoticeRule]

    def notice(self, kind: str) -> NoticeRule:
        """Return the rule of a kind of notice. Raises LetterRefusedError for one we know nothing of."""
        if kind not in self.notices:
            raise refused("notice_text", f"Nothing is known of {kind} as a letter in {self.jurisdiction}.")
        return self.notices[kind]

    def sheets_said(self, markers: frozenset[str]) -> list[str]:
        """Return the sheets that a text with these markers says are enclosed."""
        return [
            key for key, rule in self.sheets.items() if rule["marker"] in markers and rule.get("unless", "") not in markers
        ]


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes, as the lender's own file says it."""

    lender: str
    name: str
    address: tuple[str, ...]
    country: str
    layout: Layout
    return_line: str
    reach: tuple[tuple[str, str], ...]
    """(phone, email or web; the address)."""
    ways_to_pay: Mapping[str, tuple[str, ...]]
    notices: Mapping[str, Mapping[str, tuple[str, ...]]]
    sheets: Mapping[str, Mapping[str, Sheet]]
    reports_to: Mapping[str, str] = field(default_factory=dict)
    """By locale: the database or bureau that this lender reports to."""
    register: Mapping[str, str] = field(default_factory=dict)
    """By locale: the register of an authority or association that it reports to."""
    creditor: Mapping[str, str] = field(default_factory=dict)
    """By locale: for whom a collector collects."""

    def notice_text(self, rule: NoticeRule, locale: str) -> tuple[str, ...]:
        """Return the words of a notice in a language, prescribed or supplied. Raises LetterRefusedError."""
        if rule.words == "free":
            return ()
        texts = rule.text if rule.words == "official" else self.notices.get(rule.kind, {})
        if locale not in texts:
            raise refused(
                "notice_text",
                f"The words of {rule.kind} in {locale} are not there ({rule.source}); lender {self.lender} must supply them "
                "in its letterhead file, under `notices`.",
            )
        return texts[locale]

    def sheet(self, key: str, locale: str) -> Sheet:
        """Return an enclosed sheet in a language. Raises LetterRefusedError."""
        found = self.sheets.get(key, {}).get(locale)
        if found is None:
            raise refused(
                "sheet", f"The sheet {key} in {locale} is not there; lender {self.lender} must supply it, under `sheets`."
            )
        return found


@lru_cache(maxsize=64)
def letter_law(jurisdiction: str) -> LetterLaw:
    """Return what a jurisdiction (of a law pack: UK, EU, ...) asks of letters; the default's where it has no file."""
    base = _read(_CONTENT / f"{_DEFAULT}.yaml")
    path = _CONTENT / f"{jurisdiction.lower()}.yaml"
    own = _read(path) if path.is_file() else {}
    notices = {**base["notices"], **own.get("notices", {})}
    return LetterLaw(
        jurisdiction,
        {**base["sheets"], **own.get("sheets", {})},
        {
            kind: NoticeRule(
                kind,
                each["words"],
                " ".join(each["source"].split()),
                bool(each["rows"]),
                tuple(each["sheets"]),
                _by_locale(each.get("text", {})),
            )
            for kind, each in notices.items()
        },
    )


_folder: list[Path] = []


def use_letterheads(folder: Path | None) -> None:
    """Make this the folder of letterheads, one `<lender code>.yaml` each; None: there are none, and no letter is made."""
    _folder[:] = [] if folder is None else [folder]
    _loaded.cache_clear()


def letterhead_of(lender_code: str) -> Letterhead:
    """Return a lender's letterhead, read again when its file has changed. Raises LetterRefusedError."""
    path = _folder[0] / f"{lender_code}.yaml" if _folder and "/" not in lender_code else None
    if path is None or not path.is_file():
        raise refused("letterhead", f"Lender {lender_code} has no letterhead; DUECOURSE_LETTERHEADS names their folder.")
    return _loaded(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _loaded(path: Path, _changed: int) -> Letterhead:
    return read_letterhead(path)


def read_letterhead(path: Path) -> Letterhead:
    """Read a letterhead file. Raises LetterRefusedError that names the file and the field."""
    try:
        document = _read(path)
    except (yaml.YAMLError, OSError, ValueError):
        raise refused("letterhead", f"{path.name} is not YAML.") from None
    if unknown := sorted(set(document) - _KEYS):
        raise refused("letterhead", f"{path.name}: unknown: {', '.join(unknown)}.")
    try:
        country = str(document["country"])
        layout_key = document.get("layout")
        layout = layout_for(country) if layout_key is None else LAYOUTS[layout_key]
        address = _lines(document["address"])
        name = str(document["name"])
        return Letterhead(
            lender=str(document["lender"]),
            name=name,
            address=address,
            country=country,
            layout=layout,
            return_line=str(document.get("return_line") or " · ".join((name, *address))),
            reach=tuple((key, str(document[key])) for key in ("phone", "email", "web") if document.get(key)),
            ways_to_pay=_by_locale(document.get("ways_to_pay", {})),
            notices={kind: _by_locale(texts) for kind, texts in document.get("notices", {}).items()},
            sheets={
                key: {locale: _sheet(key, each) for locale, each in texts.items()}
                for key, texts in document.get("sheets", {}).items()
            },
            reports_to={locale: str(each) for locale, each in document.get("reports_to", {}).items()},
            register={locale: str(each) for locale, each in document.get("register", {}).items()},
            creditor={locale: str(each) for locale, each in document.get("creditor", {}).items()},
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise refused("letterhead", f"{path.name}: {error} is missing or not as it should be.") from None


def _sheet(key: str, each: Mapping[str, Any]) -> Sheet:
    insert = each.get("insert")
    text = _lines(each.get("text", ()))
    if bool(text) == bool(insert):
        raise ValueError(f"sheets.{key} has either `text` or `insert`, which")
    return Sheet(key, str(each["title"]), text, None if insert is None else str(insert))


def _by_locale(texts: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {locale: _lines(lines) for locale, lines in texts.items()}


def _lines(lines: Sequence[Any]) -> tuple[str, ...]:
    if isinstance(lines, str):
        raise TypeError("a list of lines")
    return tuple(" ".join(str(line).split()) for line in lines)


def _read(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ValueError(path.name)
    return document
