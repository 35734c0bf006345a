"""What the real providers would answer: FCM HTTP v1 with its validation, Google's token endpoint, the SMS gateway.

Sources: FCM reference, pages projects.messages and ErrorCode; RFC 7523 for the token request.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson

from app.sandbox.stand_in.callbacks import CallbackPost

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_PAYLOAD_BYTES = 4096
MAX_TTL_SECONDS = 2_419_200
_MESSAGE_FIELDS = frozenset(
    {"name", "data", "notification", "android", "webpush", "apns", "fcm_options", "fid", "token", "topic", "condition"}
)
_TARGETS = ("fid", "token", "topic", "condition")
_LABEL = re.compile(r"[a-zA-Z0-9-_.~%]{1,50}")
_TTL = re.compile(r"(\d{1,9})(\.\d{1,9})?s")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Taken:
    """A request the provider takes: what it would remember, and its answer."""

    channel: str
    message_id: str
    target: str
    label: str
    content: bytes = field(repr=False)
    """JSON."""
    answer: Answer
    callbacks: tuple[CallbackPost, ...] = ()
    """What the provider posts back after it."""
    act: str = ""
    """What goes wrong with this one by itself, as a fault of faults.py does: its address asked for it."""
    then: Callable[[], None] | None = None
    """What the provider does when it has really taken it, which a fault may prevent."""


SILENCE = Answer(0, b"")
"""The request is read and never answered."""


def json_answer(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Return a JSON answer."""
    return Answer(status, orjson.dumps(value), headers)


