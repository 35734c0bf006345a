"""What WeChat's API answers mean for a message. Whatever carries an errcode was surely not sent, but for -1.

-1 ("system error, try again later") may come after the platform has sent. A template message may be sent again all the
same: its client_msg_id lets one through. A one-time subscription message and an answer have none, and a second copy would be
a second one.

Source: platform documentation, "Global error codes", "Send a template message", "Send a subscription notification", "Send
customer service messages".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from app.channels.answers import json_object, no_answer
from app.channels.base import DeliveryResult, EndpointVerdict, Outcome
from app.channels.http_transport import HttpAnswer

TOKEN_REFUSED = frozenset({40001, 40014, 41001, 42001})
"""The access token is not good (any more): another one may be."""
CREDENTIAL_REFUSED = frozenset({40002, 40013, 40125, 40164, 41002, 41004, 45035, 50004, 61004, 61023})
"""The account's id or secret is wrong, or our address is not on its list: a person must mend it."""
PLATFORM_ZONE = timezone(timedelta(hours=8))
"""Quotas of a day begin anew at midnight there."""
PAUSE_SECONDS = 60.0
REFUSED_PAUSE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Meaning:
    outcome: Outcome
    error_code: str
    verdict: EndpointVerdict = EndpointVerdict.KEEP
    pause_seconds: float | None = None


_FOR_GOOD = Outcome.REFUSED
_SYSTEM_ERROR = -1
_MEANINGS: Mapping[int, _Meaning] = {
    _SYSTEM_ERROR: _Meaning(Outcome.RETRY, "unavailable"),
    40003: _Meaning(_FOR_GOOD, "bad_address", EndpointVerdict.INVALID),
    41009: _Meaning(_FOR_GOOD, "bad_address", EndpointVerdict.INVALID),  # openid missing
    43004: _Meaning(_FOR_GOOD, "not_following", EndpointVerdict.BLOCKED),
    43019: _Meaning(_FOR_GOOD, "blocked", EndpointVerdict.BLOCKED),  # the user is on the account's black list
    50002: _Meaning(_FOR_GOOD, "account_limited", EndpointVerdict.SUSPECT),  # frozen or closed
    43101: _Meaning(_FOR_GOOD, "not_subscribed"),
    43108: _Meaning(Outcome.RETRY, "busy_address"),  # two at once to one openid
    45015: _Meaning(_FOR_GOOD, "reply_window_closed"),  # also said of who left the account: 43004 tells that of a card
    45047: _Meaning(_FOR_GOOD, "quota_of_user"),  # of answers: too many to one word
    43116: _Meaning(_FOR_GOOD, "template_restricted"),
    40036: _Meaning(_FOR_GOOD, "bad_template"),
    40037: _Meaning(_FOR_GOOD, "bad_template"),
    41028: _Meaning(_FOR_GOOD, "bad_template"),
    40039: _Meaning(_FOR_GOOD, "bad_link"),
    40048: _Meaning(_FOR_GOOD, "bad_link"),
    40165: _Meaning(_FOR_GOOD, "bad_link"),
    41030: _Meaning(_FOR_GOOD, "bad_link"),
    40008: _Meaning(_FOR_GOOD, "bad_message"),
    44002: _Meaning(_FOR_GOOD, "bad_message"),
    44004: _Meaning(_FOR_GOOD, "bad_message"),
    45002: _Meaning(_FOR_GOOD, "bad_message"),
    47001: _Meaning(_FOR_GOOD, "bad_message"),
    47003: _Meaning(_FOR_GOOD, "bad_field"),
    45168: _Meaning(_FOR_GOOD, "content_refused"),
    45011: _Meaning(Outcome.RETRY, "quota", pause_seconds=PAUSE_SECONDS),
    43107: _Meaning(Outcome.RETRY, "not_permitted", pause_seconds=REFUSED_PAUSE_SECONDS),
    48001: _Meaning(Outcome.RETRY, "not_permitted", pause_seconds=REFUSED_PAUSE_SECONDS),
    48004: _Meaning(Outcome.RETRY, "not_permitted", pause_seconds=REFUSED_PAUSE_SECONDS),
    50001: _Meaning(Outcome.RETRY, "not_permitted", pause_seconds=REFUSED_PAUSE_SECONDS),
}
_DAILY_QUOTA = 45009


