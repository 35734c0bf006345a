"""How a call went, from what Twilio says of it, in a callback and when asked.

A call is told `delivered` only when a person answered: a text left on a machine is `sent`, with the outcome voicemail, so
that the next rung may still follow. Where detection could not tell, a person is assumed: a conversation too many is
counted rather than one too few.

Source: Twilio, "Call resource" (values of status), "Answering Machine Detection" (values of AnsweredBy).
"""

from app.domain.deliveries import CallOutcome, DeliveryReport, Told

_ON_THE_WAY = frozenset({"queued", "initiated", "ringing", "in-progress"})
_NOT_REACHED = {"busy": "busy", "no-answer": "no_answer", "failed": "failed", "canceled": "failed"}
_NO_SUCH_NUMBER = frozenset({"404", "410", "484", "604"})
"""SIP answers that say so (RFC 3261 §21)."""


def report_of(
    sid: str,
    status: str,
    *,
    seconds: str = "",
    answered_by: str = "",
    sip_code: str = "",
    message_id: str | None = None,
) -> DeliveryReport | None:
    """Return the receipt of one state of a call; None for a state we do not know."""
    key = f"{sid}:{status}"
    if status in _ON_THE_WAY:
        return DeliveryReport(key, Told.ACCEPTED, sid, message_id)
    if status == "completed":
        length = int(seconds) if seconds.isdigit() else 0
        if answered_by.startswith("machine"):
            call = CallOutcome("voicemail", length)
            return DeliveryReport(key, Told.SENT, sid, message_id, raw_code=answered_by[:60], call=call)
        if answered_by == "fax":
            call = CallOutcome("failed")
            return DeliveryReport(key, Told.FAILED, sid, message_id, error_code="fax", raw_code="fax", call=call)
        return DeliveryReport(
            key, Told.DELIVERED, sid, message_id, raw_code=answered_by or None, call=CallOutcome("answered", length)
        )
    outcome = _NOT_REACHED.get(status)
    if outcome is None:
        return None
    is_bad = status == "failed" and sip_code in _NO_SUCH_NUMBER
    return DeliveryReport(
        key,
        Told.FAILED,
        sid,
        message_id,
        error_code="bad_address" if is_bad else {"failed": "unreachable"}.get(outcome, outcome),
        raw_code=f"SIP_{sip_code}"[:60] if sip_code else status,
        verdict="suspect" if is_bad else "keep",
        call=CallOutcome(outcome),
    )
