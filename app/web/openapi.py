"""The OpenAPI 3.1 document, made from the routes and schemas themselves.

flask-smorest gives paths, parameters and schemas. What API_STYLE asks beyond it is added here: operation ids, the
credential of each door, problem+json on every operation, ETag, and the headers every request may carry.
"""

import json
from collections import defaultdict
from copy import deepcopy
from threading import Lock
from typing import Any

from flask import Flask
from flask_smorest import Api as SmorestApi
from marshmallow import fields as ma_fields

from app.domain.permissions import ROLES, in_words, roles_of
from app.web.auth import Auth, bind
from app.web.doors import Door, IdConverter, NumberConverter, id_schema, number_schema
from app.web.errors import PROBLEM_TYPE
from app.web.fields import DateField, IdField, InstantField, MoneyField, PatternField, TextField
from app.web.problems import PROBLEMS

VERSION = "1.0.0"
_DESCRIPTION = (
    "What a borrower owes, when it is due and what they can do about it; sign-in, devices and inbox; the feed of the "
    "lender's core system; and the desk of its staff.\n\nAmounts are whole minor units with an ISO 4217 currency. "
    "Instants are RFC 3339 in UTC, due dates are plain dates in the loan's zone. Errors are RFC 9457 problems; `instance` "
    "is the request id. Ignore fields you do not know in answers; fields and query parameters of a request that are not "
    "described here are refused. Reads are limited per session and per web process; sign-in is limited exactly."
)
_SCHEMES = {
    "borrower": {"type": "http", "scheme": "bearer", "description": "Access token of a borrower's session, 10 minutes."},
    "ingest": {"type": "http", "scheme": "bearer", "description": "Key of a lender's core system with scope `ingest`."},
    "desk": {
        "type": "http",
        "scheme": "bearer",
        "description": "Token of a session of a lender's staff, or a key with scope `desk`.",
    },
}
_HEADER_PARAMETERS: dict[str, dict[str, Any]] = {
    "AcceptLanguage": {
        "name": "Accept-Language",
        "description": "en or zh-CN; else the borrower's stored preference.",
        "schema": {"type": "string"},
    },
    "RequestId": {
        "name": "X-Request-Id",
        "description": "8 to 64 of A-Z a-z 0-9 . _ -; echoed, logged, and the `instance` of a problem.",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "description": "The ETag you have; 304 when it still holds.",
        "schema": {"type": "string"},
    },
    "IfMatch": {
        "name": "If-Match",
        "description": "The ETag that you read; 428 without it, 412 when it has changed since.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "description": "The same key and body get the same answer, kept at least 24 hours.",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    },
}
_HEADER_OF_PROBLEM = {"precondition-required": "IfMatch", "idempotency-mismatch": "IdempotencyKey"}
"""Where an operation may answer so, it takes this header."""
_MONEY = {
    "type": "object",
    "required": ["amount_minor", "currency"],
    "properties": {
        "amount_minor": {"type": "integer", "format": "int64", "description": "Whole minor units of the currency."},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217."},
    },
    "additionalProperties": False,
    "example": {"amount_minor": 123456, "currency": "CNY"},
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string", "description": "A page that explains the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "In the language of Content-Language."},
        "instance": {"type": "string", "description": "The request id."},
        "code": {"type": "string", "enum": sorted(PROBLEMS)},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901; query parameters are under /query."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


class Api(SmorestApi):  # type: ignore[misc]
    """flask-smorest's API with one credential per door, our own error handling, and a document made when it is asked for."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: Flask) -> None:
        self.auth_of: dict[str, Auth] = {}
        self._to_describe: list[tuple[str, Door]] = []
        self._describing = Lock()
        app.config.update(API_TITLE="Duecourse", API_VERSION=VERSION, OPENAPI_VERSION="3.1.0")
        app.url_map.converters.update(id=IdConverter, number=NumberConverter)
        super().__init__(app, spec_kwargs={"info": {"description": _DESCRIPTION, "license": {"name": "Apache-2.0"}}})
        app.cli.commands.pop("openapi", None)  # `flask api openapi` prints it
        self.register_converter(IdConverter, id_schema)
        self.register_converter(NumberConverter, number_schema)
        self.register_field(MoneyField, "object", None)
        self.register_field(InstantField, "string", "date-time")
        self.register_field(DateField, "string", "date")
        self.register_field(IdField, "string", "uuid")
        self.register_field(PatternField, "string", None)
        self.register_field(TextField, "string", None)
        self.ma_plugin.converter.add_attribute_function(_strict_form)
        self._register_components()

    def register_blueprint(self, blp: Door, *, auth: Auth, **options: Any) -> None:
        """Register a door with the credential it asks for. Its part of the document is made with the document."""
        name = str(options.get("name", blp.name))
        self.auth_of[name] = auth
        bind(self._app, name, auth)
        self._app.register_blueprint(blp, **options)
        self._to_describe.append((name, blp))

    def describe_operation(self, doc: dict[str, Any], doc_info: dict[str, Any], method: str) -> dict[str, Any]:
        """Add to one operation what flask-smorest does not know."""
        about, operation = doc_info["answers"], doc_info["operation"]
        name = operation["id"]
        doc["operationId"] = name
        _say_who_may(doc, doc_info.get("permission"))
        auth = self.auth_of[doc_info["door"]]
        doc["security"] = [{auth.scheme: []}] if auth.scheme else []
        parameters = [*doc.get("parameters", []), "AcceptLanguage", "RequestId"]
        responses: dict[str, Any] = {str(about["status"]): _good(about)}
        for status in about["also"]:
            responses[str(status)] = _good(about)
        codes = {"bad-request", "not-acceptable", "internal", "maintenance", "rate-limited", *about["problems"]}
        if auth.scheme:
            codes |= {"unauthenticated", "token-expired", "session-revoked"}
        if auth.audience == "ingest":
            codes -= {"token-expired", "session-revoked"}
        if auth.audience in ("ingest", "desk"):
            codes.add("forbidden")
        if operation["has_path_id"]:
            codes.add("not-found")
        if "file_types" in doc_info:
            content = {media_type: _file(media_type, "The bytes.") for media_type in doc_info["file_types"]}
            doc["requestBody"] = {"required": True, "content": content}
            codes |= {"payload-too-large", "unsupported-media-type", "validation-failed"}
        elif "requestBody" in doc:
            codes |= {"malformed-json", "payload-too-large", "unsupported-media-type", "validation-failed"}
        elif method != "get":
            codes |= {"payload-too-large", "unsupported-media-type"}
        if "arguments" in doc_info or doc_info["refuses"]:
            codes.add("validation-failed")
        if method == "get":
            parameters.append("IfNoneMatch")
            responses["304"] = {"description": "Not modified."}
        parameters += [header for code, header in _HEADER_OF_PROBLEM.items() if code in codes]
        doc["parameters"] = parameters
        for status, listed in _problems_by_status(codes).items():
            responses[str(status)] = self._problem_response(status, listed)
        doc["responses"] = responses
        return doc

    def _problem_response(self, status: int, codes: list[str]) -> str:
        """Return the name of the component that describes these problems of one status."""
        name = ".".join(codes)
        if name not in self.spec.components.responses:
            described = "; ".join(f"`{code}`: {PROBLEMS[code].en.title}" for code in codes)
            content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _example(status, codes[0])}
            self.spec.components.response(name, {"description": f"{described}.", "content": {PROBLEM_TYPE: content}})
        return name

    def document(self) -> dict[str, Any]:
        """Return the document, the same for the same code: keys and lists in a stable order."""
        self._describe_doors()
        document: dict[str, Any] = deepcopy(self.spec.to_dict())
        document["paths"] = dict(sorted(document["paths"].items()))
        for item in document["paths"].values():
            shared = item.pop("parameters", [])
            for operation in item.values():
                operation["parameters"] = [*shared, *operation["parameters"]]
        for name, part in document["components"].items():
            document["components"][name] = dict(sorted(part.items()))
        return document

    def _describe_doors(self) -> None:
        """What flask-smorest does when a blueprint is registered: a third of the time in which a web worker starts."""
        with self._describing:
            while self._to_describe:
                name, door = self._to_describe.pop(0)
                door.register_views_in_doc(self, self._app, self.spec, name=name, parameters=None)
                self.spec.tag({"name": name, "description": door.description})

    def document_text(self) -> str:
        """Return the document as it is committed: indented, with a newline at its end."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False) + "\n"

    def _register_error_handlers(self) -> None:
        """Leave errors to web/errors.py."""

    def _register_responses(self) -> None:
        """Problem responses are described per operation."""

    def _register_components(self) -> None:
        components = self.spec.components
        components.schema("Money", _MONEY)
        components.schema("Problem", _PROBLEM)
        for name, scheme in _SCHEMES.items():
            components.security_scheme(name, scheme)
        for name, parameter in _HEADER_PARAMETERS.items():
            components.parameter(name, "header", {"required": False, **parameter})
        components.header("ETag", {"description": "Strong; send it back in If-None-Match.", "schema": {"type": "string"}})


def _say_who_may(doc: dict[str, Any], permission: str | None) -> None:
    """Say of an operation of the desk which permission it asks for, and which roles have it."""
    if permission is None:
        return
    roles = roles_of(permission)
    doc["x-permission"], doc["x-roles"] = permission, list(roles)
    if len(roles) < len(ROLES):
        doc["description"] = "\n\n".join(filter(None, [doc.get("description"), f"For: {in_words(roles)}."]))


def _good(about: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": "Done." if about["schema"] is None else "As described."}
    content: dict[str, Any] = {}
    if about["schema"] is not None:
        content["application/json"] = {"schema": about["schema"]}
        if about["example"] is not None:
            content["application/json"]["example"] = about["example"]
    content |= {media_type: _file(media_type, "Its SHA-256 is in Repr-Digest.") for media_type in about["files"]}
    if content:
        response["content"] = content
    return response


def _file(media_type: str, description: str) -> dict[str, Any]:
    described = {"type": "string", "contentMediaType": media_type, "description": description}
    return {"schema": described, "example": "%PDF-1.4 ..."}


def _problems_by_status(codes: set[str]) -> dict[int, list[str]]:
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in sorted(codes):
        by_status[PROBLEMS[code].status].append(code)
    return dict(sorted(by_status.items()))


def _example(status: int, code: str) -> dict[str, Any]:
    words = PROBLEMS[code].en
    return {
        "type": f"/problems/{code}",
        "title": words.title,
        "status": status,
        "detail": words.detail,
        "instance": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
        "code": code,
    }


def _strict_form(_converter: Any, field: ma_fields.Field[Any], ret: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
    """Describe our own fields as exactly as they check."""
    if isinstance(field, MoneyField):
        ret.pop("type", None)
        reference = {"$ref": "#/components/schemas/Money"}
        return {"anyOf": [reference, {"type": "null"}]} if field.allow_none else reference
    if isinstance(field, PatternField):
        return {"pattern": f"^{field.pattern}$"}
    if isinstance(field, DateField):
        return {"pattern": "^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"}
    return {}
