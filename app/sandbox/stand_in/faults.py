"""Faults on demand: what the stand-in shall do wrong, to whom, how often."""

import random
from dataclasses import dataclass
from typing import Any

import orjson

from app.sandbox.stand_in.answers import NAMED, Answer

ENDPOINTS = ["send", "token", "sms"]
"""Those of other providers are added when the stand-in starts."""
ACTS = (
    "answer",  # answer with `answer` (a name) or `status`, `headers`, `body`; nothing is taken
    "delay",  # take it, answer after `delay_ms`
    "reset_before",  # reset as soon as the head has arrived, nothing taken
    "reset_after",  # read it whole, then reset; nothing taken
    "accept_then_reset",  # take it, then reset without an answer
    "drop",  # read it whole and never answer; nothing taken
    "accept_then_drop",  # take it and never answer
    "drip",  # take it and answer one byte every `delay_ms`
    "cut",  # take it and send half of the answer, then close
)


class FaultError(ValueError):
    """A fault was described wrongly; the text says how."""


@dataclass(slots=True)
class Fault:
    """One programmed fault. `times` None: until reset. `rate`: share of the matching requests, 0-1."""

    act: str
    on: str
    target: str | None
    times: int | None
    rate: float
    answer: Answer | None
    delay_ms: int


class FaultProgram:
    """The faults in the order they were given; the first that matches acts."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._random = random.Random(7)  # noqa: S311 - a repeatable share of faults, not a secret

    def clear(self) -> None:
        """Forget all faults and begin the same random sequence again."""
        self._faults.clear()
        self._random.seed(7)

    def add(self, described: dict[str, Any]) -> None:
        """Add a fault as POST /faults describes it. Raises FaultError."""
        self._faults.append(_fault(described))

    def has_any(self, on: str) -> bool:
        """Whether anything is programmed for this endpoint."""
        return any(fault.on == on for fault in self._faults)

    def pick(self, on: str, target: str, *, before_body: bool) -> Fault | None:
        """Return the fault for this request, and count it. Faults per target wait until the body is read."""
        for fault in self._faults:
            if fault.on != on or (fault.act == "reset_before") != before_body:
                continue
            if fault.target not in (None, target) or fault.times == 0:
                continue
            if fault.rate < 1 and self._random.random() >= fault.rate:
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None


def _fault(described: dict[str, Any]) -> Fault:
    unknown = set(described) - {"act", "on", "target", "times", "rate", "answer", "status", "headers", "body", "delay_ms"}
    act, on = described.get("act", "answer"), described.get("on", "send")
    if unknown or act not in ACTS or on not in ENDPOINTS:
        raise FaultError(f"A fault has `act` of {ACTS}, `on` of {ENDPOINTS}; unknown here: {sorted(unknown)}.")
    name, answer = described.get("answer"), None
    if name is not None and name not in NAMED:
        raise FaultError(f"`answer` is one of {sorted(NAMED)}.")
    if name is not None:
        answer = NAMED[name]
    elif "status" in described:
        body = described.get("body", "")
        raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
        answer = Answer(int(described["status"]), raw, tuple(dict(described.get("headers") or {}).items()))
    if act == "answer" and answer is None:
        raise FaultError("`act` answer needs `answer` (a name) or `status`.")
    return Fault(
        act,
        on,
        described.get("target"),
        described.get("times"),
        float(described.get("rate", 1)),
        answer,
        int(described.get("delay_ms", 100 if act == "drip" else 0)),
    )
