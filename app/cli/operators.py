"""Who gave a command, as the audit trail names them."""

import re

import click

_NAME = re.compile(r"[^\W_](?:[\w .,'’()@-]{0,62}[\w.)])?")


def operator_named(name: str) -> str:
    """Return operator:NAME. Raises ClickException for what is no name: a line break would forge a line of the trail."""
    if not _NAME.fullmatch(name):
        raise click.ClickException("--by needs your name: up to 64 letters, digits, blanks and . , ' ( ) @ -.")
    return f"operator:{name}"
