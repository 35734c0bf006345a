"""Forms with passwords and codes: read by a schema like others, but nothing of them is kept, no hash for a replay either."""

from collections.abc import Callable
from typing import Any

from flask import request
from marshmallow import Schema
from marshmallow import ValidationError as SchemaError
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import OURS, REFUSED_ELSEWHERE, Form, refused
from app.domain.errors import DomainError
from app.web.errors import field_errors
from app.web.languages import request_locale
from app.wording.refusal_words import fields_in_words


def take(
    schema: type[Schema], act: Callable[[dict[str, Any]], BaseResponse], again: Callable[[Form], BaseResponse]
) -> BaseResponse:
    """Read the form by the schema and return what `act` answers; what is refused shows it again by `again`.

    Sent twice it acts twice: use it where that does no harm, since each code, challenge and invitation is good once.
    """
    sent = {name: text for name, text in request.form.items() if name not in OURS and text.strip()}
    try:
        return act(schema().load(sent))
    except SchemaError as error:
        listed = fields_in_words(field_errors({"json": error.messages}), request_locale())
        return again(Form(request.form, {each.pointer.strip("/"): each.detail for each in listed}))
    except REFUSED_ELSEWHERE:
        raise
    except DomainError as error:
        return again(refused(error))
