"""Idempotency-Key (IETF httpapi draft): the same key gets the same answer, and what it did happens once.

What is kept is sealed: an answer repeats what a borrower wrote. What was asked, and at which address, is kept as a keyed
hash: one that takes no key tells a phone number or a code to whoever tries them all. The row and the effect commit in one
transaction. A twin that runs at the same time gets 409 on PostgreSQL; on SQLite it waits for the one write lock and then
gets the stored answer.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import orjson
from flask import g, request

from app.domain.errors import FieldError, IdempotencyInFlightError, IdempotencyMismatchError, ValidationError
from app.persistence.queries.idempotency import add_answer, find_answer, is_held_by_twin
from app.persistence.unit_of_work import Work, in_unit_of_work
from app.web.answers import Answer
from app.web.request_context import now

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SEALED = "sealed"


def answer_once(act: Callable[[Work], Answer], *, key: str | None = None, said: bytes | None = None) -> Answer:
    """Run `act` in a unit of work, once per Idempotency-Key (or simply run it when there is none).

    A form names its own `key` and what it has `said`. `act` returns a dumped answer, so that what is kept is what was
    sent. An error takes the key back with everything else: the request may be sent again. Raises
    IdempotencyMismatchError and IdempotencyInFlightError.
    """
    key = key or request.headers.get("Idempotency-Key")
    if key is None:
        return in_unit_of_work(act)
    _check(key)
    principal, route = g.principal.keyspace, f"{request.method} {request.url_rule}"
    plain = request.get_data(cache=True) if said is None else said
    asked = hashlib.sha256(plain if said is not None else request.path.encode() + b"\n" + plain).hexdigest()

    def once(work: Work) -> Answer:
        if is_held_by_twin(work.session, principal, route, key):
            raise IdempotencyInFlightError("The same request is being worked on.", {"retry_after_seconds": 1})
        kept = find_answer(work.session, principal, route, key)
        if kept is not None:
            if kept.fingerprint not in {
                hashlib.sha256(plain).hexdigest(),  # as it was kept before it had a key; rows live a day
                *(_fingerprint(work, asked, each) for each in work.vault.key_ids),
            }:
                raise IdempotencyMismatchError("The idempotency key was used before with another body; use a new key.")
            return _replayed(work, kept, _place(principal, route, key))
        answer = act(work)
        add_answer(
            work.session,
            principal=principal,
            route=route,
            key=key,
            fingerprint=_fingerprint(work, asked, work.vault.current_key_id),
            status=answer.status or 200,
            body=_sealed(work, answer.value, _place(principal, route, key)),
            created_at=now(),
        )
        return answer

    return in_unit_of_work(once)


def required_key() -> str:
    """Return the Idempotency-Key of a request that must have one, for acts too long for one unit of work."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        missing = FieldError("/headers/Idempotency-Key", "required", "Send one: a new one for each payment.")
        raise ValidationError("An Idempotency-Key is needed.", errors=(missing,))
    _check(key)
    return key


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        wrong = FieldError("/headers/Idempotency-Key", "invalid", "1 to 255 visible ASCII characters.")
        raise ValidationError("The Idempotency-Key is not valid.", errors=(wrong,))


def _fingerprint(work: Work, asked: str, key_id: str) -> str:
    return work.vault.mac("idempotency", asked, key_id=key_id)


def _replayed(work: Work, kept: Any, place: str) -> Answer:
    return Answer(_opened(work, kept.body, place), kept.status, {"Idempotency-Replayed": "true"}, dumped=True)


def _place(principal: str, route: str, key: str) -> str:
    return f"idempotency_keys.body:{principal} {route} {key}"


def _sealed(work: Work, body: Any, place: str) -> dict[str, str]:
    return {_SEALED: b64encode(work.vault.seal_bytes(orjson.dumps(body), place=place)).decode()}


def _opened(work: Work, kept: Any, place: str) -> Any:
    """Return a kept answer; one from before they were sealed is still as it was."""
    if not (isinstance(kept, dict) and kept.keys() == {_SEALED}):
        return kept
    return orjson.loads(work.vault.open_bytes(b64decode(kept[_SEALED]), place=place))
