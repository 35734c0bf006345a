"""What people do with messages that they have: POST /gestures {"n": number under /received, "act": ..., "text": ...}.

text: answer with these words (SMS, WeChat, e-mail). answer, key, hang_up, decline: a call that rings. block, unblock: leave
the WeChat account and follow it again. spam: mark an e-mail as spam. The provider tells it as it tells everything.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from app.sandbox.stand_in.callbacks import CallbackPost
from app.sandbox.stand_in.providers import Gesture, GestureError, Touchable
from app.sandbox.stand_in.received import Received

ACTS = ("text", "answer", "key", "hang_up", "decline", "block", "unblock", "spam")
_LONGEST = 500


def posts_of(described: dict[str, Any], received: Received, providers: Iterable[object]) -> Sequence[CallbackPost]:
    """Return what is posted back for a gesture. Raises GestureError."""
    act, text = described.get("act"), str(described.get("text", ""))
    item = received.find(described.get("n"))
    if act not in ACTS or item is None or len(text) > _LONGEST:
        raise GestureError(f"`n` is a message under /received, `act` one of {', '.join(ACTS)}, `text` short.")
    for provider in providers:
        if isinstance(provider, Touchable) and item["label"] in provider.labels:
            return provider.touched(Gesture(act, item, text))
    raise GestureError("Nobody here can be told of that.")
