"""flask api: the document of the API."""

import click
from flask import current_app
from flask.cli import AppGroup

api_commands = AppGroup("api", help="The HTTP API.")


@api_commands.command("openapi")
def print_document() -> None:
    """Print the OpenAPI document; docs/api/openapi.json is this."""
    from app.api.doors import open_doors
    from app.web.plumbing import init_web

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if "duecourse.api" not in app.extensions:  # commands start without routes
        open_doors(app, init_web(app, app.config["SETTINGS"]))
    click.echo(app.extensions["duecourse.api"].document_text(), nl=False)
