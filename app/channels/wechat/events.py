"""What WeChat's posts tell, in our words: results of messages, following and leaving, consents, links, texts.

Keys of events hold no openid: they are stored as they are, and an openid is personal data.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.channels.callbacks import MalformedError
from app.channels.wechat.access import PROVIDER
from app.domain.deliveries import Callback, DeliveryReport, EndpointEvent, InboundMessage, Told
from app.domain.wechat_links import token_of_scene

_SPACES = re.compile(r"\s+")
_OTHER_TEXTS = frozenset({"image", "voice", "video", "shortvideo", "location", "link"})
"""A person has to look at them in the platform's own console; that one came must not be lost."""
_FAILURES: Mapping[str, tuple[str, str]] = {
    "failed:user block": ("blocked", "blocked"),
    "failed:system failed": ("provider_failed", "keep"),
}
"""Status without its changing spaces -> our code, what it says of the address."""


@dataclass(frozen=True, slots=True)
class Post:
    """One post: its plain fields, and the items of a subscription event."""

    fields: Mapping[str, str]
    items: Sequence[Mapping[str, str]] = ()

    def needed(self, name: str) -> str:
        """Return a field that must be there. Raises MalformedError."""
        value = self.fields.get(name, "")
        if not value:
            raise MalformedError(f"{name} is missing.")
        return value

    @property
    def sender(self) -> str:
        """The openid it is about."""
        return self.needed("FromUserName")

    @property
    def at(self) -> datetime | None:
        """When it happened, by the platform's clock."""
        text = self.fields.get("CreateTime", "")
        return datetime.fromtimestamp(int(text), UTC) if re.fullmatch("[0-9]{1,11}", text) else None

    def key(self, *more: str) -> str:
        """Return what tells this event from every other: sender, instant and event, and which of its items."""
        parts = (self.sender, self.fields.get("CreateTime", ""), self.fields.get("Event", ""), *more)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def told_by(post: Post) -> Callback:
    """Return what a post tells. Raises MalformedError for one that lacks what it must have."""
    kind = post.needed("MsgType").lower()
    if kind == "event":
        event = post.needed("Event").lower()
        read = _EVENTS.get(event)
        return read(post) if read is not None else Callback(PROVIDER)
    if kind == "text" or kind in _OTHER_TEXTS:
        text = post.fields.get("Content") or post.fields.get("Recognition") or f"[{kind}]"
        number = post.fields.get("MsgId") or post.key(kind)
        inbound = InboundMessage(f"text:{number}"[:200], "wechat", "openid", post.sender, text, at=post.at)
        return Callback(PROVIDER, inbound=(inbound,))
    return Callback(PROVIDER)


def _finished(post: Post) -> Callback:
    """Tell how a template message ended."""
    reference, raw = post.needed("MsgID"), post.needed("Status")
    status = _SPACES.sub(" ", raw).replace(": ", ":").lower()
    return Callback(PROVIDER, reports=(_report(post, reference, status, raw),))


def _sent(post: Post) -> Callback:
    """Tell how a subscription message ended."""
    reports = []
    for item in post.items:
        reference = item.get("MsgID") or item.get("MsgId")
        if reference:
            failed = item.get("ErrorCode", "0") not in ("", "0")
            raw = f"{item.get('ErrorCode', '')} {item.get('ErrorStatus', '')}".strip()
            status = f"failed:{item.get('ErrorStatus', '').lower()}" if failed else "success"
            reports.append(_report(post, reference, status, raw))
    return Callback(PROVIDER, reports=tuple(reports))


def _report(post: Post, reference: str, status: str, raw: str) -> DeliveryReport:
    key = f"{reference}:{status}"[:200]
    if status == "success":
        return DeliveryReport(key, Told.DELIVERED, reference=reference[:200], at=post.at, raw_code=raw[:60])
    if status.startswith("failed"):
        code, verdict = _FAILURES.get(status, ("unknown", "keep"))
        return DeliveryReport(
            key, Told.FAILED, reference=reference[:200], at=post.at, error_code=code, raw_code=raw[:60], verdict=verdict
        )
    return DeliveryReport(key, Told.ACCEPTED, reference=reference[:200], at=post.at, raw_code=raw[:60])


def _event(post: Post, kind: str, *more: str, **detail: str) -> EndpointEvent:
    return EndpointEvent(post.key(kind, *more), "wechat", "openid", post.sender, kind, detail=detail, at=post.at)


def _left(post: Post) -> Callback:
    return Callback(PROVIDER, events=(_event(post, "blocked"),))


def _followed(post: Post) -> Callback:
    return Callback(PROVIDER, events=(_event(post, "subscribed"), *_link(post)))


def _scanned(post: Post) -> Callback:
    return Callback(PROVIDER, events=tuple(_link(post)))


def _link(post: Post) -> list[EndpointEvent]:
    token = token_of_scene(post.fields.get("EventKey", "").removeprefix("qrscene_"))
    return [_event(post, "link", token=token)] if token else []


def _consented(post: Post) -> Callback:
    """Tell, template by template, what was allowed or refused in a window of the platform."""
    return Callback(PROVIDER, events=tuple(_consents(post, "popup")))


def _changed(post: Post) -> Callback:
    """Tell what was refused in the platform's own settings."""
    return Callback(PROVIDER, events=tuple(_consents(post, "settings")))


def _consents(post: Post, via: str) -> list[EndpointEvent]:
    events = []
    for place, item in enumerate(post.items):
        template, said = item.get("TemplateId", ""), item.get("SubscribeStatusString", "").lower()
        if template and said == "accept":
            events.append(_event(post, "consent_given", str(place), template, template=template, count="1", via=via))
        elif template and said:  # reject, and ban or filter, with which the platform refuses for them
            events.append(_event(post, "consent_refused", str(place), template, template=template, via=via))
    return events


_EVENTS: Mapping[str, Callable[[Post], Callback]] = {
    "templatesendjobfinish": _finished,
    "subscribe_msg_sent_event": _sent,
    "subscribe": _followed,
    "unsubscribe": _left,
    "scan": _scanned,
    "subscribe_msg_popup_event": _consented,
    "subscribe_msg_change_event": _changed,
}
