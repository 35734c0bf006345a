"""How a call by Alibaba Cloud went, by its status code, in a receipt and when asked.

Source: Alibaba Cloud Voice Service, "Carrier response error codes" (of single calls), "VoiceReport". It does not tell a
person from an answering machine: who answers is taken for a person.
"""

from app.domain.deliveries import CallOutcome, DeliveryReport, Told

_ANSWERED = frozenset({"200000", "200001", "200008", "200100", "200102", "200103"})
"""Heard to the end, hung up before the end, no key pressed in time, and the states of a call that stands."""
_NOT_REACHED: dict[str, tuple[str, str, str]] = {
    "200002": ("busy", "busy", "keep"),
    "200003": ("no_answer", "no_answer", "keep"),
    "200004": ("wrong_number", "bad_address", "invalid"),
    "200005": ("rejected", "unreachable", "keep"),
    "200006": ("failed", "bad_message", "keep"),
    "200007": ("failed", "unreachable", "keep"),
    "200010": ("failed", "unreachable", "keep"),
    "200011": ("failed", "unreachable", "keep"),
    "200012": ("failed", "blocked", "keep"),
    "200104": ("failed", "sender_refused", "keep"),
    "200117": ("failed", "sender_refused", "keep"),
    "200118": ("failed", "quota", "keep"),
    "200119": ("failed", "quota", "keep"),
    "200121": ("failed", "quota", "keep"),
    "482": ("failed", "unreachable", "keep"),
    "476": ("failed", "sender_refused", "keep"),
}
"""Code -> how the call went, our word for why, what it says of the number."""


def report_of(call_id: str, code: str, *, seconds: str, key: str = "", message_id: str | None = None) -> DeliveryReport:
    """Return the receipt of a call that has ended; a code we do not know is a call that failed."""
    event_key = f"voice:{call_id}:{code}"
    if code in _ANSWERED:
        call = CallOutcome("answered", int(seconds) if seconds.isdigit() else 0, key or None)
        return DeliveryReport(event_key, Told.DELIVERED, call_id, message_id, raw_code=code, call=call)
    outcome, error, verdict = _NOT_REACHED.get(code, ("failed", "unknown", "keep"))
    return DeliveryReport(
        event_key,
        Told.FAILED,
        call_id,
        message_id,
        error_code=error,
        raw_code=code[:60],
        verdict=verdict,
        call=CallOutcome(outcome),
    )
