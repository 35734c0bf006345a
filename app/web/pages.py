"""Pages for people who build against the API: the document, its reading form, and one page per problem."""

import base64
import hashlib
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, render_template

from app.web.answers import dump_json
from app.web.auth import PUBLIC, bind
from app.web.etag import body_etag, is_unchanged
from app.web.problems import PROBLEMS
from config import Settings

NAME = "pages"

_FOLDER = Path(__file__).parent / "templates"
_STYLE = (_FOLDER / "pages" / "page.css").read_text()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action "


def init_pages(app: Flask, settings: Settings) -> None:
    """Add the pages. In production the document and its page are served only when the operator says so."""
    pages = Blueprint(NAME, __name__, template_folder=_FOLDER)
    pages.add_url_rule("/problems/<code>", "problem_page", problem_page)
    if settings.is_sandbox or settings.public_docs:
        pages.add_url_rule("/openapi.json", "openapi_document", openapi_document)
        pages.add_url_rule("/docs", "docs", docs)
    bind(app, NAME, PUBLIC)
    app.register_blueprint(pages)


def openapi_document() -> Response:
    """Serve the OpenAPI document."""
    body = dump_json(current_app.extensions["duecourse.api"].document())
    etag = body_etag("en", body)
    unchanged = is_unchanged(etag)
    response = Response(b"" if unchanged else body, 304 if unchanged else 200, content_type="application/json")
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "no-cache"
    return response


def docs() -> Response:
    """Serve the document as one page, without script and without anything from elsewhere."""
    document = current_app.extensions["duecourse.api"].document()

    def resolve(parameter: dict[str, str]) -> object:
        reference = parameter.get("$ref")
        return document["components"]["parameters"][reference.rsplit("/", 1)[1]] if reference else parameter

    def sample(holder: dict[str, dict[str, dict[str, object]]]) -> str:
        content = next(iter(holder["content"].values()))
        return pretty(content.get("example", content.get("schema")))

    return html_page(
        "pages/docs.html",
        title=document["info"]["title"],
        document=document,
        problems=PROBLEMS,
        resolve=resolve,
        sample=sample,
        pretty=pretty,
    )


def problem_page(code: str) -> Response:
    """Explain one problem code."""
    problem = PROBLEMS.get(code)
    if problem is None:
        abort(404)
    return html_page("pages/problem.html", title=problem.en.title, code=code, problem=problem)


def pretty(value: object) -> str:
    """Return indented JSON."""
    return str(current_app.json.dumps(value, indent=True))


def html_page(template: str, *, status: int = 200, has_form: bool = False, **values: object) -> Response:
    """Return a page with its stylesheet and nothing from elsewhere; one that has a form may post it to us alone."""
    text = render_template(template, style=_STYLE, **values)
    response = Response(text, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY + ("'self'" if has_form else "'none'")
    response.headers["Cache-Control"] = "no-cache"
    return response
