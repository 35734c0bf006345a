"""Acts of staff that ask for a fresh proof of the second factor: exports, roles, resets, and whatever else is dear.

Source: RFC 9470; OWASP ASVS 5.0 §7.5.3. Signing in is such a proof, and so is a code proved in a running session.
"""

from datetime import timedelta
from typing import Protocol

from app.domain.errors import StepUpRequiredError

FRESH = timedelta(minutes=10)
"""How long ago a code may have been proved."""


class Proven(Protocol):
    """Whoever asks; the principal of the desk is one."""

    @property
    def session_id(self) -> str | None:
        """Of a session; None with a key."""

    @property
    def proof_age(self) -> timedelta | None:
        """How long ago a second factor was proved in it, by the machine's clock."""


def require_fresh_proof(who: Proven, *, within: timedelta = FRESH) -> None:
    """Let somebody pass who proved their second factor lately. Raises StepUpRequiredError that says how to prove it."""
    facts = {"max_age_seconds": int(within.total_seconds())}
    if who.session_id is None or who.proof_age is None:
        raise StepUpRequiredError(
            "This needs a second factor, which a key does not have: sign in with an account at POST /v1/auth/staff and send "
            "this again within the session.",
            facts,
        )
    if who.proof_age >= within:
        raise StepUpRequiredError(
            "This needs a fresh code of your authenticator app: prove one at POST /v1/desk/proofs within this session, then "
            "send this again with the new token.",
            facts,
        )
