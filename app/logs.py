"""JSON logs: one line an event, a constant message plus ids, with personal data taken out.

What may be logged is what a reader needs to find the rows: ids, codes, counts. Phone numbers, e-mail addresses, long digit
strings, tokens and codes are masked wherever they turn up, also inside exception texts.
"""

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

import orjson
import structlog

_SECRET_KEYS = re.compile(
    r"(?i)^(phone|name|email|national_id|address\w*|code|otp|token|access_token|refresh_token|authorization|password|secret"
    r"|target|body|text|title|key|payer_name|sealed)$"
)
_KEPT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b\d{4}-[01]\d-[0-3]\d(?![\d-])")
"""Ids (UUID) and dates: not personal by themselves, and what a reader needs."""
_PATTERNS = (
    # What PostgreSQL adds to an error: the whole row that failed.
    (re.compile(r"(?s)\bDETAIL: .*?(?=\n\[SQL:|\n\nThe above exception|\Z)"), "DETAIL: [values]"),
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+"), "[email]"),  # no new attempt inside a run: one pass, any length
    (re.compile(r"(?i)bearer\s+[\w.~+/=-]+"), "[token]"),
    # No word boundary: a token may begin or end with "-". One attempt a run, as above.
    (re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43,}"), "[token]"),
    (re.compile(r"\+?\d(?:[ \-().]*\d){6,}"), "[number]"),
)


def redact_text(text: str) -> str:
    """Return the text with addresses, tokens and long numbers masked; ids (UUID) and dates stay readable."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match.group())
        return f"\0{chr(0xE000 + len(kept) - 1)}\0"

    text = _KEPT.sub(keep, text.replace("\0", ""))
    for pattern, mask in _PATTERNS:
        text = pattern.sub(mask, text)
    return re.sub("\0(.)\0", lambda match: kept[ord(match.group(1)) - 0xE000], text)


def _redact(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, MutableMapping):
        return {key: "[redacted]" if _SECRET_KEYS.match(str(key)) else _redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item) for item in value]
    return value


# Values of these keys are made by us and hold no personal data; masking "number-like" text there would hide instants.
_SAFE_KEYS = frozenset({"timestamp", "level", "event", "request_id", "trace_id", "route", "method", "logger"})


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor that masks personal data; the event name itself is masked too when it is not constant."""
    for key, value in event.items():
        if key == "event":
            event[key] = redact_text(value) if isinstance(value, str) else value
        elif key not in _SAFE_KEYS:
            event[key] = "[redacted]" if _SECRET_KEYS.match(key) else _redact(value)
    return event


def _dump(event: MutableMapping[str, Any], **_kwargs: Any) -> str:
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


_is_silent: ContextVar[bool] = ContextVar("is_silent", default=False)


@contextmanager
def silenced() -> Iterator[None]:
    """Log nothing of ours while it lasts: of a made-up book, whose missed duties are on show and nobody's alarm."""
    token = _is_silent.set(True)
    try:
        yield
    finally:
        _is_silent.reset(token)


def _drop_if_silent(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if _is_silent.get():
        raise structlog.DropEvent
    return event


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's loggers to one stream as JSON lines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    number = logging.getLevelNamesMapping().get(level, logging.INFO)
    structlog.configure(
        processors=[_drop_if_silent, *shared, structlog.processors.JSONRenderer(_dump)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=stream is None,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(_dump),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


def logger() -> Any:
    """Return the logger. Use a constant message and ids: `logger().info("payment recorded", loan_id=...)`."""
    return structlog.get_logger()
