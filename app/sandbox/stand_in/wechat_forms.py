"""What WeChat takes in the fields of a template, written down apart from the code that sends, so that both can be wrong."""

import re
from typing import Any

_FORMS: tuple[tuple[str, str], ...] = (
    ("thing", r"[^\r\n]{1,20}"),
    ("character_string", r"[!-~]{1,32}"),
    ("number", r"-?[0-9.]{1,32}"),
    ("letter", r"[A-Za-z]{1,32}"),
    ("symbol", r"[^A-Za-z0-9\s]{1,5}"),
    ("date", r"[0-9]{1,4}[-/.年月][0-9年月日:/. ~-]*"),
    ("time", r"[0-9]{1,4}[-/.年月:][0-9年月日:/. ~-]*"),
    ("amount", r"[^0-9A-Za-z]?-?[0-9]{1,10}(\.[0-9]+)?元?"),
    ("phone_number", r"[0-9+() -]{1,17}"),
    ("car_number", r"\w{1,8}"),
    ("name", r"([\u3400-\u9fff·]{1,10}|[A-Za-z .'-]{1,20})"),
    ("phrase", r"[\u3400-\u9fff]{1,5}"),
    ("", r"[^\r\n]{1,20}"),
)


def wrong_field(data: dict[str, Any]) -> str | None:
    """Return the first field whose value the platform does not take, or None."""
    for name, held in data.items():
        value = held.get("value") if isinstance(held, dict) else None
        form = next(form for kind, form in _FORMS if re.fullmatch(rf"{kind}[0-9]*", name) or not kind)
        if not isinstance(value, str) or not re.fullmatch(form, value):
            return name
    return None
