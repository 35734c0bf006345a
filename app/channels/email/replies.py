"""What people answer to an e-mail: their own words, without what they quoted, and nothing that a machine wrote."""

import re
from email.message import Message

from app.channels.email.received import header

_AUTOMATIC_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Auto-Response", "X-Autoresponder")
_AUTOMATIC_PRECEDENCE = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})
_AUTOMATIC_SUBJECT = re.compile(
    r"^\s*(automatic reply|auto(matic)?[- ]?(reply|response)|out of (the )?office|abwesenheit|自动(回复|答复)|自動回覆)",
    re.IGNORECASE,
)
_MACHINES = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+@-]|$)", re.IGNORECASE)
_QUOTE_BEGINS = (
    re.compile(r"^\s*On\b.{4,200}\bwrote:\s*$", re.IGNORECASE),
    re.compile(r"^\s*(在|于)?.{4,200}(写道|寫道)\s*[:：]\s*$"),
    re.compile(r"^\s*-{2,}\s*(original message|forwarded message|原始邮件|原始郵件|转发邮件)\s*-{2,}\s*$", re.IGNORECASE),
    re.compile(r"^\s*_{10,}\s*$"),
    re.compile(r"^\s*(from|发件人|寄件者|von|de)\s*[:：]\s*.+@", re.IGNORECASE),
    re.compile(r"^\s*(sent from my|发自我的|从我的).{0,60}$", re.IGNORECASE),
    re.compile(r"^-- ?$"),
)
_LONGEST_REPLY = 4000


def is_automatic(mail: Message) -> bool:
    """Return whether no person wrote this (RFC 3834 5): vacation notices, bounces, mailing lists."""
    auto_submitted = header(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    return (
        auto_submitted not in ("", "no")
        or header(mail, "Precedence").lower() in _AUTOMATIC_PRECEDENCE
        or any(mail.get(name) is not None for name in _AUTOMATIC_HEADERS)
        or mail.get("List-Id") is not None
        or header(mail, "Return-Path") == "<>"
        or _AUTOMATIC_SUBJECT.match(header(mail, "Subject")) is not None
        or _MACHINES.match(header(mail, "From").rpartition("<")[2]) is not None
    )


def own_words(text: str) -> str:
    """Return what was written on top of the quoted message; "" where nothing was."""
    kept: list[str] = []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for index, line in enumerate(lines):
        joined = f"{line} {lines[index + 1]}" if index + 1 < len(lines) else line  # "On ... \n wrote:" is often folded
        if any(begins.match(line) for begins in _QUOTE_BEGINS) or _QUOTE_BEGINS[0].match(joined):
            break
        if not line.lstrip().startswith(">"):
            kept.append(line.strip())
    words = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return words[:_LONGEST_REPLY]
