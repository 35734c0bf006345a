"""Magic addresses: what becomes of a message is chosen by whom it is sent to.

A phone whose number ends in 55501NN, or an e-mail address, an openid, a push token or a street that begins with a word of
the table, meets the outcome of the table below on every channel that has it. Everyone else is well and reachable.
docs/sandbox.md says it for people.
"""

import re

OUTCOMES: dict[str, str] = {
    "00": "delivered",
    "01": "unreachable",  # accepted, and a receipt says that it did not arrive
    "02": "invalid",  # refused at once: no such address
    "03": "stop",  # delivered, and answered STOP
    "04": "blocked",  # the owner has blocked us (WeChat), the provider has an opt-out on file (SMS)
    "05": "no_receipt",  # accepted, and nothing is ever heard
    "06": "timeout",  # taken, and the answer does not come
    "07": "refused_content",  # the provider does not like the words
    "08": "rate_limited",  # 429 on the first try
    "09": "unavailable",  # 503 on the first try
    "10": "late",  # a receipt after a long while
    "11": "duplicate_receipts",  # every receipt twice, the last one first
    "12": "reply",  # delivered, and answered with a question
    "13": "no_answer",  # of calls
    "14": "busy",
    "15": "connect_me",  # of calls: answered, and 1 is pressed
    "16": "bounce",  # of e-mail: a delivery failure comes back
    "17": "complaint",  # of e-mail: marked as spam
    "18": "returned",  # of letters: returned to sender
    "19": "uninstalled",  # of push: UNREGISTERED; of WeChat: not a follower any more
    "20": "voicemail",  # of calls: a machine answers
}
"""Last two digits -> outcome."""
_PROVIDER = ("delivered", "invalid", "no_receipt", "timeout", "rate_limited", "unavailable", "late", "duplicate_receipts")
ON_CHANNEL: dict[str, tuple[str, ...]] = {
    "push": ("delivered", "invalid", "rate_limited", "unavailable", "uninstalled"),
    "sms": (*_PROVIDER, "unreachable", "stop", "blocked", "refused_content", "reply"),
    "voice": (*_PROVIDER, "unreachable", "stop", "no_answer", "busy", "connect_me", "voicemail"),
    "wechat": (*_PROVIDER, "unreachable", "stop", "blocked", "refused_content", "reply", "uninstalled"),
    "email": (*_PROVIDER, "unreachable", "stop", "blocked", "refused_content", "reply", "bounce", "complaint"),
    "letter": (*_PROVIDER, "unreachable", "refused_content", "returned"),
}
"""Channel -> the outcomes that its provider knows; any other address of the table is delivered there."""
_NOT_THERE = frozenset({"unreachable", "invalid", "refused_content", "bounce", "returned", "uninstalled"})
_PHONE = re.compile(r"55501(\d\d)$")
_NAMED = re.compile(r"([a-z_]+)[.@-]")


def outcome_of(address: str) -> str:
    """Return the outcome an address asks for; "delivered" where it asks for none."""
    digits = re.sub(r"\D", "", address)
    found = _PHONE.search(digits) if address.startswith(("+", "0", "1", "8", "4")) else None
    if found:
        return OUTCOMES.get(found[1], "delivered")
    named = _NAMED.match(address)
    return named[1] if named and named[1] in OUTCOMES.values() else "delivered"


def outcome_of_street(line: str) -> str:
    """Return the outcome that the first word of a street, or of the name on an envelope, asks for."""
    word = line.lower().split()[0] if line.split() else ""
    return word if word in OUTCOMES.values() else "delivered"


def arrives(channel: str, outcome: str) -> bool:
    """Return whether a message that a provider took is really in the borrower's hands: what a phone shows."""
    return outcome not in _NOT_THERE and not (channel == "wechat" and outcome == "blocked")