def errcode_of(answer: HttpAnswer) -> int | None:
    """Return the errcode of an answer that is one, or None: it says nothing that can be relied on."""
    code = json_object(answer.body).get("errcode")
    is_code = isinstance(code, int) and not isinstance(code, bool)
    return code if is_code and answer.failure is None and answer.status == 200 else None


def result_of(answer: HttpAnswer, *, now: datetime, is_repeatable: bool = True) -> DeliveryResult:
    """Return what the answer to a message means. A refused token is not settled here: who can, renews it first.

    `is_repeatable`: the platform drops a second copy; of subscription messages and of answers it drops none.
    """
    if answer.failure is not None:
        return no_answer(answer)
    errcode = errcode_of(answer)
    if errcode is None:
        return _without_code(answer)
    if errcode == 0:
        reference = json_object(answer.body).get("msgid")
        return DeliveryResult(Outcome.ACCEPTED, provider_reference=None if reference is None else str(reference)[:200])
    raw = str(errcode)
    if errcode in TOKEN_REFUSED or errcode in CREDENTIAL_REFUSED:
        return credential_refused(raw)
    if errcode == _DAILY_QUOTA:
        pause = seconds_to_next_day(now)
        return DeliveryResult(
            Outcome.RETRY, error_code="quota", raw_code=raw, retry_after_seconds=pause, pause_provider_seconds=pause
        )
    if errcode == _SYSTEM_ERROR and not is_repeatable:
        return DeliveryResult(Outcome.UNCERTAIN, error_code="unavailable", raw_code=raw)
    meaning = _MEANINGS.get(errcode, _Meaning(Outcome.RETRY, "unknown"))
    return DeliveryResult(
        meaning.outcome,
        error_code=meaning.error_code,
        raw_code=raw,
        verdict=meaning.verdict,
        retry_after_seconds=meaning.pause_seconds,
        pause_provider_seconds=meaning.pause_seconds,
    )


def credential_refused(raw_code: str | None) -> DeliveryResult:
    """Return that the account itself is refused: nothing goes until a person has mended it."""
    return DeliveryResult(
        Outcome.RETRY,
        error_code="credential_refused",
        raw_code=raw_code,
        retry_after_seconds=REFUSED_PAUSE_SECONDS,
        pause_provider_seconds=REFUSED_PAUSE_SECONDS,
    )


def seconds_to_next_day(now: datetime) -> float:
    """Return the seconds until the platform's next day."""
    there = now.astimezone(PLATFORM_ZONE)
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - there).total_seconds()


def _without_code(answer: HttpAnswer) -> DeliveryResult:
    """A gateway before the API answers without an errcode; 429 is the one by which it says that it took nothing."""
    raw = f"HTTP_{answer.status}"
    if answer.status == 429:
        return DeliveryResult(
            Outcome.RETRY, error_code="quota", raw_code=raw, retry_after_seconds=PAUSE_SECONDS,
            pause_provider_seconds=PAUSE_SECONDS,
        )  # fmt: skip
    if 300 <= answer.status < 500:  # no address of the API: the setting, or something between, is wrong
        return DeliveryResult(
            Outcome.RETRY, error_code="wrong_address", raw_code=raw, retry_after_seconds=REFUSED_PAUSE_SECONDS,
            pause_provider_seconds=REFUSED_PAUSE_SECONDS,
        )  # fmt: skip
    return DeliveryResult(Outcome.UNCERTAIN, error_code="answer_without_code", raw_code=raw)
