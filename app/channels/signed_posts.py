"""How programs of the lender's own (SMS gateway, mail relay, print room) and we prove posts to each other.

`Duecourse-Signature` is HMAC-SHA256, in hex, over "<Duecourse-Timestamp>.<body>" with a key that both know; the timestamp is
in epoch seconds, and a post is believed for five minutes around it, so that an old one cannot be played again.
"""

import hashlib
import hmac

from app.channels.callbacks import CallbackRequest, ForgedError

WINDOW_SECONDS = 300
TIMESTAMP, SIGNATURE = "Duecourse-Timestamp", "Duecourse-Signature"
_MOST_DIGITS = 12


def signature(key: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature of a post."""
    return hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def check_signature(request: CallbackRequest, key: bytes) -> None:
    """Raise ForgedError unless a post is signed with this key, and lately."""
    timestamp, given = request.headers.get(TIMESTAMP.lower(), ""), request.headers.get(SIGNATURE.lower(), "")
    if not hmac.compare_digest(signature(key, timestamp, request.body).encode(), given.encode()):
        raise ForgedError(f"{SIGNATURE} is missing or wrong.")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MOST_DIGITS):
        raise ForgedError(f"{TIMESTAMP} is no number of seconds.")
    if abs(request.now_seconds - int(timestamp)) > WINDOW_SECONDS:
        raise ForgedError(f"{TIMESTAMP} is not within five minutes.")
