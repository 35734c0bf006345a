"""What a relay's answer means: one table of SMTP codes and enhanced status codes, by how far the message had come.

Sources: RFC 5321 4.2 (reply codes), RFC 3463 and the IANA registry of enhanced status codes, RFC 4954 (AUTH), RFC 7505.
"""

import re

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome
from app.channels.email.submission import SmtpAnswer, Stage

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_QUEUE_ID = re.compile(r"\b(?:queued as|id[=:]?|<?Message-Id:?)\s+<?([\w.@+=/-]{4,120})", re.IGNORECASE)
_PAUSE_SECONDS = 60.0
_GREYLISTED_SECONDS = 300.0
"""RFC 6647 4: a sender that waits less than this is turned away again."""

NO_SUCH_MAILBOX = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""X.1.1 no such mailbox, 1.2 no such domain, 1.3 syntax, 1.6 moved away, 1.10 null MX, 2.1 disabled: dead for good."""
MAILBOX_FULL = "2.2"
_TOO_LARGE = frozenset({"2.3", "3.4"})


def status_of(text: str) -> tuple[str, str] | None:
    """Return the class (2, 4, 5) and the rest ("1.1") of the first enhanced status code (RFC 3463) in a text, or None."""
    found = _STATUS.search(text)
    return (found[1], f"{int(found[2])}.{int(found[3])}") if found else None


def told_of_address(detail: str) -> tuple[str, EndpointVerdict] | None:
    """Return our word and the verdict for what a permanent status says of an address, or None: it is not about that."""
    if detail in NO_SUCH_MAILBOX:
        return "bad_address", EndpointVerdict.INVALID
    if detail == MAILBOX_FULL:
        return "mailbox_full", EndpointVerdict.KEEP
    if detail.startswith("7."):
        return "content_refused", EndpointVerdict.KEEP
    if detail in _TOO_LARGE or detail.startswith("6."):
        return "bad_message", EndpointVerdict.KEEP
    if detail.startswith("4."):
        return "unreachable", EndpointVerdict.KEEP
    return None


def result_of(answer: SmtpAnswer) -> DeliveryResult:
    """Return what became of one attempt."""
    if answer.code == 0:
        return _without_answer(answer)
    raw = _raw_code(answer)
    if answer.stage is Stage.HANDED_OVER and 200 <= answer.code < 300:
        return DeliveryResult(Outcome.ACCEPTED, provider_reference=_reference(answer.text))
    if answer.code == 421:
        return _pause("unavailable", raw)
    if answer.stage in (Stage.CONNECT, Stage.TLS):
        return _pause("unavailable" if answer.stage is Stage.CONNECT else "tls_refused", raw)
    if answer.stage is Stage.LOGIN or answer.code in (530, 534, 535, 538):
        return _pause("unavailable" if answer.code in (451, 454) else "credential_refused", raw)
    if 400 <= answer.code < 500:
        return _later(answer, raw)
    if answer.stage is Stage.SENDER:  # whoever it is for, our own address is refused: a setting, not this message
        return _pause("sender_refused", raw)
    if 500 <= answer.code < 600:
        return _refused(answer, raw)
    # An answer that RFC 5321 does not know. Before the dot nothing was sent; after it, nobody can tell.
    outcome = Outcome.UNCERTAIN if answer.stage is Stage.HANDED_OVER else Outcome.RETRY
    return DeliveryResult(outcome, error_code="unknown", raw_code=raw)


def _without_answer(answer: SmtpAnswer) -> DeliveryResult:
    if answer.stage is Stage.HANDED_OVER:
        code = "timeout" if answer.text == "timeout" else "connection_lost"
        return DeliveryResult(Outcome.UNCERTAIN, error_code=code, raw_code=answer.text)
    if answer.stage is Stage.TLS or answer.text in ("SSLCertVerificationError", "SSLError"):
        return _pause("tls_refused", answer.text)
    if answer.stage is Stage.LOGIN and answer.text == "SMTPNotSupportedError":
        return _pause("credential_refused", answer.text)
    code = "connect_failed" if answer.stage is Stage.CONNECT else "connection_lost"
    return DeliveryResult(Outcome.RETRY, error_code="timeout" if answer.text == "timeout" else code, raw_code=answer.text)


def _later(answer: SmtpAnswer, raw: str) -> DeliveryResult:
    status = status_of(answer.text)
    detail = status[1] if status else ""
    if detail == MAILBOX_FULL:
        return DeliveryResult(
            Outcome.RETRY, error_code="mailbox_full", raw_code=raw, retry_after_seconds=_GREYLISTED_SECONDS
        )
    if answer.stage is Stage.RECIPIENT and answer.code in (450, 451):
        return DeliveryResult(Outcome.RETRY, error_code="unavailable", raw_code=raw, retry_after_seconds=_GREYLISTED_SECONDS)
    return DeliveryResult(Outcome.RETRY, error_code="quota" if answer.code == 452 else "unavailable", raw_code=raw)


def _refused(answer: SmtpAnswer, raw: str) -> DeliveryResult:
    status = status_of(answer.text)
    told = told_of_address(status[1]) if status else None
    if told is not None:
        return DeliveryResult(Outcome.REFUSED, error_code=told[0], raw_code=raw, verdict=told[1])
    if answer.stage is Stage.RECIPIENT:
        if answer.code == 552:
            return DeliveryResult(Outcome.REFUSED, error_code="mailbox_full", raw_code=raw)
        if answer.code in (550, 551, 553):  # it says no more than that it does not take mail for this one
            return DeliveryResult(Outcome.REFUSED, error_code="bad_address", raw_code=raw, verdict=EndpointVerdict.SUSPECT)
        return DeliveryResult(Outcome.REFUSED, error_code="unreachable", raw_code=raw)
    code = "content_refused" if answer.code in (550, 554) else "bad_message"
    return DeliveryResult(Outcome.REFUSED, error_code=code, raw_code=raw)


def _pause(code: str, raw: str) -> DeliveryResult:
    return DeliveryResult(
        Outcome.RETRY,
        error_code=code,
        raw_code=raw,
        retry_after_seconds=_PAUSE_SECONDS,
        pause_provider_seconds=_PAUSE_SECONDS,
    )


def _raw_code(answer: SmtpAnswer) -> str:
    found = _STATUS.search(answer.text)
    return f"{answer.code} {found[0]}" if found else str(answer.code)


def _reference(text: str) -> str | None:
    """Return the relay's queue id, by which its log is searched, if it tells one."""
    found = _QUEUE_ID.search(text)
    return found[1] if found else None
