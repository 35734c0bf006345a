"""Where a message goes. Addresses are opened here and nowhere else, and what is known against one is kept from here."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from app.channels.base import DeliveryResult, EndpointVerdict, Target
from app.domain.devices import seen_since
from app.domain.times import EPOCH
from app.persistence.ids import new_id
from app.persistence.queries import addresses, attempts
from app.persistence.queries.addresses import DeadAddress
from app.persistence.queries.outbox import SERVICING, SUPPORT, Claimable
from app.persistence.queries.withdrawals import find_withdrawn
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.notices import notices_not_to_push
from app.services.reply_copies import TEMPLATE as REPLY_COPY
from app.services.reply_copies import copies_not_to_send

_OWN = frozenset({"sms", "voice", "email", "letter"})
"""Channels whose address is a column of the borrower, not a row of `endpoints`."""
_KINDS: Mapping[str, tuple[str, str]] = {
    "sms": ("phone", "phone"), "voice": ("phone", "phone"), "email": ("email", "email"), "letter": ("address", "post"),
}  # fmt: skip
"""Channel -> the borrower's column and the kind of the address."""
_STATES: Mapping[EndpointVerdict, str] = {
    EndpointVerdict.INVALID: "invalid",
    EndpointVerdict.SUSPECT: "suspect",
    EndpointVerdict.OPTED_OUT: "opted_out",
    EndpointVerdict.BLOCKED: "blocked",
}


@dataclass(frozen=True, slots=True)
class Addressed:
    """One target of a message. `digest`: keyed hash of the stored address; "" where none is stored."""

    target: Target
    digest: str = ""


class AddressBook:
    """The addresses of one batch of messages, read in a fixed number of statements."""

    def __init__(self, work: Work, messages: Sequence[Claimable], now: datetime) -> None:
        self._vault: Vault = work.vault
        session = work.session
        # What a phone was shown before it began to rest is taken off its screen all the same; they have their own lane.
        since = EPOCH if all(message.withdraws_id for message in messages) else seen_since(now)
        self._push = attempts.find_push_targets(session, _borrowers(messages, "push"), seen_since=since)
        self._openids = addresses.find_openids(session, _borrowers(messages, "wechat"))
        self._own = addresses.find_own_addresses(session, _borrowers(messages, *_OWN))
        self._withdrawn = find_withdrawn(session, (m.withdraws_id for m in messages if m.withdraws_id))
        self._untold = notices_not_to_push(work, [m.id for m in messages if is_pushed_notice(m)], now=now)
        self._untold |= copies_not_to_send(work, [m.id for m in messages if is_reply_copy(m)], now=now)
        self.challenges = attempts.find_challenges(session, (m.challenge_id for m in messages if m.challenge_id))

    def targets_of(self, message: Claimable) -> Iterator[Addressed]:
        """Yield where a message goes; nothing where it cannot. Raises ValueError for what is sealed with a key we lack."""
        if message.challenge_id is not None:
            yield from self._of_challenge(message.challenge_id)
        elif message.id in self._untold:
            return
        elif message.channel == "push":
            withdrawn = self._withdrawn.get(message.withdraws_id or "")
            for row in self._push.get(message.borrower_id, ()):
                if message.withdraws_id and (withdrawn is None or row.id not in withdrawn.endpoint_ids):
                    continue  # that phone was never sent what is to be taken off its screen
                yield Addressed(Target(row.id, row.address_kind, self._opened(row), row.platform), row.address_digest)
        elif message.channel == "wechat":
            for row in self._openids.get(message.borrower_id, ())[:1]:  # a second copy on another account is one too many
                yield Addressed(Target(row.id, "openid", self._opened(row)), row.address_digest)
        elif message.channel in _OWN:
            column, kind = _KINDS[message.channel]
            address = self._of_borrower(message.borrower_id, column)
            if address:
                yield Addressed(Target(message.borrower_id, kind, address))

    def is_early(self, message: Claimable) -> bool:
        """Whether a withdrawal would overtake what it withdraws: that is just being handed over."""
        withdrawn = self._withdrawn.get(message.withdraws_id or "")
        return withdrawn is not None and withdrawn.is_sending

    def is_needless(self, message: Claimable) -> bool:
        """Whether there is nothing to send: what a withdrawal is about was held back after all and is on no screen, or what
        a notice says has been read, taken back, or must not be said any more.
        """
        if message.id in self._untold:
            return True
        withdrawn = self._withdrawn.get(message.withdraws_id or "")
        return withdrawn is not None and not withdrawn.endpoint_ids

    def _of_challenge(self, challenge_id: str) -> Iterator[Addressed]:
        challenge = self.challenges.get(challenge_id)
        if challenge is not None and challenge.used_at is None:
            address = self._vault.open(challenge.phone_sealed, place=f"otp_challenges.phone:{challenge.id}") or ""
            yield Addressed(Target(challenge_id, challenge.address_kind, address))

    def _opened(self, row: Any) -> str:
        return self._vault.open(row.address_sealed, place=f"endpoints.address:{row.id}") or ""

    def _of_borrower(self, borrower_id: str, column: str) -> str | None:
        row = self._own.get(borrower_id)
        if row is None:
            return None
        text = self._vault.open(getattr(row, f"{column}_sealed"), place=f"borrowers.{column}:{borrower_id}")
        return "\n".join(orjson.loads(text)) if text and column == "address" else text


def is_pushed_notice(message: Claimable) -> bool:
    """Whether a message is the push of a notice (`services/notices`)."""
    return message.channel == "push" and message.message_class == SERVICING and message.is_of_no_case


def is_reply_copy(message: Claimable) -> bool:
    """Whether a message is an answer of the desk, on the channel of the borrower's word (`services/reply_copies`)."""
    return message.template == REPLY_COPY and message.message_class == SUPPORT


def retire(work: Work, message: Claimable, addressed: Addressed, result: DeliveryResult, *, now: datetime) -> None:
    """Keep what a provider says against an address, so that nothing else is sent there until it changes.

    A one-time code goes to the phone that is typed in, whoever's it is: nothing is kept of that.
    """
    state = _STATES.get(result.verdict)
    if state is None or message.challenge_id is not None:
        return
    reason = (result.error_code or "PROVIDER_REJECTED")[:60]
    target = addressed.target
    if message.channel not in _OWN:
        digest = addressed.digest
        addresses.mark_endpoint(work.session, target.endpoint_id, digest=digest, state=state, reason=reason, now=now)
        return
    endpoint_id = new_id()
    dead = DeadAddress(
        endpoint_id,
        message.borrower_id,
        message.channel,
        target.address_kind,
        work.vault.seal(target.address, place=f"endpoints.address:{endpoint_id}") or b"",
        work.vault.search_hash("endpoint", target.address).digest,
    )
    addresses.put_dead_address(work.session, dead, {"state": state, "reason": reason, "changed_at": now})


def _borrowers(messages: Iterable[Claimable], *channels: str) -> set[str]:
    return {message.borrower_id for message in messages if message.channel in channels and not message.challenge_id}
