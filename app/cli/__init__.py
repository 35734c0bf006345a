"""The `flask` commands. Each file is one noun; a command parses, calls a service, and prints.

A noun's file is imported when the noun is asked for: a process that runs the engine never reads the importer.
"""

import click
from flask import Flask
from flask.cli import AppGroup
from werkzeug.utils import import_string

NOUNS = {
    "api": "app.cli.api:api_commands",
    "audit": "app.cli.audit:audit_commands",
    "book": "app.cli.book:book_commands",
    "bulletin": "app.cli.bulletin:bulletin_commands",
    "calendar": "app.cli.calendar:calendar_commands",
    "collateral": "app.cli.collateral:collateral_commands",
    "consent": "app.cli.consent:consent_commands",
    "credit": "app.cli.credit:credit_commands",
    "db": "app.cli.database:database_commands",
    "duty": "app.cli.duty:duty_commands",
    "escalation": "app.cli.escalation:escalation_commands",
    "duties": "app.cli.duty:duty_commands",
    "engine": "app.cli.engine:engine_commands",
    "experiment": "app.cli.experiment:experiment_commands",
    "funding": "app.cli.funding:funding_commands",
    "hold": "app.cli.hold:hold_commands",
    "inbox": "app.cli.inbox:inbox_commands",
    "keys": "app.cli.keys:key_commands",
    "law": "app.cli.law:law_commands",
    "letter": "app.cli.letter:letter_commands",
    "loan": "app.cli.loan:loan_commands",
    "ops": "app.cli.ops:ops_commands",
    "payments": "app.cli.payments:payment_commands",
    "policy": "app.cli.policy:policy_commands",
    "reasons": "app.cli.reasons:reason_commands",
    "rehearse": "app.cli.rehearse:rehearse_command",
    "sandbox": "app.cli.sandbox:sandbox_commands",
    "staff": "app.cli.staff:staff_commands",
    "task": "app.cli.task:task_commands",
    "template": "app.cli.template:template_commands",
    "webhook": "app.cli.webhook:webhook_commands",
    "transfer": "app.cli.transfer:transfer_commands",
    "why": "app.cli.why:why_command",
}


class Nouns(AppGroup):
    """The nouns as commands, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the nouns, and whatever an extension has added."""
        return sorted({*super().list_commands(ctx), *NOUNS})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the noun's group."""
        if name not in NOUNS:
            return super().get_command(ctx, name)
        group: click.Command = import_string(NOUNS[name])
        return group


def register_commands(app: Flask) -> None:
    """Give the app its commands; before any extension adds its own."""
    app.cli = Nouns(app.name)
