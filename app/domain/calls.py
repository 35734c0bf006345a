"""How phone calls went, whatever order their receipts come in, and what caps of law take them for."""

from app.domain.deliveries import CallOutcome

OUTCOMES = ("answered", "voicemail", "wrong_number", "rejected", "busy", "no_answer", "failed")
"""The outcome that says most of a call comes first: of several receipts about one call it is the one that stands."""
DIALLED = "dialled"
"""A person has dialled, and has not said yet how it went. Nobody tells it; it is what a dial is until then."""
RESULTS = (
    "promise", "refused", "third_party", "callback", "dispute", "hardship", "deceased", "represented", "no_calls",
    "language_needed",
)  # fmt: skip
"""What a conversation came to, where it came to something: each of them was answered."""
TELLABLE = (*OUTCOMES, *RESULTS)
"""What a person may tell of a call."""
CONNECT_ME = "1"
"""The key by which a borrower asks, during an automatic call, to be called by a person."""

_ATTEMPT_WORDS = {
    "answered": "conversation",
    "voicemail": "voicemail",
    "wrong_number": "no_answer",
    "rejected": "no_answer",
    "busy": "busy",
    "no_answer": "no_answer",
    "failed": "not_in_service",
    DIALLED: "no_answer",
}
"""Our outcome -> the law packs' `attempt_outcome`. A call that was answered is a conversation whoever spoke, a person or a
recorded voice: the stricter reading. At a wrong number and where it was refused, the telephone rang all the same; so it may
have where nobody has told yet."""


def telephone_outcome(told: str) -> str:
    """Return how the call itself went, of what a person tells: a conversation that came to something was answered."""
    return "answered" if told in RESULTS else told


def result_of(told: str) -> str | None:
    """Return what the conversation came to, if to something."""
    return told if told in RESULTS else None


def attempt_word(outcome: str) -> str:
    """Return the law packs' word for how a call went. Raises KeyError for what is no outcome."""
    return _ATTEMPT_WORDS[outcome]


def merged(known: CallOutcome | None, told: CallOutcome) -> CallOutcome:
    """Return what is known of a call when another receipt about it has come: the same in every order of receipts."""
    if known is None:
        return told
    outcome = min(known.outcome, told.outcome, key=_rank)
    keys = {key for key in (known.keypress, told.keypress) if key}
    keypress = CONNECT_ME if CONNECT_ME in keys else min(keys, default=None)
    return CallOutcome(outcome, max(known.seconds, told.seconds), keypress)


def _rank(outcome: str) -> int:
    return OUTCOMES.index(outcome) if outcome in OUTCOMES else len(OUTCOMES)
