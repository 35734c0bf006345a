"""How Alibaba Cloud writes phone numbers: mainland ones as people dial them there, others with the country code, no plus.

Source: Alibaba Cloud, SendSms "PhoneNumbers", SingleCallByTts "CalledNumber" (mobile 159..., landline 0571...).
"""

import re

_MAINLAND = re.compile(r"(?:\+|00)?(?:86)?(1[3-9]\d{9})")


def is_mainland(phone: str) -> bool:
    """Whether a number in E.164 is of mainland China."""
    return phone.startswith("+86")


def written(phone: str) -> str:
    """Return a number in E.164 as the service wants it."""
    if not is_mainland(phone):
        return phone.removeprefix("+")
    national = phone.removeprefix("+86")
    return national if national.startswith("1") and len(national) == 11 else f"0{national}"


def e164(written_there: object) -> str | None:
    """Return a number of theirs in E.164, or None for a masked one."""
    text = str(written_there or "").strip()
    found = _MAINLAND.fullmatch(text)
    if found:
        return f"+86{found[1]}"
    if re.fullmatch(r"0[1-9]\d{8,11}", text):
        return f"+86{text[1:]}"
    return f"+{text.removeprefix('+')}" if re.fullmatch(r"\+?[1-9]\d{6,14}", text) else None
