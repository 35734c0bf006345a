"""Asking WeChat whose the codes are that came back by links. Who that is waits for the borrower's yes.

Only the engine talks to providers.

A code is good once, so it is taken off its row before it is asked about: an engine that dies in between loses the link, and
the borrower makes another. One that was surely not used up goes back.
"""

from datetime import datetime, timedelta
from typing import Protocol

from app.channels.wechat.oauth import Exchanged
from app.logs import logger
from app.persistence.queries.endpoint_links import exists_code, mark_unknown, put_address, put_code_back, take_codes
from app.persistence.unit_of_work import Work, close_session, looking, unit_of_work
from app.services.wechat_accounts import CHANNEL, address_place, code_place

BATCH = 20
CODE_LIFE = timedelta(minutes=5)
"""Of a code, by the platform; after that there is nothing to ask."""


class Exchange(Protocol):
    """Who can say whose a code is."""

    def openid_of(self, code: str) -> Exchanged:
        """Return whose it is."""
        ...


def exchange_links(exchange: Exchange, *, now: datetime) -> int:
    """Ask about the codes that wait, up to a batch; return how many were looked at."""
    with looking() as session:
        if not exists_code(session, CHANNEL):
            return 0
    with unit_of_work() as work:
        taken = _take(work, now)
    close_session()
    for token_hash, borrower_id, code in taken:
        try:
            _exchange(exchange, token_hash, borrower_id, code)
        except Exception:
            logger().exception("a WeChat code was not looked up", borrower_id=borrower_id)
    return len(taken)


def _take(work: Work, now: datetime) -> list[tuple[str, str, str]]:
    taken: list[tuple[str, str, str]] = []
    for row in take_codes(work.session, CHANNEL, limit=BATCH):
        sealed, row.code_sealed = row.code_sealed, None
        try:
            code = work.vault.open(sealed, place=code_place(row.token_hash)) or ""
        except ValueError:  # sealed with a key we lack: it must not hold up the others
            logger().exception("a WeChat code does not open", borrower_id=row.borrower_id)
            code = ""
        if code and row.used_at is not None and now < row.used_at + CODE_LIFE:
            taken.append((row.token_hash, row.borrower_id, code))
        else:
            mark_unknown(work.session, row.token_hash)
    return taken


def _exchange(exchange: Exchange, token_hash: str, borrower_id: str, code: str) -> None:
    from_platform = exchange.openid_of(code)
    if from_platform.openid is not None:
        with unit_of_work() as work:
            sealed = work.vault.seal(from_platform.openid, place=address_place(token_hash)) or b""
            put_address(work.session, token_hash, sealed)
    elif from_platform.may_ask_again:
        with unit_of_work() as work:
            put_code_back(work.session, token_hash, work.vault.seal(code, place=code_place(token_hash)) or b"")
    else:
        with unit_of_work() as work:
            mark_unknown(work.session, token_hash)
        logger().warning("WeChat does not say whose a code is", borrower_id=borrower_id, raw_code=from_platform.raw_code)
