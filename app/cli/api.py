"""flask api: the document of the API."""

import click
from flask import current_app
from flask.cli import AppGroup

api_commands = AppGroup("api", help="The HTTP API.")


@api_commands.command("openapi")
def print_document() -> None:
    """Print the OpenAPI document; docs/api/openapi.json is this."""
    click.echo(current_app.extensions["duecourse.api"].document_text(), nl=False)
