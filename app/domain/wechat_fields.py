"""Fields of WeChat's registered templates: what the platform takes in each, and what it shows of a text.

Since 2023-05-04 the platform drops the first line and the remark, colours and emoji, and shows at most 20 characters a field
without a line break. A field's name begins with its kind ("thing1", "date3", "amount2"); a subscription message whose field
does not fit its kind is refused whole (47003). Source: WeChat service accounts, "Template Messages" and "Subscription
notification", table of parameter limits; official notice of 2023 on template messages.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

PLAIN_CHARACTERS = 20
ELLIPSIS = "…"
DROPPED = frozenset({"first", "remark"})
"""The platform shows them no more."""

_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\U000e0020-\U000e007f\u2600-\u27bf\u2b00-\u2bff\ufe00-\ufe0f\u200d\u20e3\u3030\u303d\u3297\u3299]"
)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060\ufeff\s]+")
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_DAY = r"(\d{4}年\d{1,2}月(\d{1,2}日)?|\d{1,2}月\d{1,2}日|(\d{4}[-/.])?\d{1,2}[-/.]\d{1,2}|\d{4}[-/.]\d{1,2})"
_TIME = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?"
_MOMENT = rf"{_DAY}( {_TIME})?"


@dataclass(frozen=True, slots=True)
class FieldKind:
    """One kind of field: `most` characters of the form `form`; `cuts`: a longer text is cut, not refused."""

    most: int
    form: "re.Pattern[str]"
    cuts: bool = False


_KINDS: Mapping[str, FieldKind] = {
    "thing": FieldKind(20, re.compile(r".+"), cuts=True),
    "const": FieldKind(20, re.compile(r".+")),
    "character_string": FieldKind(32, re.compile(r"[\x21-\x7e]+")),
    "number": FieldKind(32, re.compile(r"-?\d+(\.\d+)?")),
    "letter": FieldKind(32, re.compile(r"[A-Za-z]+")),
    "symbol": FieldKind(5, re.compile(rf"[^A-Za-z0-9\s{_HAN}]+")),
    "date": FieldKind(45, re.compile(rf"{_MOMENT}(~{_MOMENT})?")),
    "time": FieldKind(45, re.compile(rf"({_MOMENT}|{_TIME})(~({_MOMENT}|{_TIME}))?")),
    "amount": FieldKind(15, re.compile(r"[^\w\s.-]?-?\d{1,10}(\.\d{1,3})?元?")),
    "phone_number": FieldKind(17, re.compile(r"[0-9+() -]+")),
    "car_number": FieldKind(8, re.compile(rf"[{_HAN}A-Za-z0-9]+")),
    "name": FieldKind(20, re.compile(rf"[{_HAN}·]{{1,10}}|[A-Za-z .'·-]{{1,20}}"), cuts=True),
    "phrase": FieldKind(5, re.compile(rf"[{_HAN}]+")),
}
_PLAIN = FieldKind(PLAIN_CHARACTERS, re.compile(r".+"), cuts=True)


def kind_of(name: str) -> FieldKind:
    """Return the kind a field's name says; fields of older templates ("keyword1") and unknown ones are plain texts."""
    return _KINDS.get(name.rstrip("0123456789"), _PLAIN)


_TAKES: Mapping[str, str] = {
    "thing": "a text of 20 characters; a longer one is cut",
    "const": "one of the texts that were registered for it, of at most 20 characters",
    "character_string": "at most 32 letters, digits and signs, without Han characters",
    "number": "a number",
    "letter": "at most 32 letters",
    "symbol": "at most 5 signs",
    "date": "a day as 2026年11月3日 or 2026-11-03, with or without a time of day",
    "time": "a time of day as 15:01, with or without a day as 2026年11月3日",
    "amount": "one amount as ¥987.65 or 987.65元, of at most 10 digits before the point",
    "phone_number": "a telephone number of at most 17 characters",
    "car_number": "a car's number of at most 8 characters",
    "name": "a name of at most 10 Han characters or 20 letters",
    "phrase": "at most 5 Han characters",
}


def takes(name: str) -> str:
    """Return in words what a field of this name takes."""
    return _TAKES.get(name.rstrip("0123456789"), _TAKES["thing"])


def characters(text: str) -> int:
    """Return the length as the platform counts: UTF-16 units, so that a rare Han character beyond the BMP counts two."""
    return len(text.encode("utf-16-le")) // 2


def fitted(name: str, value: str) -> str:
    """Return what is sent in a field, which is what the platform shows: one line, no emoji, cut to its kind's length.

    Nothing that has a meaning is changed: of an amount only the grouping goes; what then does not fit, `refusal` tells.
    """
    text = _UNSEEN.sub(" ", _EMOJI.sub("", value)).strip()
    kind = kind_of(name)
    change = _CHANGES.get(name.rstrip("0123456789"))
    if change is not None:
        text = change(text)
    return _cut(text, kind.most) if kind.cuts else text


def refusal(name: str, text: str) -> str | None:
    """Return why the platform would refuse a fitted text in this field: empty, too_long, bad_form; None: it would not."""
    kind = kind_of(name)
    if not text:
        return "empty"
    if characters(text) > kind.most:
        return "too_long"
    return None if kind.form.fullmatch(text) else "bad_form"


def shown(fields: Mapping[str, str]) -> dict[str, str]:
    """Return a registered template's fields as the borrower will see them, in their order."""
    return {name: fitted(name, value) for name, value in fields.items() if name not in DROPPED}


def refusals(fields: Mapping[str, str]) -> dict[str, str]:
    """Return per field that the platform would refuse, why (see `refusal`)."""
    found = {name: refusal(name, text) for name, text in shown(fields).items()}
    return {name: reason for name, reason in found.items() if reason is not None}


def _cut(text: str, most: int) -> str:
    if characters(text) <= most:
        return text
    kept = text
    while characters(kept) > most - 1:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS


def _amount(text: str) -> str:
    plain = re.sub(r"(?<=\d)[,\u00a0\u202f ](?=\d{3})", "", text).replace("人民币", "¥", 1).replace("￥", "¥")
    plain = re.sub(r"\s", "", re.sub(r"^(CNY|RMB|CN¥)\s?", "¥", plain))
    return plain.removesuffix("元") if plain.startswith("¥") else plain


_CHANGES: Mapping[str, Callable[[str], str]] = {
    "amount": _amount,
    "character_string": lambda text: text.replace(" ", ""),
}
