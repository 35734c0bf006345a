"""create_app: binds the database, the clock, the doors and the commands. The only module that knows them all."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import Engine

from app import clock, logs
from app.channels.object_storage import Bucket, BucketStore
from app.channels.virus_scanner import Clamd
from app.cli import register_commands
from app.domain.webhook_urls import UrlRules
from app.persistence.attachment_files import FolderStore
from app.persistence.db import db, engine_options, is_empty
from app.persistence.queries.clocks import stored_source
from app.persistence.vault import Vault
from app.services import base_rates, pay_links, rule_parts
from app.services.attachment_stores import AttachmentStore, use_parts
from app.wording.letter_texts import use_letterheads
from config import Settings


class App(Flask):
    """Flask without async views: it need not ask of every function whether it is one."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


def create_app(settings: Settings, *, serves: bool = True) -> Flask:
    """Return the app for these settings. In sandbox mode an empty database is migrated, so that every command just works.

    Without `serves` it has no routes: what they are made of is half of the time that a command takes to start.
    """
    logs.configure(settings.log_level)
    app = App("app")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=1024 * 1024,
        SETTINGS=settings,
    )
    register_commands(app)
    db.init_app(app)
    app.extensions["duecourse.vault"] = Vault(settings.keys)
    app.extensions["duecourse.webhook_rules"] = UrlRules(settings.is_sandbox, frozenset(settings.webhook_ports))
    with app.app_context():
        engine = db.engine
    clock.use(clock.system_now)
    base_rates.use_table(settings.lpr_file)
    rule_parts.use_channels(settings.providers, settings.provider_names)
    use_letterheads(settings.letterheads)
    pay_links.use_pages(settings.public_url if settings.payments else None)
    _keep_attachments(settings)
    if settings.is_sandbox:
        _prepare_sandbox(engine)
    if serves:
        _open_doors(app, settings)
    return app


def _keep_attachments(settings: Settings) -> None:
    """Keep what borrowers hand in in the object storage, or without one in a folder; scan it where there is a scanner."""
    store: AttachmentStore = FolderStore(settings.attachments_folder)
    if settings.object_storage:
        given = dict(settings.object_storage)
        store = BucketStore(Bucket(name=given.pop("bucket"), **given))
    use_parts(store, Clamd(settings.clamd) if settings.clamd else None)


def _prepare_sandbox(engine: Engine) -> None:
    if is_empty(engine):
        from app.persistence import schema

        schema.upgrade(engine)
    clock.use(stored_source(engine), machine=clock.system_now)


def _open_doors(app: Flask, settings: Settings) -> None:
    from app.api.doors import open_doors
    from app.channels.payments.registry import build_payments
    from app.console.doors import open_console
    from app.web.plumbing import init_web

    base_rates.fixings()  # a table that cannot be read stops the start, not the first loan
    app.extensions["duecourse.payments"] = build_payments(settings.payments)
    open_doors(app, init_web(app, settings))
    open_console(app, settings)
    if settings.is_sandbox:
        from app.sandbox.pages import open_sandbox

        open_sandbox(app, settings)
