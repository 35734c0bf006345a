"""The `flask` commands. Each file is one noun; a command parses, calls a service, and prints."""

from flask import Flask

from app.cli.api import api_commands
from app.cli.book import book_commands
from app.cli.database import database_commands
from app.cli.engine import engine_commands
from app.cli.keys import key_commands
from app.cli.ops import ops_commands
from app.cli.sandbox import sandbox_commands


def register_commands(app: Flask) -> None:
    """Add every command to the app."""
    app.cli.add_command(api_commands)
    app.cli.add_command(book_commands)
    app.cli.add_command(database_commands)
    app.cli.add_command(engine_commands)
    app.cli.add_command(key_commands)
    app.cli.add_command(ops_commands)
    app.cli.add_command(sandbox_commands)
