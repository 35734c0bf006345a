"""How long a channel of a test waits for its provider.

An answer that comes is waited for as long as a busy machine may need; silence is waited for briefly. So no test fails
because its provider was a moment late, and none takes long.
"""

import pytest

PATIENT = 20.0
"""Seconds, where everything is answered."""
FAIR = 1.5
"""Where some of what one channel asks is answered and then something is not."""
BRIEF = 0.5
"""Where nothing is answered."""
SILENT = frozenset({"drop", "accept_then_drop", "drip", "silence"})
"""The stand-in's faults that only a time-out ends."""

meets_silence = pytest.mark.parametrize("patience", [BRIEF], ids=["silence"])
"""For a test whose channel is not answered at all."""


def each_act(*acts: str, silence: float = BRIEF) -> pytest.MarkDecorator:
    """Run a test once for each of the stand-in's faults, with the patience that it takes."""
    return pytest.mark.parametrize(("act", "patience"), [(act, patience_for(act, silence)) for act in acts], ids=acts)


def patience_for(act: str, silence: float = BRIEF) -> float:
    """Return how long is waited where the stand-in commits this fault."""
    return silence if act in SILENT else PATIENT
