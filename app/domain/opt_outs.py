"""Which texts of a borrower are an opt-out, and which take it back.

Only a whole message counts: "STOP" does, "don't stop" does not. What merely sounds like one is for a person to read.
"""

import re
import unicodedata

_STOP_WORDS = (
    "stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke", "opt out", "optout",
    "arret", "stopp", "baja", "退订", "退訂", "拒收", "取消订阅", "取消訂閱", "停止", "t", "td", "r",
)  # fmt: skip
"""Source: 47 CFR 64.1200(a)(10) names seven; carriers and Chinese senders print the others ("回T退订", "拒收请回复R")."""

_START_WORDS = ("start", "unstop", "恢复", "恢復", "恢复订阅", "重新订阅", "订阅")

_SOUNDS_LIKE = (
    re.compile(r"\b(don'?t|do not|stop|no more)\b.*\b(text|texting|call|calling|message|messages|contact)", re.DOTALL),
    re.compile(r"\b(stop|quit|end|revoke|opt[ -]?out|cancel|unsubscribe)\b"),
    re.compile("退订|退訂|拒收|别再|不要再|勿扰|停止发"),
)
"""Source: the patterns of the rule on 47 CFR 64.1200(a)(10), any reasonable means, and their Chinese fellows."""

_LONGEST_READ = 2000

STOP, START, UNCLEAR, OTHER = "stop", "start", "unclear", "other"


def folded_text(text: str) -> str:
    """Return a text without case, width, accents, blanks and punctuation, as words of an opt-out are compared."""
    plain = unicodedata.normalize("NFKD", text[:_LONGEST_READ].casefold())
    return "".join(char for char in plain if unicodedata.category(char)[0] in "LN")


_STOPS = frozenset(map(folded_text, _STOP_WORDS))
_STARTS = frozenset(map(folded_text, _START_WORDS))


def meaning_of(text: str) -> str:
    """Return `stop` or `start` for a whole message that is one, `unclear` for what sounds like a stop, else `other`."""
    word = folded_text(text)
    if word in _STOPS:
        return STOP
    if word in _STARTS:
        return START
    plain = unicodedata.normalize("NFKC", text[:_LONGEST_READ]).casefold().replace("’", "'")
    return UNCLEAR if any(pattern.search(plain) for pattern in _SOUNDS_LIKE) else OTHER