def fcm_error(
    http: int,
    status: str,
    message: str,
    *,
    code: str | None = None,
    field_name: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    """Return an FCM error: `code` adds an FcmError detail, `field_name` a BadRequest detail."""
    error: dict[str, Any] = {"code": http, "message": message, "status": status}
    details: list[dict[str, Any]] = []
    if code:
        details.append({"@type": FCM_ERROR, "errorCode": code})
    if field_name:
        details.append({"@type": BAD_REQUEST, "fieldViolations": [{"field": field_name, "description": message}]})
    if details:
        error["details"] = details
    return json_answer({"error": error}, http, headers)


_INVALID = "Request contains an invalid argument."
NAMED: dict[str, Answer] = {
    "unregistered": fcm_error(404, "NOT_FOUND", "Requested entity was not found.", code="UNREGISTERED"),
    "invalid_token": fcm_error(400, "INVALID_ARGUMENT", _INVALID, code="INVALID_ARGUMENT", field_name="message.token"),
    "invalid_argument": fcm_error(400, "INVALID_ARGUMENT", _INVALID, code="INVALID_ARGUMENT"),
    "bad_field": fcm_error(400, "INVALID_ARGUMENT", _INVALID, field_name="message.data[0].value"),
    "too_large": fcm_error(400, "INVALID_ARGUMENT", _INVALID),
    "sender_id_mismatch": fcm_error(403, "PERMISSION_DENIED", "SenderId mismatch", code="SENDER_ID_MISMATCH"),
    "permission_denied": fcm_error(403, "PERMISSION_DENIED", "The caller does not have permission"),
    "third_party_auth": fcm_error(
        401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", code="THIRD_PARTY_AUTH_ERROR"
    ),
    "unauthenticated": fcm_error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "quota": fcm_error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", code="QUOTA_EXCEEDED"),
    "quota_retry_after": fcm_error(
        429, "RESOURCE_EXHAUSTED", "Quota exceeded.", code="QUOTA_EXCEEDED", headers=(("Retry-After", "7"),)
    ),
    "unavailable": fcm_error(503, "UNAVAILABLE", "The service is currently unavailable.", code="UNAVAILABLE"),
    "unavailable_retry_after": fcm_error(
        503, "UNAVAILABLE", "The service is currently unavailable.", code="UNAVAILABLE", headers=(("Retry-After", "5"),)
    ),
    "internal": fcm_error(500, "INTERNAL", "Internal error encountered.", code="INTERNAL"),
    "bad_gateway": Answer(502, b"<!DOCTYPE html><title>Error 502 (Server Error)</title>", content_type="text/html"),
    "no_name": json_answer({}),
    "not_json": Answer(200, b"<html>ok</html>", content_type="text/html"),
    "invalid_grant": json_answer({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400),
    "invalid_number": json_answer({"code": "invalid_number"}, 422),
}


def send_push(body: bytes) -> Answer | Taken:
    """Judge a messages:send body as FCM does."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return fcm_error(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unexpected token.")
    message = request.get("message") if isinstance(request, dict) else None
    if not isinstance(message, dict) or set(request) - {"message", "validate_only"}:
        return fcm_error(400, "INVALID_ARGUMENT", "Invalid JSON payload received.", field_name="message")
    refused = _refusal(message)
    if refused is not None:
        return refused
    content = orjson.dumps(message)
    if len(content) > MAX_PAYLOAD_BYTES:
        return NAMED["too_large"]
    if request.get("validate_only"):
        return json_answer({"name": "projects/stand-in/messages/fake_message_id"})
    target = next(str(message[key]) for key in _TARGETS if message.get(key))
    return Taken(
        channel="push",
        message_id=str((message.get("data") or {}).get("message_id", "")),
        target=target,
        label=str((message.get("fcm_options") or {}).get("analytics_label", "")),
        content=content,
        answer=json_answer({"name": f"projects/stand-in/messages/0:{secrets.token_hex(8)}"}),
    )


def _refusal(message: dict[str, Any]) -> Answer | None:
    unknown = set(message) - _MESSAGE_FIELDS
    if unknown:
        return _violation("Unknown name.", f"message.{min(unknown)}")
    targets = [key for key in _TARGETS if message.get(key)]
    if not targets:
        return fcm_error(
            400, "INVALID_ARGUMENT", "Recipient of the message is not set.", code="INVALID_ARGUMENT", field_name="message"
        )
    if len(targets) > 1:
        return _violation("Only one of the fields may be set.", f"message.{targets[1]}")
    if not re.fullmatch(r"\S{1,1024}", str(message[targets[0]])):
        return fcm_error(
            400,
            "INVALID_ARGUMENT",
            "The registration token is not a valid FCM registration token",
            code="INVALID_ARGUMENT",
            field_name=f"message.{targets[0]}",
        )
    for place, (key, value) in enumerate((message.get("data") or {}).items()):
        if not isinstance(value, str):
            return _violation(f"Invalid value (TYPE_STRING), {value}", f"message.data[{place}].value")
        if key in ("from", "message_type", "gcm") or key.startswith(("google", "gcm.notification.")):
            return fcm_error(400, "INVALID_ARGUMENT", f"Invalid data payload key: {key}", field_name="message.data")
    ttl = (message.get("android") or {}).get("ttl")
    if ttl is not None:
        match = _TTL.fullmatch(str(ttl))
        if match is None or int(match[1]) > MAX_TTL_SECONDS:
            return _violation("Invalid ttl.", "message.android.ttl")
    label = (message.get("fcm_options") or {}).get("analytics_label")
    if label is not None and not _LABEL.fullmatch(str(label)):
        return _violation("Invalid analytics label.", "message.fcm_options.analytics_label")
    return None


def _violation(message: str, field_name: str) -> Answer:
    return fcm_error(400, "INVALID_ARGUMENT", message, field_name=field_name)


def issue_token(body: bytes, token: str) -> Answer:
    """Judge a token request by its shape; the signature is not checked, for the stand-in knows no keys."""
    form = parse_qs(body.decode("latin-1"))
    parts = form.get("assertion", [""])[0].split(".")
    if form.get("grant_type") != [JWT_BEARER] or len(parts) != 3:
        return json_answer({"error": "unsupported_grant_type"}, 400)
    try:
        header, claims = (orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except ValueError:
        return NAMED["invalid_grant"]
    if header.get("alg") != "RS256" or not {"iss", "scope", "aud", "iat", "exp"} <= set(claims):
        return NAMED["invalid_grant"]
    return json_answer({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})


def send_sms(body: bytes, headers: dict[str, str], key: str | None) -> Answer | Taken:
    """Judge a post to the SMS gateway; the signature is checked when the stand-in was given a key."""
    timestamp, signed = headers.get("duecourse-timestamp", ""), headers.get("duecourse-signature", "")
    if key is not None:
        expected = hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signed):
            return json_answer({"code": "bad_signature"}, 401)
    try:
        message = orjson.loads(body)
        to, text, message_id = message["to"], message["text"], message["message_id"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return json_answer({"code": "malformed"}, 400)
    if not re.fullmatch(r"\+[1-9]\d{6,14}", str(to)):
        return NAMED["invalid_number"]
    return Taken(
        channel="sms",
        message_id=str(message_id),
        target=to,
        label="sms",
        content=orjson.dumps({"text": text}),
        answer=json_answer({"id": f"sms-{secrets.token_hex(8)}"}, 202),
    )
