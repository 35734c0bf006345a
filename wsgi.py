"""Entry point of the web server and of the `flask` command."""

import sys

import click

from app.factory import create_app
from config import Settings, SettingsError


def _serves() -> bool:
    """Whether requests will be answered, or shown: not when `flask` looks here for one of our own commands.

    It does so in its outermost context; `flask run`, `routes` and `shell` come here from their own. Other servers have none.
    """
    context = click.get_current_context(silent=True)
    return context is None or context.parent is not None


try:
    application = app = create_app(Settings.from_env(), serves=_serves())
except SettingsError as error:
    sys.exit(f"Duecourse does not start: {error}")
