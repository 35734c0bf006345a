"""Posts of providers as they reach a parser."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from app.channels.callbacks import CallbackRequest
from tests.builders.outgoing import NOW
from tests.fakes.stand_in import CALLBACK_SECRET


def a_post(body: bytes, *, url: str = "https://api.lender.example/v1/callbacks/x", **changes: Any) -> CallbackRequest:
    """A POST with a body; header names are put in lower case, the query is that of the URL."""
    headers: Mapping[str, str] = changes.pop("headers", {})
    return CallbackRequest(
        method=changes.pop("method", "POST"),
        url=url,
        path_secret=changes.pop("path_secret", CALLBACK_SECRET),
        query=dict(parse_qsl(urlsplit(url).query)),
        headers={name.lower(): value for name, value in headers.items()},
        body=body,
        now_seconds=changes.pop("now_seconds", int(NOW.timestamp())),
    )


def a_form(form: Mapping[str, str], **changes: Any) -> CallbackRequest:
    headers = {"Content-Type": "application/x-www-form-urlencoded", **changes.pop("headers", {})}
    return a_post(urlencode(form).encode(), headers=headers, **changes)


def a_json(value: Any, **changes: Any) -> CallbackRequest:
    return a_post(orjson.dumps(value), headers={"Content-Type": "application/json", **changes.pop("headers", {})}, **changes)


def posted_back(item: Mapping[str, Any], **changes: Any) -> CallbackRequest:
    """What the stand-in posted back, as its list of callbacks has it."""
    secret = item["url"].partition("?")[0].rpartition("/")[2]
    return a_post(
        item["body"].encode(),
        url=item["url"],
        headers=item["headers"],
        path_secret=changes.pop("path_secret", secret),
        **changes,
    )
