"""What leaves: where a message goes, and what it says there. Addresses and texts are opened here and nowhere else."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from app.channels.base import Outgoing, Target
from app.persistence.queries.outbox import Claimable
from app.persistence.unit_of_work import Work
from app.services.sign_in import otp_code
from app.wording.catalogue import render


def targets_of(
    work: Work,
    message: Claimable,
    push: Mapping[str, list[Any]],
    phones: Mapping[str, bytes],
    challenges: Mapping[str, Any],
) -> Iterator[tuple[Target, str]]:
    """Yield where a message goes, each with the keyed hash of the address where one is kept."""
    if message.challenge_id is not None:
        challenge = challenges.get(message.challenge_id)
        if challenge is not None and challenge.used_at is None:
            phone = work.vault.open(challenge.phone_sealed, place=f"otp_challenges.phone:{challenge.id}") or ""
            yield Target(message.challenge_id, "phone", phone), ""
        return
    if message.channel == "sms":
        sealed = phones.get(message.borrower_id)
        number = work.vault.open(sealed, place=f"borrowers.phone:{message.borrower_id}") if sealed else None
        if number:
            yield Target(message.borrower_id, "phone", number), ""
        return
    for row in push.get(message.borrower_id, ()):
        address = work.vault.open(row.address_sealed, place=f"endpoints.address:{row.id}") or ""
        yield Target(row.id, row.address_kind, address, row.platform), row.address_digest


def text_of(work: Work, message: Claimable, challenges: Mapping[str, Any]) -> dict[str, str]:
    """Return title and body: as rendered, or with a one-time code computed now. Raises ValueError, KeyError."""
    if message.challenge_id is not None:
        code = otp_code(work.vault, message.challenge_id, challenges[message.challenge_id].resend_no)
        rendered = render(message.template, message.channel, message.locale, {"code": code})
        return {"title": rendered.title, "body": rendered.body}
    text: dict[str, str] = orjson.loads(work.vault.open(message.text_sealed, place=f"messages.text:{message.id}") or "{}")
    return text


def outgoing(message: Claimable, target: Target, text: Mapping[str, str]) -> Outgoing:
    """Return what a channel is handed: one message for one target."""
    return Outgoing(
        message_id=message.id,
        target=target,
        kind=message.template,
        title=text.get("title", ""),
        body=text.get("body", ""),
        expires_at=message.not_after,
        locale=message.locale,
        data={"message_id": message.id, "kind": message.template, "deep_link": "duecourse://inbox"},
    )
