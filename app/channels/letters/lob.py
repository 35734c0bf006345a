"""Letters by Lob: POST /v1/letters with the PDF; asked for with GET, taken back with DELETE before its send date.

Source: Lob, "Letters", "Idempotency", "Error reference". The Idempotency-Key is our message id, and the letter carries it as
metadata. Within 24 hours the same request makes no second letter, so that a refusal of service may be tried again; whether a
request that got no answer was taken is asked by the metadata (`find`), never tried out: after those 24 hours it would be a
second letter. The address stands in our own window, so Lob puts its address on a page before (`insert_blank_page`).
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from app import clock
from app.channels.answers import json_object
from app.channels.base import NOT_TAKEN, Asked, Channel, DeliveryResult, Document, Outcome, Outgoing
from app.channels.http_transport import HttpAnswer, HttpRequest, Transport
from app.channels.letters.lob_answers import cancel_result, report_of, result_of
from app.channels.letters.postal import AddressFormError, address_parts
from app.channels.provider_settings import LATE, transport_of
from app.domain.deliveries import DeliveryReport, Told
from app.domain.times import rfc3339

URL = "https://api.lob.com"
SURELY_LISTED = timedelta(hours=1)
"""So long after the hand-over a letter that Lob took is in its lists."""
_BOUNDARY = "duecourse-letter-f3b1c0"
_NO_DOCUMENT = DeliveryResult(Outcome.REFUSED, error_code="bad_message")
_WITH_INSERTS = DeliveryResult(Outcome.REFUSED, error_code="inserts_not_possible", another_may=True)
"""It says that a printed sheet is enclosed, and here nobody adds one."""
_BAD_FORM = DeliveryResult(Outcome.REFUSED, error_code="bad_address_form", another_may=True)
"""Not what Lob wants; a print room may take it, so it says nothing against the address."""
_BAD_SENDER = DeliveryResult(Outcome.RETRY, error_code="bad_setting", retry_after_seconds=300.0)
"""The letterhead's address is not one of `from_country`: not sent."""
_NOT_THERE = DeliveryResult(Outcome.REFUSED, error_code="not_found", another_may=True)


