"""The unguessable word by which the posts of a provider that signs nothing are known: it ends the address of its callbacks.

Each provider has a word of its own, made from the installation's secret: what one of them leaks, or shows in its logs, opens
no other's address, and says nothing of the secret.
"""

import hashlib
import hmac

WORD_LENGTH = 32


def callback_word(secret: str, provider: str) -> str:
    """Return the word of a provider, named as in the address; "" without a secret, which proves nothing."""
    if not secret:
        return ""
    return hmac.new(secret.encode(), f"callbacks/{provider}".encode(), hashlib.sha256).hexdigest()[:WORD_LENGTH]
