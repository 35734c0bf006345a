"""What arrived on a virtual phone, as the app it belongs to shows it."""

import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.times import rfc3339
from app.persistence.db import vault
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.queries.chunks import chunks
from app.persistence.queries.provider_templates import find_approved
from app.sandbox.stand_in.magic import arrives, outcome_of

Item = dict[str, Any]
"""One message as the stand-in lists it under /received."""
_SHOWN_BY_WECHAT = 20
"""Characters of a field that are seen on a card."""
_SAID = re.compile(r"<Say[^>]*>(.*?)</Say>", re.DOTALL)
_KEYED = re.compile(r"<Gather")


def shown_items(session: Session, items: list[Item]) -> list[Item]:
    """Return what is on the phone of these messages, with the book's time of sending.

    A phone shows a second copy in the place of the first, and nothing of what did not arrive. What is left from an earlier
    database is not shown either; texts are, for a code is looked for on the phone it was asked for.
    """
    ours = _ours(session, {item["message_id"] for item in items})
    shown = []
    for item in items:
        outcome = outcome_of(item["target"])
        if item["copy"] > 1 or not arrives(item["channel"], outcome):
            continue
        row = ours.get(item["message_id"])
        if row is None and item["channel"] != "sms":
            continue
        sent_at = row.sent_at if row is not None else None
        common = {
            "n": item["n"],
            "channel": item["channel"],
            "message_id": item["message_id"],
            "at": rfc3339(sent_at) if sent_at else item["at"],
            "title": "",
            "outcome": outcome,
        }
        shown.append(common | _SHOWN[item["channel"]](session, item["content"], row))
    return shown


def _ours(session: Session, ids: set[str]) -> dict[str, MessageRow]:
    found: dict[str, MessageRow] = {}
    for part in chunks(ids):
        found |= {row.id: row for row in session.scalars(select(MessageRow).where(MessageRow.id.in_(part)))}
    return found


def _push(_session: Session, content: Mapping[str, Any], _row: MessageRow | None) -> Item:
    data, notification = content.get("data") or {}, content.get("notification") or {}
    return {
        "title": notification.get("title", ""),
        "body": notification.get("body", ""),
        "purpose": data.get("purpose", "notify"),
        "withdraws": data.get("withdraws"),
    }


def _text(_session: Session, content: Mapping[str, Any], row: MessageRow | None) -> Item:
    signed = (content.get("parameters") or {}).get("SignName")
    if signed is None:
        return {"body": content["text"]}
    return {"body": f"【{signed}】{_our_text(row)['body'] or content['text']}"}  # the provider has the words, we sent a code


def _call(_session: Session, content: Mapping[str, Any], _row: MessageRow | None) -> Item:
    said = list(dict.fromkeys(unescape(line) for line in _SAID.findall(content.get("twiml", ""))))
    return {"body": said[0] if said else content["text"], "lines": said, "has_keys": bool(_KEYED.search(content["twiml"]))}


def _card(session: Session, content: Mapping[str, Any], row: MessageRow | None) -> Item:
    if "text" in content:  # an answer
        return {"title": "", "body": content["text"]["content"], "fields": []}
    fields: Mapping[str, str] = next(
        (each.fields for each in find_approved(session, ["wechat"]) if each.code == content.get("template_id")), {}
    )
    rows = [
        {"name": fields.get(name, name), "value": _cut(str(held.get("value", "")))} for name, held in content["data"].items()
    ]
    text = _our_text(row)
    return {"title": text["title"], "body": "", "fields": rows}


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_BY_WECHAT else text[: _SHOWN_BY_WECHAT - 1] + "…"


def _mail(_session: Session, content: Mapping[str, Any], _row: MessageRow | None) -> Item:
    link = content["headers"].get("List-Unsubscribe", "").strip("<> ")
    is_one_click = content["headers"].get("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    return {
        "title": content["subject"],
        "body": content["text"],
        "from": content["from"],
        "unsubscribe": link if is_one_click and link.startswith("http") else None,
    }


def _letter(session: Session, content: Mapping[str, Any], row: MessageRow | None) -> Item:
    made = session.scalar(select(LetterRow).where(LetterRow.message_id == row.id)) if row is not None else None
    return {
        "title": _our_text(row)["title"],
        "body": content["sha256"],
        "pages": content["pages"],
        "pdf": f"/sandbox/letters/{made.id}.pdf" if made is not None else None,
    }


def _our_text(row: MessageRow | None) -> dict[str, str]:
    if row is None or row.text_sealed is None:
        return {"title": "", "body": ""}
    text: dict[str, str] = orjson.loads(vault().open(row.text_sealed, place=f"messages.text:{row.id}") or "{}")
    return {"title": text.get("title", ""), "body": text.get("body", "")}


_SHOWN: dict[str, Callable[[Session, Mapping[str, Any], MessageRow | None], Item]] = {
    "push": _push, "sms": _text, "voice": _call, "wechat": _card, "email": _mail, "letter": _letter,
}  # fmt: skip
