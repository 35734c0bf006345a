"""Access tokens that a provider gives to an account for a while, and what keeps them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

EARLY_SECONDS = 300.0
"""A token is renewed so long before its end: WeChat gives a new one from then on, and lets the old one live on so long."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as it was given, good for `seconds` from then."""

    token: str = field(repr=False)
    seconds: float

    @property
    def useful_seconds(self) -> float:
        """For how long to use it before asking for another; at least half of its life."""
        return max(self.seconds - EARLY_SECONDS, self.seconds / 2)


class TokenUnavailableError(Exception):
    """There is no token now. `refused`: the provider said no to the credential itself, and will again."""

    def __init__(self, *, refused: bool, raw_code: str | None = None) -> None:
        super().__init__("The credential was refused." if refused else "There is no token now.")
        self.refused = refused
        self.raw_code = raw_code


Fetch = Callable[[str | None], IssuedToken]
"""Asks the provider; given a token that was refused, it brings another. Raises TokenUnavailableError."""


class TokenStore(Protocol):
    """Keeps the tokens of accounts, so that each is asked for once by however many need it."""

    def token(self, provider: str, account: str, fetch: Fetch) -> str:
        """Return the account's token, fetched when there is none that is good. Raises TokenUnavailableError."""
        ...

    def renew(self, provider: str, account: str, refused: str, fetch: Fetch) -> str:
        """Return a token other than `refused`, which the provider does not take. Raises TokenUnavailableError."""
        ...
