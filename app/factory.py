"""create_app: binds the database, the clock, the doors and the commands. The only module that knows them all."""

from flask import Flask
from sqlalchemy import Engine

from app import clock, logs
from app.api.doors import open_doors
from app.cli import register_commands
from app.persistence import schema
from app.persistence.db import db, engine_options
from app.persistence.queries.clocks import stored_source
from app.persistence.vault import Vault
from app.web.plumbing import App, init_web
from config import Settings


def create_app(settings: Settings) -> Flask:
    """Return the app for these settings. In sandbox mode an empty database is migrated, so that every command just works."""
    logs.configure(settings.log_level)
    app = App("app")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=1024 * 1024,
        SETTINGS=settings,
    )
    db.init_app(app)
    app.extensions["duecourse.vault"] = Vault(settings.keys)
    with app.app_context():
        engine = db.engine
    clock.use(clock.system_now)
    if settings.is_sandbox:
        _prepare_sandbox(engine)
    open_doors(init_web(app, settings))
    if settings.is_sandbox:
        from app.sandbox.pages import open_sandbox

        open_sandbox(app, settings)
    register_commands(app)
    return app


def _prepare_sandbox(engine: Engine) -> None:
    if schema.is_empty(engine):
        schema.upgrade(engine)
    clock.use(stored_source(engine))
