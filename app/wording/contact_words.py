"""What a borrower is told about contacts: what they were for, how they fared, and which are planned."""

from collections.abc import Mapping, Sequence

_PURPOSES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "reminder": "A reminder before or on a due date",
        "collection": "A reminder after a due date",
        "statutory": "A notice that the law asks for",
        "servicing": "About how your loan runs",
        "support": "An answer to you",
    },
    "zh-CN": {
        "reminder": "到期前或到期日提醒",
        "collection": "到期后的提醒",
        "statutory": "法律要求的通知",
        "servicing": "关于贷款日常事项",
        "support": "对您的答复",
    },
}
_DELIVERIES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "waiting": "On its way",
        "sent": "Sent",
        "delivered": "Delivered",
        "seen": "Seen by you",
        "unknown": "Sent; we do not know whether it arrived",
        "not_delivered": "It could not be delivered",
        "not_sent": "Not sent",
    },
    "zh-CN": {
        "waiting": "发送中",
        "sent": "已发送",
        "delivered": "已送达",
        "seen": "您已查看",
        "unknown": "已发送，是否送达未知",
        "not_delivered": "未能送达",
        "not_sent": "未发送",
    },
}
_CHANNELS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "in_app": "in the app", "push": "as a notification", "sms": "by text message", "voice": "by phone",
        "wechat": "on WeChat", "email": "by e-mail", "letter": "by letter",
    },
    "zh-CN": {
        "in_app": "应用内", "push": "手机通知", "sms": "短信", "voice": "电话", "wechat": "微信", "email": "邮件",
        "letter": "信函",
    },
}  # fmt: skip


def purpose_words(message_class: str, locale: str) -> str:
    """Return what a contact was for. Raises KeyError for a class no borrower is contacted in."""
    return _PURPOSES[_locale(locale)][message_class]


def delivery_words(delivery: str, locale: str) -> str:
    """Return how a message fared. Raises KeyError."""
    return _DELIVERIES[_locale(locale)][delivery]


def planned_words(when: str, channels: Sequence[str], locale: str) -> str:
    """Return the sentence for a message that is planned. Raises KeyError for an unknown channel."""
    names = [_CHANNELS[_locale(locale)][channel] for channel in channels]
    if _locale(locale) == "zh-CN":
        return f"我们计划于{when}通过{'、'.join(names)}提醒您；如果届时您已还款，就不会再发。"
    return f"We plan to write to you on {when}, {' and '.join(names)}, unless you have paid by then."


def person_words(when: str, locale: str) -> str:
    """Return the sentence for a step that a person does."""
    if _locale(locale) == "zh-CN":
        return f"{when}起可能会有工作人员与您联系，一起看看有什么办法。"
    return f"From {when} a person may get in touch, to see with you what is possible."


def paused_words(reason: str, locale: str) -> str:
    """Return the sentence for a message that will not be sent as things stand; `reason` in the borrower's words."""
    return f"目前不会提醒您：{reason}。" if _locale(locale) == "zh-CN" else f"As things stand we will not write: {reason}."


def _locale(wanted: str) -> str:
    return "zh-CN" if wanted.lower().startswith("zh") else "en"
