"""If-Match (RFC 9110): a PUT says from which state it was made, so that two devices do not undo each other."""

from typing import Any

from flask import request
from marshmallow import Schema

from app.domain.errors import PreconditionRequiredError, StaleVersionError
from app.web.answers import Answer, dump_json
from app.web.etag import body_etag
from app.web.languages import request_locale


def check_if_match(value: Any, schema: Schema) -> None:
    """Refuse a PUT that was not made from `value` as a GET in this language shows it now.

    Raises PreconditionRequiredError (428) without If-Match, StaleVersionError (412) with another tag.
    """
    if not request.headers.get("If-Match"):
        raise PreconditionRequiredError("Send If-Match with the ETag that you read.")
    current = body_etag(request_locale(), dump_json(schema.dump(value)))
    if not request.if_match.contains(current.strip('"')):
        raise StaleVersionError("It has changed since you read it; get it again and make your change from there.")


def tagged(value: Any, schema: Schema) -> Answer:
    """Return what a GET would now show, with its ETag, so that the next PUT needs no GET before it."""
    dumped = schema.dump(value)
    return Answer(dumped, headers={"ETag": body_etag(request_locale(), dump_json(dumped))}, dumped=True)
