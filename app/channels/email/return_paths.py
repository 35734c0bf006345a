"""How what comes back by mail names the message it is about: a signed token in the return path and the Message-ID.

A bounce goes to the envelope sender, a reply and a complaint quote the Message-ID; both hold the same token, 32 hexadecimal
digits of our message id and 16 of a keyed hash. Anyone can write to these addresses, but only who has had the message knows
its token, so a forged bounce or complaint changes nothing.
"""

import hashlib
import hmac
import re
import uuid

_TOKEN = re.compile(r"(?<![0-9a-z])([0-9a-f]{32})\.([0-9a-f]{16})(?![0-9a-z])", re.IGNORECASE)
_LONGEST_READ = 64 * 1024


class ReturnPaths:
    """Makes and finds the tokens of one installation."""

    def __init__(self, key: str, domain: str, *, mailbox: str = "bounces") -> None:
        """`domain` takes mail for mailbox+TOKEN@domain and pipes it to us."""
        self._key = hmac.new(key.encode(), b"duecourse/return-path", hashlib.sha256).digest()
        self._domain = domain
        self._mailbox = mailbox

    def token(self, message_id: str) -> str:
        """Return the token of a message. Raises ValueError for an id that is no UUID."""
        plain = uuid.UUID(message_id).hex
        return f"{plain}.{self._mac(plain)}"

    def envelope_sender(self, message_id: str) -> str:
        """Return the envelope sender of a message: variable, so that a bounce names it whatever else it says (VERP)."""
        return f"{self._mailbox}+{self.token(message_id)}@{self._domain}"

    def header_id(self, message_id: str) -> str:
        """Return the Message-ID of a message, in angle brackets; another try of the same message has the same."""
        return f"<{self.token(message_id)}@{self._domain}>"

    def find(self, *texts: str) -> str | None:
        """Return the message id of the first genuine token in these texts, in their order, or None."""
        for text in texts:
            for plain, mac in _TOKEN.findall(text[:_LONGEST_READ]):
                if hmac.compare_digest(self._mac(plain.lower()), mac.lower()):
                    return str(uuid.UUID(plain))
        return None

    def _mac(self, plain: str) -> str:
        return hmac.new(self._key, plain.encode(), hashlib.sha256).hexdigest()[:16]
