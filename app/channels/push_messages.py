"""What goes to FCM for one message: its JSON, built and checked by firebase-admin's message classes.

Whatever copies of a message arrive, the phone shows one: the message id is collapse key, notification tag, APNs collapse id
and web push topic. The text is neutral by default and the details are fetched by the app after it is opened. docs/push.md
tells app developers what they get; docs/api/push-payload.schema.json is its form.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from firebase_admin import messaging

from app.channels.base import Outgoing

MAX_PAYLOAD_BYTES = 4096
"""Source: FCM reference, page ErrorCode."""
MAX_TTL = timedelta(seconds=2_419_200)
"""28 days. Source: FCM reference, page projects.messages."""
SYNC_KEY = "sync"
"""Every sync says the same, so one of them is enough. A device keeps four collapse keys only: they must not use them up."""
_RESERVED_KEYS = ("from", "message_type", "gcm")
_RESERVED_PREFIXES = ("google", "gcm.notification.")
_CHANNEL_ID = "reminders"


class UnsendableError(Exception):
    """The message breaks FCM's rules and would be refused: our fault, never the device's. Holds no personal data."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def message_body(outgoing: Outgoing, *, now: datetime) -> bytes:
    """Return the request body.

    Raises UnsendableError (expired, bad_address_kind, invalid_message, nothing_to_show, payload_too_large).
    """
    if outgoing.expires_at <= now:
        raise UnsendableError("expired")
    if outgoing.target.address_kind not in ("fid", "token"):
        raise UnsendableError("bad_address_kind")
    make = _MAKERS.get(outgoing.purpose)
    if make is None:
        raise UnsendableError("invalid_message")
    message = make(outgoing, now, min(outgoing.expires_at - now, MAX_TTL))
    # Set afterwards: passing `token` warns that installation ids replace it, and old devices have nothing else.
    setattr(message, outgoing.target.address_kind, outgoing.target.address)
    try:
        encoded = str(message).encode()
    except ValueError:
        raise UnsendableError("invalid_message") from None
    # FCM counts the payload without the address; counting it in errs on the safe side.
    if len(encoded) > MAX_PAYLOAD_BYTES:
        raise UnsendableError("payload_too_large")
    return b'{"message":' + encoded + b"}"


def _notify(outgoing: Outgoing, now: datetime, ttl: timedelta) -> messaging.Message:
    """Something to be shown."""
    platform, key = outgoing.target.platform, outgoing.message_id
    return messaging.Message(
        data=_data(outgoing, deep_link=f"duecourse://inbox/{key}"),
        notification=messaging.Notification(title=outgoing.title, body=outgoing.body),
        android=messaging.AndroidConfig(
            collapse_key=key,
            priority="high",
            ttl=ttl,
            notification=messaging.AndroidNotification(tag=key, channel_id=_CHANNEL_ID, visibility="private"),
        )
        if platform in ("android", None)
        else None,
        apns=messaging.APNSConfig(
            headers=_apns_headers(key, now + ttl, priority="10", push_type="alert"),
            payload=messaging.APNSPayload(aps=messaging.Aps(thread_id=_CHANNEL_ID, category=outgoing.kind)),
        )
        if platform in ("ios", None)
        else None,
        webpush=messaging.WebpushConfig(headers=_web_headers(key, ttl), notification=messaging.WebpushNotification(tag=key))
        if platform in ("web", None)
        else None,
        fcm_options=messaging.FCMOptions(analytics_label=outgoing.kind),
    )


def _sync(outgoing: Outgoing, now: datetime, ttl: timedelta) -> messaging.Message:
    """Something changed: the app asks for it when it suits the phone. A page asks by itself, and may not be woken unseen."""
    if outgoing.target.platform == "web":
        raise UnsendableError("nothing_to_show")
    return _silent(outgoing, now, ttl, key=SYNC_KEY, priority="normal", data=_data(outgoing))


def _withdraw(outgoing: Outgoing, now: datetime, ttl: timedelta) -> messaging.Message:
    """Take a notification off the screen: what it says is no longer true, so a phone that sleeps is woken for it.

    Under the collapse key of the message withdrawn: one that was not delivered yet never will be. A browser must show
    something for every push, so there the notification is replaced, without a sound, by one that says it is settled.
    """
    withdrawn = outgoing.withdraws
    if not withdrawn:
        raise UnsendableError("invalid_message")
    data = _data(outgoing)
    if outgoing.target.platform != "web":
        return _silent(outgoing, now, ttl, key=withdrawn, priority="high", data=data)
    if not outgoing.title:
        raise UnsendableError("nothing_to_show")
    return messaging.Message(
        data=data,
        notification=messaging.Notification(title=outgoing.title, body=outgoing.body),
        webpush=messaging.WebpushConfig(
            headers=_web_headers(withdrawn, ttl),
            notification=messaging.WebpushNotification(tag=withdrawn, silent=True, renotify=False),
        ),
        fcm_options=messaging.FCMOptions(analytics_label=outgoing.kind),
    )


_MAKERS: dict[str, Callable[[Outgoing, datetime, timedelta], messaging.Message]] = {
    "notify": _notify,
    "sync": _sync,
    "withdraw": _withdraw,
}
"""By purpose."""


def _silent(
    outgoing: Outgoing, now: datetime, ttl: timedelta, *, key: str, priority: str, data: dict[str, str]
) -> messaging.Message:
    """Return a message of data alone, which the app handles without showing anything.

    APNs takes such only at priority 5, and stops serving apps that say otherwise (Apple, "Pushing background updates").
    """
    platform = outgoing.target.platform
    return messaging.Message(
        data=data,
        android=messaging.AndroidConfig(collapse_key=key, priority=priority, ttl=ttl)
        if platform in ("android", None)
        else None,
        apns=messaging.APNSConfig(
            headers=_apns_headers(key, now + ttl, priority="5", push_type="background"),
            payload=messaging.APNSPayload(aps=messaging.Aps(content_available=True)),
        )
        if platform in ("ios", None)
        else None,
        fcm_options=messaging.FCMOptions(analytics_label=outgoing.kind),
    )


def _data(outgoing: Outgoing, **more: str) -> dict[str, str]:
    data = {**more, **outgoing.data}
    if outgoing.withdraws:
        data["withdraws"] = outgoing.withdraws
    data |= {"message_id": outgoing.message_id, "kind": outgoing.kind, "purpose": outgoing.purpose}
    for key in data:
        if key in _RESERVED_KEYS or key.startswith(_RESERVED_PREFIXES):
            raise UnsendableError("invalid_message")
    return data


def _apns_headers(key: str, expires_at: datetime, *, priority: str, push_type: str) -> dict[str, str]:
    return {
        "apns-collapse-id": key,
        "apns-expiration": str(int(expires_at.timestamp())),
        "apns-priority": priority,
        "apns-push-type": push_type,
    }


def _web_headers(key: str, ttl: timedelta) -> dict[str, str]:
    # A topic is at most 32 characters of the base64url alphabet (RFC 8030 §5.4): a UUID without its dashes.
    return {"TTL": str(int(ttl.total_seconds())), "Urgency": "normal", "Topic": key.replace("-", "")[:32]}
