"""Acts that ask for a fresh proof of who holds the phone: accepting a plan, and whatever else binds the borrower.

Source: RFC 9470; OWASP ASVS 5.0 §7.5.3. Signing in by a code is such a proof, and so is proving one in a running session.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.errors import StepUpRequiredError
from app.persistence.queries.sessions import find_proved_at

FRESH = timedelta(minutes=10)
"""How long ago a code may have been proved."""


def require_fresh_proof(session: Session, session_id: str, *, now: datetime, within: timedelta = FRESH) -> None:
    """Let a session pass in which a code was proved lately. Raises StepUpRequiredError that says how to prove one."""
    proved_at = find_proved_at(session, session_id)
    if proved_at is None or now - proved_at >= within:
        raise StepUpRequiredError(
            "This needs a fresh code: ask for one at POST /v1/auth/otp, prove it at POST /v1/me/proofs within this session, "
            "then send this again.",
            {"max_age_seconds": int(within.total_seconds())},
        )
