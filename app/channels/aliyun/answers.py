"""What Alibaba Cloud's codes mean: of the SMS and the voice service, and of receipts.

Source: Alibaba Cloud SMS "API error codes" and "International error codes", Voice Service "API error codes", "Call status
codes" and "Carrier response error codes" (read); codes of the gateway before the services (Throttling, InvalidAccessKeyId,
SignatureDoesNotMatch ...): common knowledge of its SDKs, not verified; codes of receipts: no page with the whole list
could be read, those here are from general knowledge of the product and everything else is `unknown`.
"""

from app.channels.answers import (
    BAD_CONTENT,
    BAD_MESSAGE,
    BAD_NUMBER,
    BAD_SENDER,
    BAD_TEMPLATE,
    CREDENTIAL,
    NO_MONEY,
    NOT_THERE,
    PROVIDER_ERROR,
    QUOTA,
    Meaning,
    json_object,
    no_answer,
    retry_after_seconds,
)
from app.channels.base import DeliveryResult, Outcome
from app.channels.http_transport import HttpAnswer

_FLOW_CONTROL = Meaning(Outcome.RETRY, "quota", retry_seconds=60.0)
"""Of one number: one a minute, five an hour; others are well. Source: "Message sending rules", windows of whole minutes."""
_ACCOUNT_LIMIT = Meaning(Outcome.RETRY, "quota", pause_seconds=3600.0)
_COMPLAINT = Meaning(Outcome.REFUSED, "blocked")

_MEANINGS: dict[str, Meaning] = {
    **dict.fromkeys(("MOBILE_NUMBER_ILLEGAL", "INVALID_NUMBER", "CALLED_NUMBER_ILLEGAL"), BAD_NUMBER),
    **dict.fromkeys(("BUSINESS_LIMIT_CONTROL", "MOBILE_SEND_LIMIT"), _FLOW_CONTROL),
    **dict.fromkeys(("DAY_LIMIT_CONTROL", "MONTH_LIMIT_CONTROL"), _ACCOUNT_LIMIT),
    **dict.fromkeys(("QPS_LIMIT_CONTROL", "VOICE_CALL_PERIOD_ERROR", "VOICE_ROBOT_NOT_PERIOD"), _FLOW_CONTROL),
    **dict.fromkeys(("OUT_OF_SERVICE", "AMOUNT_NOT_ENOUGH", "ONLINE_BILLING_FAILED"), NO_MONEY),
    **dict.fromkeys(
        (
            "ACCOUNT_NOT_EXISTS", "ACCOUNT_ABNORMAL", "ACCOUNT_ILLEGAL", "RAM_PERMISSION_DENY", "PRODUCT_UN_SUBSCRIPT",
            "PRODUCT_UNSUBSCRIBE", "PRODUCT_NOT_SUBSCRIBED", "DENY_IP_RANGE", "FORBIDDEN_ACTION", "BILLID_NOT_EXIST",
        ),
        CREDENTIAL,
    ),
    **dict.fromkeys(
        (
            "SMS_SIGNATURE_ILLEGAL", "SMS_SIGN_ILLEGAL", "SMS_SIGN_NAME_ILLEGAL", "SIGN_STATE_ILLEGAL", "SIGN_NAME_ILLEGAL",
            "SMS_SIGNATURE_SCENE_ILLEGAL", "EXTEND_CODE_ERROR", "INVALID_SENDERID", "DISPLAY_NUMBER_ILLEGAL",
        ),
        BAD_SENDER,
    ),
    **dict.fromkeys(
        (
            "SMS_TEMPLATE_ILLEGAL", "TTS_TEMPLATE_ILLEGAL", "TEMPLATE_ILLEGAL", "TEMPLATE_MISSING_PARAMETERS",
            "TEMPLATE_PARAMS_ILLEGAL", "PARAM_LENGTH_LIMIT", "PARAM_NOT_SUPPORT_URL", "SMS_CONTENT_CODE_ILLEGAL",
            "CONTENT_MISSING_PARAMETERS",
        ),
        BAD_TEMPLATE,
    ),
    **dict.fromkeys(("SMS_CONTENT_ILLEGAL", "BLACK_KEY_CONTROL_LIMIT", "SMS_SECURITY_INTERCEPTED"), BAD_CONTENT),
    **dict.fromkeys(("INVALID_PARAMETERS", "INVALID_JSON_PARAM", "MOBILE_COUNT_OVER_LIMIT"), BAD_MESSAGE),
    **dict.fromkeys(("DOMESTIC_NUMBER_NOT_SUPPORTED", "NOT_SUPPORTED_COUNTRY"), NOT_THERE),
    "COMPLAINT_REJECT": _COMPLAINT,
    "SYSTEM_ERROR": PROVIDER_ERROR,
    "VOICE_CALL_FAIL": PROVIDER_ERROR,
}  # fmt: skip
"""By the code without its isv. or isp.: the international service writes the same words bare."""

