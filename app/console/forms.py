"""Forms of the console: read by a schema, done once however often they are sent, shown again with what was wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import request
from marshmallow import Schema
from marshmallow import ValidationError as SchemaError
from werkzeug.wrappers import Response as BaseResponse

from app.console.frame import go
from app.domain.errors import (
    DomainError,
    ForbiddenError,
    SessionRevokedError,
    StepUpRequiredError,
    TokenExpiredError,
    UnauthenticatedError,
)
from app.persistence.ids import new_id
from app.persistence.unit_of_work import Work
from app.web.answers import Answer
from app.web.errors import field_errors
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.problems import PROBLEMS
from app.wording.refusal_words import fields_in_words, refused_in_words

OURS = frozenset({"csrf", "once"})
REFUSED_ELSEWHERE = (UnauthenticatedError, SessionRevokedError, TokenExpiredError, StepUpRequiredError, ForbiddenError)


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is shown: empty, or as it was sent with what was wrong. `once` makes sending it twice one act."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    """Field -> what is wrong with it, in the reader's language."""
    detail: str | None = None
    """What is wrong with all of it."""
    once: str = field(default_factory=new_id)


def submit(
    schema: type[Schema],
    act: Callable[[Work, dict[str, Any]], str],
    again: Callable[[Form], BaseResponse],
    *,
    files: Sequence[str] = (),
) -> BaseResponse:
    """Read the form by the schema, act once in one unit of work, and go where `act` says.

    What is refused shows the form again by `again` (give `page(..., status=422, form=form)`), and nothing is lost. The
    address that `act` returns is kept as the answer to that form. `files`: hashes of those sent with it, which tell one
    form from another as its fields do.
    """
    sent = {name: text for name, text in request.form.items() if name not in OURS and text.strip()}
    once = request.form.get("once") or new_id()
    try:
        values = schema().load(sent)
        said = orjson.dumps([request.full_path, sent, *files], option=orjson.OPT_SORT_KEYS)
        answer = answer_once(lambda work: Answer({"location": act(work, values)}, 303, dumped=True), key=once, said=said)
    except SchemaError as error:
        listed = fields_in_words(field_errors({"json": error.messages}), request_locale())
        return again(Form(request.form, {field_of(each.pointer): each.detail for each in listed}, once=once))
    except REFUSED_ELSEWHERE:
        raise
    except DomainError as error:
        return again(refused(error))
    return go(answer.value["location"])


def field_of(pointer: str) -> str:
    """Return the name of the field that a pointer (RFC 6901) names; one deeper down is called by its whole way."""
    return pointer.strip("/").replace("~1", "/").replace("~0", "~")


def refused(error: DomainError) -> Form:
    """Return the form as it was sent, with what was refused in the reader's language."""
    detail, listed = refused_in_words(error, request_locale())
    by_field = {field_of(each.pointer): each.detail for each in listed}
    words = PROBLEMS.get(error.code, PROBLEMS["internal"]).words(request_locale())
    return Form(request.form, by_field, detail or words.detail)
