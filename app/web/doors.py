"""Blueprints whose operations describe themselves: what comes in, what goes out, which problems may be answered."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request
from flask_smorest import Blueprint
from marshmallow import RAISE, Schema
from werkzeug.routing import BaseConverter

from app.web.answers import respond
from app.web.fields import ID_PATTERN, NUMBER_PATTERN
from app.web.media import StrictParser, refuse_query

View = Callable[..., Any]


class IdConverter(BaseConverter):
    """A UUID in a path, lower case; anything else is simply not found."""

    regex = ID_PATTERN


class NumberConverter(BaseConverter):
    """A number given by a lender or an app (borrower_no, loan_no, installation id): 1 to 64 plain characters."""

    regex = NUMBER_PATTERN


def id_schema(_converter: IdConverter) -> dict[str, Any]:
    """Describe `IdConverter` in OpenAPI."""
    return {"type": "string", "format": "uuid", "pattern": f"^{IdConverter.regex}$"}


def number_schema(_converter: NumberConverter) -> dict[str, Any]:
    """Describe `NumberConverter` in OpenAPI."""
    return {"type": "string", "pattern": f"^{NumberConverter.regex}$", "minLength": 1, "maxLength": 64}


class Door(Blueprint):  # type: ignore[misc]
    """A group of operations behind one kind of credential, which is bound when the door is registered.

    A query parameter that an operation does not ask for is refused; `any_query` leaves those unread that nothing here asks.
    """

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, description: str, *, prefix: str = "", any_query: bool = False) -> None:
        self.any_query = any_query
        super().__init__(name, name, url_prefix=prefix or None, description=description)
        self._prepare_doc_cbks.append(_describe_operation)

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: View | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Register the view; the rule is kept for the OpenAPI document."""
        served = view_func
        if view_func is not None:
            about = view_func._apidoc = dict(getattr(view_func, "_apidoc", {}))  # type: ignore[attr-defined]
            about["operation"] = {"id": view_func.__name__, "has_path_id": "<" in rule}
            about["door"] = self.name
            about["refuses"] = not self.any_query
            if not self.any_query and not _asks(about):
                served = _asking_nothing(view_func)
        super().add_url_rule(rule, endpoint, served, provide_automatic_options, **options)

    def get(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view that reads."""
        return self._operation("GET", rule, options)

    def post(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view that does something."""
        return self._operation("POST", rule, options)

    def put(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view that says how something is."""
        return self._operation("PUT", rule, options)

    def delete(self, rule: str, **options: Any) -> Callable[[View], View]:
        """Register a view that ends something."""
        return self._operation("DELETE", rule, options)

    def _operation(self, method: str, rule: str, options: dict[str, Any]) -> Callable[[View], View]:
        decorate: Callable[[View], View] = self.route(rule, methods=[method], **options)
        return decorate

    def takes(
        self, schema: type[Schema], *, example: Any = None, one_of: tuple[type[Schema], ...] = ()
    ) -> Callable[[View], View]:
        """Say which JSON body the view takes; it gets the loaded values. `one_of`: the forms as the document shows them."""
        decorate: Callable[[View], View] = self.arguments(schema, location="json", example=example)

        def decorator(view: View) -> View:
            decorated = decorate(view)
            if one_of:
                body = decorated._apidoc["arguments"]["parameters"][-1]  # type: ignore[attr-defined]
                body["schema"] = {"oneOf": [form() for form in one_of]}
            return decorated

        return decorator

    def takes_file(self, media_types: tuple[str, ...]) -> Callable[[View], View]:
        """Say that the view takes a file of one of these types as its body, and reads and limits it itself."""

        def decorator(view: View) -> View:
            about = view._apidoc = dict(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
            about["file_types"] = media_types
            return view

        return decorator

    def asks(self, schema: type[Schema]) -> Callable[[View], View]:
        """Say which query parameters the view takes. A request without any skips the parser: it costs 30 us."""
        form = schema()
        needed = any(field.required for field in form.fields.values())
        defaults = {} if needed else form.load({})
        parse = self.arguments(form, location="query", unknown=RAISE)  # of the class one would be made per request

        def decorator(view: View) -> View:
            parsed = parse(view)

            @wraps(parsed)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                if not request.query_string and not needed:
                    return view(dict(defaults), *args, **kwargs)
                return parsed(*args, **kwargs)

            return wrapper

        return decorator


def answers(
    status: int,
    schema: type[Schema] | None = None,
    *,
    example: Any = None,
    also: tuple[int, ...] = (),
    problems: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
) -> Callable[[View], View]:
    """Say what a view answers: status, form and example, other good statuses, its own problem codes, and other media
    types than JSON in which it can answer (see `media.prefers`).

    The view returns a value, which is dumped through the schema, an `Answer`, or a Response that it made itself.
    """
    instance = schema() if schema is not None else None

    def decorator(view: View) -> View:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return respond(view(*args, **kwargs), instance, status)

        about = wrapper._apidoc = dict(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
        about["answers"] = {
            "status": status,
            "schema": instance,
            "example": example,
            "also": also,
            "problems": problems,
            "files": files,
        }
        return wrapper

    return decorator


def _asks(about: dict[str, Any]) -> bool:
    """Return whether a view has said which query parameters it takes."""
    return any(parameter["in"] == "query" for parameter in about.get("arguments", {}).get("parameters", ()))


def _asking_nothing(view: View) -> View:
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if request.query_string:
            refuse_query()
        return view(*args, **kwargs)

    return wrapper


def _describe_operation(
    doc: dict[str, Any], doc_info: dict[str, Any], *, api: Any, method: str, **_kwargs: Any
) -> dict[str, Any]:
    return api.describe_operation(doc, doc_info, method)  # type: ignore[no-any-return]
