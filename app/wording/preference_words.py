"""Why a channel of a topic cannot be switched off, as a borrower reads it."""

from collections.abc import Mapping

_REASONS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "record-in-app": "What you owe always stands in the app; nothing is sent for it.",
        "required-by-law": "The law demands these notices; they reach you whatever you choose here.",
        "security": "Codes that protect your account cannot be switched off.",
    },
    "zh-CN": {
        "record-in-app": "您的应还信息始终显示在应用内，不会另行发送消息。",
        "required-by-law": "此类通知为法律法规要求的告知，不受此处设置影响。",
        "security": "保护账户安全的验证码无法关闭。",
    },
}


def lock_sentence(reason: str, locale: str) -> str:
    """Return the sentence for a reason of `domain/preferences.py` in a locale we speak."""
    return _REASONS.get(locale, _REASONS["en"])[reason]
