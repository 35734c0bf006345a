"""What FCM's answers mean: the one table from its errors to ours.

An error is classed by the FcmError detail first, then by the status word, then by the HTTP code (the body may be HTML).
Source: FCM reference, pages "ErrorCode" and "REST error codes for the HTTP v1 API".
"""

from dataclasses import dataclass

from firebase_admin import exceptions, messaging

from app.channels.answers import json_object, no_answer, retry_after_seconds
from app.channels.base import DeliveryResult, EndpointVerdict, Outcome
from app.channels.http_transport import HttpAnswer

QUOTA_PAUSE_SECONDS = 60.0
"""FCM asks for a minute when 429 comes without Retry-After."""
REFUSED_CREDENTIAL_PAUSE_SECONDS = 300.0
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"

_BY_FCM_CODE: dict[str, type[exceptions.FirebaseError]] = {
    "UNREGISTERED": messaging.UnregisteredError,
    "SENDER_ID_MISMATCH": messaging.SenderIdMismatchError,
    "THIRD_PARTY_AUTH_ERROR": messaging.ThirdPartyAuthError,
    "APNS_AUTH_ERROR": messaging.ThirdPartyAuthError,
    "QUOTA_EXCEEDED": messaging.QuotaExceededError,
    "INVALID_ARGUMENT": exceptions.InvalidArgumentError,
    "UNAVAILABLE": exceptions.UnavailableError,
    "INTERNAL": exceptions.InternalError,
}
_BY_STATUS: dict[str, type[exceptions.FirebaseError]] = {
    "INVALID_ARGUMENT": exceptions.InvalidArgumentError,
    "UNAUTHENTICATED": exceptions.UnauthenticatedError,
    "PERMISSION_DENIED": exceptions.PermissionDeniedError,
    "NOT_FOUND": exceptions.NotFoundError,
    "RESOURCE_EXHAUSTED": messaging.QuotaExceededError,
    "UNAVAILABLE": exceptions.UnavailableError,
    "INTERNAL": exceptions.InternalError,
    "DEADLINE_EXCEEDED": exceptions.DeadlineExceededError,
}
_BY_HTTP: dict[int, type[exceptions.FirebaseError]] = {
    400: exceptions.InvalidArgumentError,
    401: exceptions.UnauthenticatedError,
    403: exceptions.PermissionDeniedError,
    404: exceptions.NotFoundError,
    413: exceptions.InvalidArgumentError,
    429: messaging.QuotaExceededError,
    500: exceptions.InternalError,
    502: exceptions.UnavailableError,
    503: exceptions.UnavailableError,
    504: exceptions.DeadlineExceededError,
}


@dataclass(frozen=True, slots=True)
class FcmError:
    """An error answer, read. `raw_code` is FCM's own word for it."""

    kind: type[exceptions.FirebaseError]
    raw_code: str
    has_detail: bool
    """Whether FCM said it in its own words, and not only in the platform's."""
    bad_fields: tuple[str, ...]
    message: str


def is_stale_token(answer: HttpAnswer) -> bool:
    """Whether the bearer token was refused. A refused APNs key is also a 401, and no new token would help there."""
    return answer.status == 401 and read_error(answer).kind is not messaging.ThirdPartyAuthError


def result_of(answer: HttpAnswer, platform: str | None = None) -> DeliveryResult:
    """Return what the answer means for the message, the device and the provider; `platform` is the device's."""
    if answer.failure is not None:
        return no_answer(answer)
    if answer.status == 200:
        return _accepted(answer)
    return _refusal(read_error(answer), retry_after_seconds(answer.headers), platform)


def read_error(answer: HttpAnswer) -> FcmError:
    """Read an error body of any shape."""
    error = json_object(answer.body).get("error")
    error = error if isinstance(error, dict) else {}
    details = [item for item in error.get("details") or () if isinstance(item, dict)]
    fcm_code = next((str(item.get("errorCode")) for item in details if item.get("@type") == _FCM_ERROR), None)
    status = str(error.get("status") or "")
    kind = (
        _BY_FCM_CODE.get(fcm_code or "")
        or _BY_STATUS.get(status)
        or _BY_HTTP.get(answer.status)
        or (exceptions.UnavailableError if answer.status >= 500 else exceptions.UnknownError)
    )
    bad_fields = tuple(
        str(violation.get("field"))
        for item in details
        if item.get("@type") == _BAD_REQUEST
        for violation in item.get("fieldViolations") or ()
        if isinstance(violation, dict)
    )
    raw_code = (fcm_code or status or f"HTTP_{answer.status}")[:60]
    return FcmError(kind, raw_code, fcm_code is not None, bad_fields, str(error.get("message") or ""))