class LobLetters:
    """The letter channel by Lob."""

    name = "letter"
    provider = "lob"

    def __init__(self, entry: Mapping[str, Any], transport: Transport) -> None:
        """`entry`: `api_key`; `from`: the id of a sender's address at Lob, else our letterhead's with `from_country` (US);
        `cancel_minutes`: how long a letter waits and can be taken back (0: not at all); `options`: other fields of Lob's.
        """
        self._transport = transport
        self.batch = transport.at_once
        self._from, self._from_country = entry.get("from"), str(entry.get("from_country", "US"))
        self._cancel_minutes = int(entry.get("cancel_minutes", 0))
        self._options = {
            "color": "false",
            "double_sided": "true",
            "address_placement": "insert_blank_page",
            "use_type": "operational",
            **{str(name): str(value) for name, value in dict(entry.get("options", {})).items()},
        }
        credential = base64.b64encode(f"{entry['api_key']}:".encode()).decode()
        self._headers = {"Authorization": f"Basic {credential}", "Accept": "application/json"}

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Hand each letter over once, or take one back (`purpose` withdraw); one result per message, in order."""
        results: list[DeliveryResult | None] = [self._refusal(outgoing, now) for outgoing in batch]
        fit = [place for place, result in enumerate(results) if result is None and batch[place].purpose != "withdraw"]
        requests: list[HttpRequest] = []
        for place in list(fit):
            request = self._creation(batch[place])
            if isinstance(request, HttpRequest):
                requests.append(request)
            else:
                results[place] = request
                fit.remove(place)
        for place, answer in zip(fit, self._transport.post(requests), strict=True):
            document = batch[place].document
            results[place] = result_of(answer, pages=document.pages if document else 1)
        withdrawals = [place for place, result in enumerate(results) if result is None]
        for place, result in zip(withdrawals, self._cancel([batch[place] for place in withdrawals]), strict=True):
            results[place] = result
        return [result for result in results if result is not None]

    def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
        """Return what Lob has of each, in order. One that it has not an hour after the hand-over was never taken."""
        answers = self._transport.post([self._question(one.message_id, one.provider_reference) for one in asked])
        return [_found(one, answer, now) for one, answer in zip(asked, answers, strict=True)]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _refusal(self, outgoing: Outgoing, now: datetime) -> DeliveryResult | None:
        if outgoing.purpose == "withdraw":
            return None if outgoing.withdraws else _NOT_THERE
        if outgoing.expires_at <= now:
            return LATE
        if outgoing.document is None:
            return _NO_DOCUMENT
        return _WITH_INSERTS if outgoing.document.inserts else None

    def _creation(self, outgoing: Outgoing) -> HttpRequest | DeliveryResult:
        document = outgoing.document
        assert document is not None
        try:
            fields = {f"to[{name}]": value for name, value in _parts(document).items()}
        except AddressFormError:
            return _BAD_FORM
        try:
            fields |= self._sender(document)
        except AddressFormError:
            return _BAD_SENDER
        fields |= self._options
        fields["metadata[message_id]"] = outgoing.message_id
        if self._cancel_minutes:
            # Machine time: a book whose clock is moved must not ask for a day in the past.
            fields["send_date"] = rfc3339(clock.system_now() + timedelta(minutes=self._cancel_minutes))
        headers = {
            **self._headers,
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
            "Idempotency-Key": outgoing.message_id,
        }
        return HttpRequest("/v1/letters", headers, multipart(fields, document.pdf))

    def _sender(self, document: Document) -> dict[str, str]:
        if self._from:
            return {"from": str(self._from)}
        return {f"from[{name}]": value for name, value in address_parts(document.sender, self._from_country).items()}

    def _question(self, message_id: str, reference: str | None) -> HttpRequest:
        if reference:
            return HttpRequest(f"/v1/letters/{quote(reference, safe='')}", self._headers, b"", "GET")
        query = urlencode([("metadata[message_id]", message_id), ("limit", "1")])
        return HttpRequest(f"/v1/letters?{query}", self._headers, b"", "GET")

    def _cancel(self, batch: Sequence[Outgoing]) -> list[DeliveryResult]:
        """Take letters back by our id: ask for theirs, then delete. Never raises."""
        answers = self._transport.post([self._question(str(outgoing.withdraws), None) for outgoing in batch])
        ids = [_id_in(answer) for answer in answers]
        known = iter(self._delete([each for each in ids if each]))
        return [
            next(known) if each else _NOT_THERE if answer.status == 200 else cancel_result(answer, None)
            for each, answer in zip(ids, answers, strict=True)
        ]

    def _delete(self, ids: Sequence[str]) -> list[DeliveryResult]:
        """Delete letters by Lob's ids. One that is deleted by now (its answer was lost) is taken back, not too late."""
        requests = [HttpRequest(f"/v1/letters/{quote(each, safe='')}", self._headers, b"", "DELETE") for each in ids]
        results = [cancel_result(answer, each) for each, answer in zip(ids, self._transport.post(requests), strict=True)]
        refused = [place for place, result in enumerate(results) if result.outcome is Outcome.REFUSED]
        answers = self._transport.post([self._question("", ids[place]) for place in refused])
        for place, answer in zip(refused, answers, strict=True):
            if answer.status == 200 and json_object(answer.body).get("deleted"):
                results[place] = cancel_result(answer, ids[place])
        return results


def multipart(fields: Mapping[str, str], pdf: bytes) -> bytes:
    """Return a form with its fields and the PDF as `file`. Source: RFC 7578."""
    boundary = f"--{_BOUNDARY}\r\n"
    parts = [
        f'{boundary}Content-Disposition: form-data; name="{name}"\r\n\r\n{" ".join(value.split())}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'{boundary}Content-Disposition: form-data; name="file"; filename="letter.pdf"\r\n'
    head += "Content-Type: application/pdf\r\n\r\n"
    return b"".join([*parts, head.encode(), pdf, f"\r\n--{_BOUNDARY}--\r\n".encode()])


def _parts(document: Document) -> dict[str, str]:
    lines = list(document.recipient)
    is_abroad = len(lines) > 3 and lines[-1].isupper() and lines[-1].isalpha() and document.country != "US"
    return address_parts(lines[:-1] if is_abroad else lines, document.country or "US")


def _id_in(answer: HttpAnswer) -> str | None:
    found = json_object(answer.body).get("data") if answer.status == 200 else None
    first = found[0] if isinstance(found, list) and found else None
    return str(first["id"]) if isinstance(first, dict) and first.get("id") else None


def _found(asked: Asked, answer: HttpAnswer, now: datetime) -> DeliveryReport | None:
    said = json_object(answer.body)
    if answer.status != 200:
        return None
    items = [said] if asked.provider_reference else said.get("data")
    letter = items[0] if isinstance(items, list) and items else None
    if isinstance(letter, dict) and letter.get("id"):
        return report_of(letter, asked.message_id)
    if isinstance(items, list) and now - asked.sent_at >= SURELY_LISTED:
        return DeliveryReport(
            f"{asked.message_id}:not_taken", Told.FAILED, message_id=asked.message_id, error_code=NOT_TAKEN
        )
    return None


def build(entry: Mapping[str, Any], *, threads: int) -> Channel:
    """Return the channel of an entry of the providers file. Raises KeyError for a setting that is missing."""
    return LobLetters(entry, transport_of({"total_seconds": 30.0, **entry}, URL, threads))
