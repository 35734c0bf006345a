"""Bodies of WeChat's posts, read into one form: XML or JSON, names as the platform writes them.

A document type and entities are refused outright. In JSON the list of a subscription event stands at the top, numbers are
strings, and a list of one is no list.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import orjson
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from app.channels.callbacks import MalformedError

_LISTS = ("SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent")


def read_post(body: bytes) -> dict[str, str]:
    """Return the plain fields of a post (or its envelope). Raises MalformedError."""
    fields, _ = read_whole(body)
    return fields


def read_whole(body: bytes) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return the plain fields and, of a subscription event, its items. Raises MalformedError."""
    return _from_json(body) if body.lstrip()[:1] == b"{" else _from_xml(body)


def _from_xml(body: bytes) -> tuple[dict[str, str], list[dict[str, str]]]:
    try:
        root: Element = fromstring(body, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except DefusedXmlException:
        raise MalformedError("A document type or an entity in XML.") from None
    except (ParseError, ValueError, LookupError):  # LookupError: an encoding nobody knows
        raise MalformedError("Neither XML nor JSON.") from None
    fields = {child.tag: (child.text or "").strip() for child in root if not len(child)}
    items = [
        {leaf.tag: (leaf.text or "").strip() for leaf in item}
        for name in _LISTS
        for holder in root.findall(name)
        for item in holder.findall("List")
    ]
    return fields, items


def _from_json(body: bytes) -> tuple[dict[str, str], list[dict[str, str]]]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedError("Neither XML nor JSON.") from None
    fields = {name: _text(value) for name, value in said.items() if not isinstance(value, dict | list)}
    listed: Any = said.get("List")
    for name in _LISTS:
        holder = said.get(name)
        if isinstance(holder, Mapping):
            listed = holder.get("List", listed)
    return fields, _items(listed)


def _items(listed: Any) -> list[dict[str, str]]:
    found: Sequence[Any] = listed if isinstance(listed, list) else [] if listed is None else [listed]
    return [{name: _text(value) for name, value in item.items()} for item in found if isinstance(item, Mapping)]


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()
