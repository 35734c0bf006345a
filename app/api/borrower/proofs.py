"""Proving anew who holds the phone, for acts that bind: a fresh code in the running session (RFC 9470)."""

from typing import Any

from marshmallow import Schema

from app.api.borrower.sessions import door
from app.services import sign_in
from app.services.step_up import FRESH
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import IdField, InstantField, PatternField
from app.web.rate_limit import address_prefix
from app.web.request_context import now


class NewProofSchema(Schema):
    """A code with its challenge, asked for on the device of this session."""

    challenge_id = IdField(required=True)
    code = PatternField("[0-9]{6}", required=True)


class ProofSchema(Schema):
    """How long the proof is fresh."""

    proved_at = InstantField(required=True)
    fresh_until = InstantField(required=True, metadata={"description": "Exclusive, for what asks for a fresh code."})


@door.post("/me/proofs")
@door.takes(NewProofSchema, example={"challenge_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10", "code": "123456"})
@answers(
    200,
    ProofSchema,
    example={"proved_at": "2026-11-23T09:00:00Z", "fresh_until": "2026-11-23T09:10:00Z"},
    problems=("otp-invalid", "otp-expired", "otp-locked"),
)
def prove(body: dict[str, Any]) -> dict[str, Any]:
    """Prove a code in the running session, where an act answered `step-up-required`.

    Ask for the code with your own phone at `POST /v1/auth/otp`, from this device. A code is good once; signing in is a
    proof too.
    """
    who, at = borrower(), now()
    sign_in.prove(who.session_id, who.borrower_id, body["challenge_id"], body["code"], address_prefix(), now=at)
    return {"proved_at": at, "fresh_until": at + FRESH}
