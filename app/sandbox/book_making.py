"""The sandbox's book when it starts: migrated, filled once, and made anew where the first making was broken off."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine

from app import clock, logs
from app.domain.errors import RefusedError
from app.persistence import schema
from app.persistence.db import session
from app.persistence.queries.lenders import find_lenders
from app.persistence.unit_of_work import close_session
from app.sandbox import sample_book
from app.sandbox.sample_addresses import open_wechat

UNFINISHED = "sample-book-unfinished"
"""A file of the sandbox's folder that names the database while the book is made: it takes many commits, so that who ends
the sandbox meanwhile leaves half a book, which looks like a whole one."""
Say = Callable[[str], None]


def prepare_book(engine: Engine, var_dir: Path, say: Say) -> None:
    """Bring the schema up to date, fill an empty database with the sample book, and register it with WeChat.

    Raises RefusedError where half a book cannot be thrown away here.
    """
    unfinished = var_dir / UNFINISHED
    _throw_half_a_book_away(engine, unfinished, say)
    if not schema.is_at_head(engine):
        say("Migrating the database ...")
        schema.upgrade(engine)
    is_filled = bool(find_lenders(session()))
    close_session()
    if not is_filled:
        say("Making the sample book ...")
        unfinished.write_text(_name_of(engine), encoding="utf-8")
        with logs.silenced():
            counts = sample_book.fill(now=clock.now())
        close_session()
        unfinished.unlink()
        say(", ".join(f"{count} {noun}" for noun, count in counts.items()) + ".")
    open_wechat(now=clock.now())
    close_session()


def _throw_half_a_book_away(engine: Engine, unfinished: Path, say: Say) -> None:
    if not unfinished.exists() or unfinished.read_text(encoding="utf-8") != _name_of(engine):
        return
    if engine.dialect.name != "sqlite":
        raise RefusedError(
            f"The sample book in {_name_of(engine)} was not made to its end. "
            f"Drop that database and create it again, delete {unfinished}, and start once more."
        )
    say("The sample book was not made to its end last time; it is made anew.")
    close_session()
    engine.dispose()
    for ending in ("", "-wal", "-shm"):
        Path(f"{engine.url.database}{ending}").unlink(missing_ok=True)
    unfinished.unlink()


def _name_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
