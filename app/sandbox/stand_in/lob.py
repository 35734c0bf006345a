"""Lob's letters, as its documentation says: Basic auth, a PDF that can be read, idempotency, cancelling, signed webhooks.

POST and GET /v1/letters, GET and DELETE /v1/letters/{id}; for people, GET /v1/letters/{id}.pdf shows what was printed. A
magic outcome is the first word of the recipient's name or street ("Returned Roe"). Endpoint for faults: lob_letters.
Written apart from the adapter, so that both are held to the pages.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from app import clock
from app.domain.times import rfc3339
from app.sandbox.stand_in.answers import SILENCE, Answer, Taken, json_answer
from app.sandbox.stand_in.callbacks import CallbackPost
from app.sandbox.stand_in.magic import OUTCOMES
from app.sandbox.stand_in.memory import Memory
from app.sandbox.stand_in.providers import Provider, ProviderRequest, StandInConfig

API_KEY = "test_stand_in_lob_key_0000000000"
WEBHOOK_SECRET = "stand-in-lob-webhook-secret-0001"  # noqa: S105 - of a provider that is none
_LATE_MS = 60_000
_MOST_PDFS = 500
_PATH = re.compile(r"/v1/letters(?:/(ltr_\w+)(\.pdf)?)?")
_REQUIRED = ("to[name]", "to[address_line1]", "to[address_city]", "to[address_country]", "use_type", "color")
_WAYS: dict[str, tuple[str, ...]] = {
    "returned": ("rendered_pdf", "mailed", "in_transit", "returned_to_sender"),
    "unreachable": ("rendered_pdf", "mailed", "in_transit", "returned_to_sender"),
}
_USUAL = ("rendered_pdf", "mailed", "in_transit", "in_local_area", "delivered")


@dataclass(slots=True)
class LobStandIn:
    """See the module."""

    config: StandInConfig
    endpoints: tuple[str, ...] = ("lob_letters",)
    _memory: Memory = field(default_factory=Memory)
    _by_key: dict[str, str] = field(default_factory=dict)
    _pdfs: OrderedDict[str, bytes] = field(default_factory=OrderedDict)

    def endpoint(self, method: str, path: str) -> str | None:
        """Return which of its endpoints an address is."""
        return "lob_letters" if method in ("GET", "POST", "DELETE") and _PATH.fullmatch(path) else None

    def answer(self, endpoint: str, request: ProviderRequest) -> Answer | Taken:
        """Answer as Lob does."""
        found = _PATH.fullmatch(request.path)
        letter_id = found[1] if found else None
        if found and found[2]:
            pdf = self._pdfs.get(letter_id or "")
            return Answer(200, pdf, content_type="application/pdf") if pdf else _error(404, "not_found", "No such letter.")
        expected = "Basic " + base64.b64encode(f"{API_KEY}:".encode()).decode()
        if request.headers.get("authorization") != expected:
            return _error(401, "unauthorized", "Your API key is not valid.")
        if request.method == "POST":
            return self._created(request) if letter_id is None else _error(404, "not_found", "There is nothing here.")
        if letter_id is None:
            return self._listed(request)
        item = self._memory.get(letter_id)
        if item is None:
            return _error(404, "not_found", "letter not found")
        return json_answer(item) if request.method == "GET" else self._deleted(item)

    def _listed(self, request: ProviderRequest) -> Answer:
        message_id = request.query.get("metadata[message_id]")
        found = self._memory.where(lambda item: message_id is None or item["metadata"].get("message_id") == message_id)
        found = found[: int(request.query.get("limit", "10"))]
        return json_answer({"data": found, "object": "list", "count": len(found)})

    def _deleted(self, item: dict[str, Any]) -> Answer:
        if datetime.fromisoformat(item["send_date"]) <= clock.system_now() or item["deleted"]:
            return _error(422, "letter_already_processed", "The letter has been sent to production.")
        item["deleted"] = True
        return json_answer({"id": item["id"], "deleted": True})

    def _created(self, request: ProviderRequest) -> Answer | Taken:
        key = request.headers.get("idempotency-key", "")
        known = self._memory.get(self._by_key.get(key, ""))
        if known is not None:
            return json_answer(known)
        form, pdf = _form_of(request)
        lacking = [name for name in _REQUIRED if not form.get(name)]
        if lacking or not (form.get("from") or form.get("from[address_line1]")):
            return _error(422, "invalid", f"{', '.join(lacking) or 'from'} is required")
        if not pdf.startswith(b"%PDF-") or b"%%EOF" not in pdf[-1024:]:
            return _error(422, "invalid_file", "file could not be read as a PDF")
        if form["to[address_country]"] == "US" and not re.fullmatch(r"\d{5}(-\d{4})?", form.get("to[address_zip]", "")):
            return _error(422, "invalid", "to.address_zip must be in a valid zip format")
        outcome = _outcome_of(form)
        refusal = self._refusal(outcome, form)
        if refusal is not None:
            return refusal
        letter_id = f"ltr_{secrets.token_hex(8)}"
        item = _resource(letter_id, form, pdf)

        def keep() -> None:
            self._memory.keep(letter_id, item)
            self._by_key[key or letter_id] = letter_id
            self._pdfs[letter_id] = pdf
            if len(self._pdfs) > _MOST_PDFS:
                self._pdfs.popitem(last=False)

        told = {"id": letter_id, "to": form["to[name]"], "pages": item["pages"], "sha256": hashlib.sha256(pdf).hexdigest()}
        return Taken(
            channel="letter",
            message_id=item["metadata"].get("message_id", ""),
            target=form["to[name]"],
            label="lob",
            content=orjson.dumps({**told, "bytes": len(pdf), "pdf": f"/v1/letters/{letter_id}.pdf"}),
            answer=SILENCE if outcome == "timeout" else json_answer(item),
            callbacks=tuple(self._posts(item, outcome)),
            then=keep,
        )

    def _refusal(self, outcome: str, form: dict[str, str]) -> Answer | None:
        if outcome == "invalid":
            return _error(422, "address_undeliverable", "to address is undeliverable")
        if outcome == "refused_content":
            return _error(422, "unembedded_fonts", "file contains fonts that are not embedded")
        if outcome == "rate_limited" and self._memory.is_first_try(
            outcome, form.get("metadata[message_id]") or form["to[name]"]
        ):
            return _error(429, "rate_limit_exceeded", "Rate limit exceeded", (("Retry-After", "2"),))
        if outcome == "unavailable" and self._memory.is_first_try(
            outcome, form.get("metadata[message_id]") or form["to[name]"]
        ):
            return _error(503, "service_unavailable", "Service unavailable")
        return None

    def _posts(self, item: dict[str, Any], outcome: str) -> list[CallbackPost]:
        if outcome in ("no_receipt", "timeout"):
            return []
        words = [*_WAYS.get(outcome, _USUAL)]
        if outcome == "duplicate_receipts":
            words = [each for word in reversed(words) for each in (word, word)]
        start = _LATE_MS if outcome == "late" else 50
        ids: dict[str, str] = {}
        return [
            self._post(item, word, ids.setdefault(word, f"evt_{secrets.token_hex(8)}"), start + place * 80)
            for place, word in enumerate(words)
        ]

    def _post(self, item: dict[str, Any], word: str, event_id: str, delay_ms: int) -> CallbackPost:
        event = {
            "id": event_id,
            "object": "event",
            "reference_id": item["id"],
            "event_type": {"id": f"letter.{word}", "resource": "letters", "object": "event_type"},
            "date_created": rfc3339(clock.system_now()),
            "body": item,
        }
        body = orjson.dumps(event)
        url = self.config.callback_url("lob")
        return CallbackPost(url, signed_headers(body), body, delay_ms)


def signed_headers(body: bytes, *, secret: str = WEBHOOK_SECRET, at_seconds: int | None = None) -> dict[str, str]:
    """Return the headers of a webhook as Lob signs it."""
    timestamp = str(int(clock.system_now().timestamp()) if at_seconds is None else at_seconds)
    signature = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "Lob-Signature": signature, "Lob-Signature-Timestamp": timestamp}


def _form_of(request: ProviderRequest) -> tuple[dict[str, str], bytes]:
    found = re.search(r"boundary=([^;]+)", request.headers.get("content-type", ""))
    boundary = b"--" + (found[1].strip().strip('"') if found else "-").encode()
    form: dict[str, str] = {}
    pdf = b""
    for part in request.body.split(boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        if name is None:
            continue
        if b"filename=" in head:
            pdf = content.removesuffix(b"\r\n")
        else:
            form[name[1].decode()] = content.removesuffix(b"\r\n").decode()
    return form, pdf


def _outcome_of(form: dict[str, str]) -> str:
    for text in (form["to[name]"], form["to[address_line1]"]):
        word = text.lower().split()[0] if text.split() else ""
        if word in OUTCOMES.values():
            return word
    return "delivered"


def _resource(letter_id: str, form: dict[str, str], pdf: bytes) -> dict[str, Any]:
    now = clock.system_now()
    count = re.search(rb"/Count (\d+)", pdf)
    return {
        "id": letter_id,
        "object": "letter",
        "to": {"name": form["to[name]"], "address_country": form["to[address_country]"]},
        "metadata": {"message_id": form["metadata[message_id]"]} if form.get("metadata[message_id]") else {},
        "send_date": form.get("send_date") or rfc3339(now + timedelta(seconds=1)),
        "date_created": rfc3339(now),
        "pages": int(count[1]) if count else 1,
        "tracking_events": [],
        "deleted": False,
        "url": f"/v1/letters/{letter_id}.pdf",
    }


def _error(status: int, code: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return json_answer({"error": {"message": message, "status_code": status, "code": code}}, status, headers)


def make(config: StandInConfig) -> Provider:
    """Return Lob."""
    return LobStandIn(config)
