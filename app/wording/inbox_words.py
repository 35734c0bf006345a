"""The labels of an inbox message's actions."""

from collections.abc import Mapping
from hashlib import blake2b

_ACTIONS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "pay": "Pay",
        "see_plan": "See my plan",
        "see_options": "See my options",
        "get_help": "Get help",
        "reply": "Write to us",
    },
    "zh-CN": {
        "pay": "去还款",
        "see_plan": "查看还款计划",
        "see_options": "查看可选方案",
        "get_help": "寻求帮助",
        "reply": "联系我们",
    },
}
REVISION = blake2b(repr(_ACTIONS).encode(), digest_size=6).hexdigest()
"""Of these words: an answer that holds them has changed when they have."""


def action_words(action: str, locale: str) -> str:
    """Return the label of an action. Raises KeyError for one we lack."""
    return _ACTIONS["zh-CN" if locale.lower().startswith("zh") else "en"][action]
