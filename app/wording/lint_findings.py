"""What the check of wording reads and what it reports."""

from dataclasses import dataclass

LOCK_SCREEN = frozenset({"push", "sms", "wechat"})
"""Channels whose whole text a lock screen may show; of an e-mail it shows the subject."""

OVERHEARD = frozenset({"voice"})
"""Channels that speak: anybody may pick up, stand by, or listen to the machine afterwards."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a text. `rule` with `paragraph` and `evidence`: a rule of law; else the house's own rule `code`."""

    code: str
    detail: str
    template: str = ""
    channel: str = ""
    locale: str = ""
    jurisdiction: str = ""
    rule: str | None = None
    paragraph: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A text as it is read: rendered, with all that both readers found in it."""

    channel: str
    locale: str
    title: str
    body: str
    markers: frozenset[str]

    @property
    def text(self) -> str:
        """Title and body."""
        return f"{self.title}\n{self.body}".strip()

    @property
    def on_lock_screen(self) -> str:
        """What anyone may read who sees the phone."""
        return self.text if self.channel in LOCK_SCREEN else self.title if self.channel == "email" else ""

    @property
    def overheard(self) -> str:
        """What anyone may hear who is not the borrower."""
        return self.text if self.channel in OVERHEARD else ""