_GATEWAY = (
    ("Throttling", QUOTA),
    ("SignatureNonceUsed", Meaning(Outcome.UNCERTAIN, "provider_error")),  # it says that these bytes came before
    ("Signature", CREDENTIAL),
    ("InvalidAccessKey", CREDENTIAL),
    ("IncompleteSignature", CREDENTIAL),
    ("InvalidTimeStamp", CREDENTIAL),
    ("InvalidSecurityToken", CREDENTIAL),
    ("Missing", BAD_MESSAGE),
    ("Forbidden", CREDENTIAL),
    ("NoPermission", CREDENTIAL),
    ("UnsupportedOperation", CREDENTIAL),
)
"""By how the code begins, the first that fits."""


def result_of(answer: HttpAnswer, *, reference: str, units: int) -> DeliveryResult:
    """Return what the answer means. `reference`: the field with their id (BizId, CallId).

    Errors of the service come with 200 and a Code that is not OK. "System error" may come after it was sent: the pages say
    that nothing is idempotent there, so it is uncertain and is asked for.
    """
    if answer.failure is not None:
        return no_answer(answer)
    said = json_object(answer.body)
    code = str(said.get("Code") or "")
    if code == "OK" and answer.status == 200:
        found = said.get(reference)
        if isinstance(found, str) and found:
            return DeliveryResult(Outcome.ACCEPTED, provider_reference=found[:200], units=units)
        return DeliveryResult(Outcome.UNCERTAIN, error_code="answer_without_id", raw_code="OK")
    return _meaning(code, answer.status).result(code or f"HTTP_{answer.status}", retry_after_seconds(answer.headers))


def _meaning(code: str, status: int) -> Meaning:
    source, _, word = code.rpartition(".") if code.startswith(("isv.", "isp.")) else ("", "", code)
    found = _MEANINGS.get(word)
    if found is not None:
        return found
    for beginning, meaning in _GATEWAY:
        if code.startswith(beginning):
            return meaning
    if source == "isv":
        return BAD_MESSAGE
    if source == "isp" or status >= 500 or status == 200:
        return PROVIDER_ERROR
    return QUOTA if status == 429 else BAD_MESSAGE if status == 400 else CREDENTIAL


_LOSSES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("INVALID_NUMBER", "MOBILE_NUMBER_ILLEGAL", "ERROR_NUMBER"), ("bad_address", "invalid")),
    **dict.fromkeys(("MOBILE_NOT_ON_SERVICE", "IS_CLOSED", "MOBLLE_TERMINAL_ERROR", "MOBILE_TERMINAL_ERROR"),
                    ("unreachable", "keep")),
    **dict.fromkeys(("MOBILE_IN_BLACK", "USER_REJECT", "MOBILE_IN_BLACKLIST"), ("opted_out", "opted_out")),
    **dict.fromkeys(("CONTENT_KEYWORD", "CONTENT_ERROR", "SMS_CONTENT_ILLEGAL"), ("content_refused", "keep")),
    **dict.fromkeys(("MOBILE_SEND_LIMIT", "MINUTE_LIMIT_CONTROL", "HOUR_LIMIT_CONTROL", "DAY_LIMIT_CONTROL"),
                    ("quota", "keep")),
    **dict.fromkeys(("EXPIRED", "TIMEOUT"), ("expired", "keep")),
}  # fmt: skip


def loss_of(code: str) -> tuple[str, str]:
    """Return why a message did not arrive, in our word, and what that says of its address."""
    return _LOSSES.get(code.removeprefix("isv."), ("unknown", "keep"))
