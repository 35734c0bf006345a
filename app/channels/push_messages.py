"""What goes to FCM for one message: its JSON, built and checked by firebase-admin's message classes.

Whatever copies of a message arrive, the phone shows one: the message id is collapse key, notification tag, APNs collapse id
and web push topic. The text is neutral by default and the details are fetched by the app after it is opened.
"""

from datetime import datetime, timedelta

from firebase_admin import messaging

from app.channels.base import Outgoing

MAX_PAYLOAD_BYTES = 4096
"""Source: FCM reference, page ErrorCode."""
MAX_TTL = timedelta(seconds=2_419_200)
"""28 days. Source: FCM reference, page projects.messages."""
_RESERVED_KEYS = ("from", "message_type", "gcm")
_RESERVED_PREFIXES = ("google", "gcm.notification.")
_CHANNEL_ID = "reminders"


class UnsendableError(Exception):
    """The message breaks FCM's rules and would be refused: our fault, never the device's. Holds no personal data."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def message_body(outgoing: Outgoing, *, now: datetime) -> bytes:
    """Return the request body. Raises UnsendableError (expired, bad_address_kind, invalid_message, payload_too_large)."""
    if outgoing.expires_at <= now:
        raise UnsendableError("expired")
    if outgoing.target.address_kind not in ("fid", "token"):
        raise UnsendableError("bad_address_kind")
    ttl = min(outgoing.expires_at - now, MAX_TTL)
    platform = outgoing.target.platform
    message = messaging.Message(
        data=_data(outgoing),
        notification=messaging.Notification(title=outgoing.title, body=outgoing.body),
        android=_android(outgoing, ttl) if platform in ("android", None) else None,
        apns=_apns(outgoing, now + ttl) if platform in ("ios", None) else None,
        webpush=_webpush(outgoing, ttl) if platform in ("web", None) else None,
        fcm_options=messaging.FCMOptions(analytics_label=outgoing.kind),
    )
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


def _data(outgoing: Outgoing) -> dict[str, str]:
    data = {"deep_link": f"duecourse://inbox/{outgoing.message_id}", **outgoing.data}
    data |= {"message_id": outgoing.message_id, "kind": outgoing.kind}
    for key in data:
        if key in _RESERVED_KEYS or key.startswith(_RESERVED_PREFIXES):
            raise UnsendableError("invalid_message")
    return data


def _android(outgoing: Outgoing, ttl: timedelta) -> messaging.AndroidConfig:
    return messaging.AndroidConfig(
        collapse_key=outgoing.message_id,
        priority="high",
        ttl=ttl,
        notification=messaging.AndroidNotification(tag=outgoing.message_id, channel_id=_CHANNEL_ID, visibility="private"),
    )


def _apns(outgoing: Outgoing, expires_at: datetime) -> messaging.APNSConfig:
    return messaging.APNSConfig(
        headers={
            "apns-collapse-id": outgoing.message_id,
            "apns-expiration": str(int(expires_at.timestamp())),
            "apns-priority": "10",
            "apns-push-type": "alert",
        },
        payload=messaging.APNSPayload(aps=messaging.Aps(thread_id=_CHANNEL_ID, category=outgoing.kind)),
    )


def _webpush(outgoing: Outgoing, ttl: timedelta) -> messaging.WebpushConfig:
    # A topic is at most 32 characters of the base64url alphabet (RFC 8030 §5.4): a UUID without its dashes.
    return messaging.WebpushConfig(
        headers={
            "TTL": str(int(ttl.total_seconds())),
            "Urgency": "normal",
            "Topic": outgoing.message_id.replace("-", "")[:32],
        },
        notification=messaging.WebpushNotification(tag=outgoing.message_id),
    )
