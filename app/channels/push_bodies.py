"""The bodies of one batch of pushes, each as `push_messages` makes it, most of them without making it.

Building and checking a message costs as much as sending it. The messages of a batch differ in their ids, addresses and
texts and in nothing else: of each form one is made and checked by firebase-admin's classes, with marks in the place of what
differs, and the others are that one with their own values put in. A test holds both ways against each other.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from json.encoder import encode_basestring_ascii
from typing import Any
from uuid import uuid4

from app.channels.base import Outgoing
from app.channels.push_messages import MAX_PAYLOAD_BYTES, UnsendableError, message_body

_ID, _WITHDRAWN = str(uuid4()), str(uuid4())
_ADDRESS, _TITLE, _BODY, _VALUE = (uuid4().hex for _ in range(4))
_Get = Callable[[Outgoing], str]
_GETS: dict[str, _Get] = {
    _ID: lambda outgoing: outgoing.message_id,
    _ID.replace("-", ""): lambda outgoing: outgoing.message_id.replace("-", "")[:32],  # a web push topic
    _WITHDRAWN: lambda outgoing: outgoing.withdraws or "",
    _WITHDRAWN.replace("-", ""): lambda outgoing: (outgoing.withdraws or "").replace("-", "")[:32],
    _ADDRESS: lambda outgoing: outgoing.target.address,
    _TITLE: lambda outgoing: outgoing.title,
    _BODY: lambda outgoing: outgoing.body,
}
"""Mark -> what stands in its place."""
_MARKS = re.compile("(" + "|".join([*_GETS, _VALUE + "[0-9]+,"]) + ")")
_Form = tuple[Sequence[tuple[str, _Get]], str]
"""Each stretch of text with what follows it, and the end."""


class Bodies:
    """Makes the bodies of one batch. All are made for one instant, so that what lives equally long has one form."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._forms: dict[tuple[Any, ...], _Form] = {}

    def of(self, outgoing: Outgoing) -> bytes:
        """Return the request body. Raises UnsendableError as `message_body` does."""
        target = outgoing.target
        if not (target.address and _are_texts(outgoing)):
            return message_body(outgoing, now=self._now)
        key = (
            outgoing.purpose, target.platform, target.address_kind, outgoing.kind, outgoing.expires_at, (*outgoing.data,),
            not outgoing.title, not outgoing.withdraws,
        )  # fmt: skip
        form = self._forms.get(key)
        if form is None:
            try:
                form = self._forms[key] = _form_of(outgoing, self._now)
            except UnsendableError:
                return message_body(outgoing, now=self._now)
        parts: list[str] = []
        for text, get in form[0]:
            parts += text, encode_basestring_ascii(get(outgoing))[1:-1]
        encoded = "".join([*parts, form[1]]).encode()
        if len(encoded) - _ENVELOPE_BYTES > MAX_PAYLOAD_BYTES:
            raise UnsendableError("payload_too_large")
        return encoded


_ENVELOPE_BYTES = len(b'{"message":}')


def _are_texts(outgoing: Outgoing) -> bool:
    """Whether everything that is put in unchecked is what the classes would let pass."""
    texts = (outgoing.message_id, outgoing.target.address, outgoing.title, outgoing.body, *outgoing.data.values())
    return all(type(text) is str for text in texts) and (outgoing.withdraws is None or type(outgoing.withdraws) is str)


def _form_of(outgoing: Outgoing, now: datetime) -> _Form:
    marked = replace(
        outgoing,
        message_id=_ID,
        withdraws=outgoing.withdraws and _WITHDRAWN,
        target=replace(outgoing.target, address=_ADDRESS),
        title=outgoing.title and _TITLE,
        body=_BODY,
        data={key: f"{_VALUE}{place}," for place, key in enumerate(outgoing.data)},
    )
    pieces = _MARKS.split(message_body(marked, now=now).decode())
    keys = [*outgoing.data]
    gets = [_GETS.get(mark) or _value_of(keys[int(mark[len(_VALUE) : -1])]) for mark in pieces[1::2]]
    return [*zip(pieces[::2], gets, strict=False)], pieces[-1]


def _value_of(key: str) -> _Get:
    return lambda outgoing: outgoing.data[key]