def _accepted(answer: HttpAnswer) -> DeliveryResult:
    name = json_object(answer.body).get("name")
    if isinstance(name, str) and name:
        return DeliveryResult(Outcome.ACCEPTED, provider_reference=name[:200])
    return DeliveryResult(Outcome.UNCERTAIN, error_code="answer_without_name", raw_code="HTTP_200")


def _refusal(error: FcmError, retry_after: float | None, platform: str | None) -> DeliveryResult:
    kind, raw = error.kind, error.raw_code
    if kind is messaging.UnregisteredError:
        return DeliveryResult(Outcome.REFUSED, error_code="unregistered", raw_code=raw, verdict=EndpointVerdict.INVALID)
    if kind is messaging.SenderIdMismatchError:
        return DeliveryResult(Outcome.REFUSED, error_code="other_project", raw_code=raw, verdict=EndpointVerdict.INVALID)
    if kind is exceptions.InvalidArgumentError:
        return _invalid_argument(error)
    if kind is messaging.ThirdPartyAuthError:
        return platform_refused(raw, platform)
    if kind is messaging.QuotaExceededError:
        pause = QUOTA_PAUSE_SECONDS if retry_after is None else retry_after
        return DeliveryResult(
            Outcome.RETRY, error_code="quota", raw_code=raw, retry_after_seconds=pause, pause_provider_seconds=pause
        )
    if kind in (exceptions.UnavailableError, exceptions.InternalError):
        return DeliveryResult(Outcome.RETRY, error_code="unavailable", raw_code=raw, retry_after_seconds=retry_after)
    if kind is exceptions.DeadlineExceededError:  # a gateway gave up waiting: what stands behind it may have sent
        return DeliveryResult(Outcome.UNCERTAIN, error_code="timeout", raw_code=raw, retry_after_seconds=retry_after)
    # Wrong project, missing right, refused credential, a redirect: nothing is wrong with message or device, and every
    # other message would fare the same.
    return credential_refused(raw)


def credential_refused(raw_code: str) -> DeliveryResult:
    """Return the result of a message that was not tried, or refused, because of how we are set up."""
    return DeliveryResult(
        Outcome.RETRY,
        error_code="credential_refused",
        raw_code=raw_code,
        pause_provider_seconds=REFUSED_CREDENTIAL_PAUSE_SECONDS,
    )


def platform_refused(raw_code: str | None, platform: str | None) -> DeliveryResult:
    """Return the result of a message to a platform whose own credential (APNs key, web push key) is refused.

    Every other message to that platform would fare the same, those to others do not; Android has no such credential.
    """
    at_fault = platform if platform in ("ios", "web") else None
    return DeliveryResult(
        Outcome.REFUSED,
        error_code="third_party_auth",
        raw_code=raw_code,
        pause_provider_seconds=REFUSED_CREDENTIAL_PAUSE_SECONDS if at_fault else None,
        pause_platform=at_fault,
    )


def _invalid_argument(error: FcmError) -> DeliveryResult:
    """Tell a bad address from a message of ours that breaks the rules: only the first says something about the device."""
    names_target = bool({"message.token", "message.fid"} & set(error.bad_fields))
    says_target = error.has_detail and not error.bad_fields and "registration token" in error.message.lower()
    if names_target or says_target:
        verdict, code = EndpointVerdict.INVALID, "bad_address"
    elif error.has_detail and not error.bad_fields:
        verdict, code = EndpointVerdict.SUSPECT, "bad_address"
    else:
        verdict, code = EndpointVerdict.KEEP, "bad_message"
    return DeliveryResult(Outcome.REFUSED, error_code=code, raw_code=error.raw_code, verdict=verdict)
