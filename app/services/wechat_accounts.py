"""Whose WeChat is whose: links to bind by, the binding itself, and what the platform tells of a bound account.

What opens a link is bound once the borrower has said yes (`wechat_confirmations`); till then it is no endpoint. An openid
belongs to the borrower who bound it last; on another borrower's account it is retired in the same transaction, with the
consents given by it. Callers of the functions that take `work` hold no agenda row yet: these take it.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from app.domain.deliveries import EndpointEvent
from app.domain.wechat_links import (
    AUTHORIZE_URL,
    CONFIRM_LIFE,
    LAPSED,
    LINK_LIFE,
    PENDING,
    REFUSED,
    SUPERSEDED,
    authorize_url,
    check_code,
    scene_of,
    standing,
)
from app.persistence.ids import new_id
from app.persistence.models.devices import REPLACED, EndpointRow
from app.persistence.queries import endpoint_links as links
from app.persistence.queries import subscription_credits as credit_queries
from app.persistence.queries import wechat_accounts as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work, unit_of_work
from app.persistence.vault import token_hash
from app.services import agenda, limits, reminders, subscription_credits

CHANNEL = "wechat"
LINKS = limits.Limit("wechat.links", 20, timedelta(hours=1))
FOLLOWS, LEFT = "FOLLOWS", "USER_BLOCKED"
"""Reasons of a state that the platform told; both carry its own instant, so that late news do not undo newer ones."""


@dataclass(frozen=True, slots=True)
class Link:
    """A way to bind, good once until `expires_at`. The token in it is a credential: it is shown once and kept as a hash."""

    url: str = field(repr=False)
    scene: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """A WeChat account that opened a link, until `confirm_until` (exclusive). `is_ready`: it can be confirmed."""

    check_code: str
    opened_at: datetime
    confirm_until: datetime
    is_ready: bool


@dataclass(frozen=True, slots=True)
class ShownAccount:
    """What a borrower sees of their WeChat. `state`: unbound, waiting, pending, active, blocked, or another endpoint's.

    Where an account is bound, `state` and `since` are that one's, also while another waits for its yes.
    """

    state: str
    since: datetime | None
    pending: Pending | None
    link_expires_at: datetime | None
    templates: tuple[Mapping[str, Any], ...]


def make_link(
    borrower_id: str, *, app_id: str, redirect_uri: str, now: datetime, authorize_base: str = AUTHORIZE_URL
) -> Link:
    """Make a link for this borrower; those made before are good no more, opened or not. Raises RateLimitedError."""
    token = secrets.token_hex(28)
    until = now + LINK_LIFE
    with unit_of_work() as work:
        limits.count(work, LINKS, borrower_id, now=now)
        links.add_link(work.session, borrower_id, CHANNEL, token_hash=token_hash(token), now=now, until=until)
        _end_opened(work, borrower_id, SUPERSEDED, now)
    return Link(authorize_url(app_id, redirect_uri, token, base=authorize_base), scene_of(token), until)


def keep_code(token: str, code: str, *, now: datetime) -> str | None:
    """Keep the code that came back by a link, for the engine to ask whose it is.

    Return the number to compare, or None: the link was not good, or another had opened it.
    """
    hashed, number = token_hash(token), check_code(token, code)
    with unit_of_work() as work:
        sealed = work.vault.seal(code, place=code_place(hashed))
        borrower_id = links.open_link(work.session, hashed, CHANNEL, now=now, check_code=number, code_sealed=sealed)
        if borrower_id is None:
            return None
        _audit_opened(work, borrower_id, "link", now)
    return number


def code_place(hashed: str) -> str:
    """Return where a link's code is sealed."""
    return f"endpoint_links.code:{hashed}"


def address_place(hashed: str) -> str:
    """Return where the openid that opened a link is sealed."""
    return f"endpoint_links.address:{hashed}"


def bind(work: Work, borrower_id: str, openid: str, *, now: datetime) -> None:
    """Make this openid the borrower's, and only theirs."""
    queries.lock_bindings(work.session)
    digests = _digests(work, openid)
    others = {row.borrower_id for row in queries.find_holders(work.session, digests)} - {borrower_id}
    agenda.touch(work, [borrower_id, *others], now=now)
    for other in sorted(others):
        queries.mark_replaced(work.session, other, but=None, reason="TARGET_MOVED", now=now)
        subscription_credits.forget(work, other)
        add_audit(work.session, at=now, actor=f"borrower:{borrower_id}", action="wechat.moved", borrower_id=other)
    account = queries.find_account(work.session, borrower_id, digests)
    if account is None or account.state == REPLACED:
        subscription_credits.forget(work, borrower_id)
    if account is None:
        account = EndpointRow(id=new_id(), borrower_id=borrower_id, channel=CHANNEL, address_kind="openid")
        account.address_sealed = work.vault.seal(openid, place=f"endpoints.address:{account.id}") or b""
        account.address_digest = digests[0]
        work.session.add(account)
    account.state, account.reason, account.changed_at = "active", None, now
    work.session.flush()
    queries.mark_replaced(work.session, borrower_id, but=account.id, reason="TARGET_REPLACED", now=now)
    add_audit(work.session, at=now, actor=f"borrower:{borrower_id}", action="wechat.bound", borrower_id=borrower_id)
    reminders.review(work, [borrower_id, *sorted(others)], now=now)


def unbind(borrower_id: str, *, now: datetime) -> None:
    """Forget the borrower's WeChat, and one that waits: nothing is sent there any more. Unbound already: nothing happens."""
    with unit_of_work() as work:
        _end_opened(work, borrower_id, REFUSED, now)  # before the agenda row, as whoever confirms takes them
        agenda.touch(work, [borrower_id], now=now)
        if queries.mark_replaced(work.session, borrower_id, but=None, reason="UNBOUND", now=now):
            subscription_credits.forget(work, borrower_id)
            actor = f"borrower:{borrower_id}"
            add_audit(work.session, at=now, actor=actor, action="wechat.unbound", borrower_id=borrower_id)
        reminders.review(work, [borrower_id], now=now)


def shown_account(reads: Connection, borrower_id: str, *, now: datetime) -> ShownAccount:
    """Return what the borrower sees of their WeChat."""
    binding = queries.find_binding(reads, borrower_id)
    opened = links.find_opened(reads, borrower_id, CHANNEL)
    stands = standing(opened.used_at, None, is_known=opened.is_known, now=now) if opened else LAPSED
    pending = None
    if opened is not None and stands != LAPSED:
        until = opened.used_at + CONFIRM_LIFE
        pending = Pending(opened.check_code, opened.used_at, until, is_ready=stands == PENDING)
    state = binding.state if binding else stands if pending else "unbound"
    templates = tuple(
        {
            "template_id": row.code,
            "kind": row.template,
            "locale": row.locale,
            "credits": 0 if row.is_refused else row.credits or 0,
            "is_refused": bool(row.is_refused),
        }
        for row in (credit_queries.find_askable(reads, borrower_id) if binding else ())
    )
    return ShownAccount(
        state,
        binding.changed_at if binding else None,
        pending,
        links.find_unopened(reads, borrower_id, CHANNEL, now=now),
        templates,
    )


def apply_event(work: Work, event: EndpointEvent, *, now: datetime) -> str:
    """Apply what the platform told of an openid; return applied, no_change or ignored (nobody has bound it).

    Only for what is proven to be the platform's, and once per event: consents are counted.
    """
    if event.kind == "link":
        return _open_by_scene(work, event, now)
    holder = next(iter(queries.find_holders(work.session, _digests(work, event.address))), None)
    if holder is None:
        return "ignored"
    act = _ACTS.get(event.kind)
    if act is None:
        return "ignored"
    agenda.touch(work, [holder.borrower_id], now=now)
    work.session.refresh(holder)  # it may have moved while we waited for the agenda row
    if holder.state == REPLACED:
        return "ignored"
    changed = act(work, holder, event, now)
    work.session.flush()
    if changed:
        reminders.review(work, [holder.borrower_id], now=now)
    return "applied" if changed else "no_change"


def _open_by_scene(work: Work, event: EndpointEvent, now: datetime) -> str:
    token = event.detail.get("token", "")
    hashed, number = token_hash(token), check_code(token, event.address)
    sealed = work.vault.seal(event.address, place=address_place(hashed))
    borrower_id = links.open_link(work.session, hashed, CHANNEL, now=now, check_code=number, address_sealed=sealed)
    if borrower_id is None:
        return "no_change"
    _audit_opened(work, borrower_id, "scene", now)
    return "applied"


def _audit_opened(work: Work, borrower_id: str, by: str, now: datetime) -> None:
    """Keep that a link was opened; by whom is not known."""
    facts = {"by": by}
    add_audit(work.session, at=now, actor="provider", action="wechat.opened", borrower_id=borrower_id, facts=facts)


def _end_opened(work: Work, borrower_id: str, ended_as: str, now: datetime) -> None:
    since = now - CONFIRM_LIFE
    if links.end_opened(work.session, borrower_id, CHANNEL, opened_since=since, ended_as=ended_as):
        actor = f"borrower:{borrower_id}"
        add_audit(work.session, at=now, actor=actor, action=f"wechat.{ended_as}", borrower_id=borrower_id)


def _leave(_work: Work, holder: EndpointRow, event: EndpointEvent, now: datetime) -> bool:
    return _tell(holder, event, now, state="blocked", reason=LEFT, unless="blocked")


def _follow(_work: Work, holder: EndpointRow, event: EndpointEvent, now: datetime) -> bool:
    return _tell(holder, event, now, state="active", reason=FOLLOWS, unless="active")


def _tell(holder: EndpointRow, event: EndpointEvent, now: datetime, *, state: str, reason: str, unless: str) -> bool:
    at = event.at or now
    if holder.reason in (FOLLOWS, LEFT) and at < holder.changed_at:
        return False
    changed = holder.state != unless
    holder.state, holder.reason, holder.changed_at = state, reason, at
    return changed


def _accept(work: Work, holder: EndpointRow, event: EndpointEvent, now: datetime) -> bool:
    count = event.detail.get("count", "1")
    amount = int(count) if count.isascii() and count.isdigit() and len(count) < 4 else 1
    subscription_credits.accept(work, holder.borrower_id, event.detail["template"], now=now, count=amount)
    return True


def _refuse(work: Work, holder: EndpointRow, event: EndpointEvent, now: datetime) -> bool:
    forgets = event.detail.get("via") == "settings"
    subscription_credits.refuse(work, holder.borrower_id, event.detail["template"], now=now, forgets=forgets)
    return True


_ACTS: Mapping[str, Callable[[Work, EndpointRow, EndpointEvent, datetime], bool]] = {
    "blocked": _leave,
    "subscribed": _follow,
    "unblocked": _follow,
    "consent_given": _accept,
    "consent_refused": _refuse,
}


def _digests(work: Work, openid: str) -> list[str]:
    return [each.digest for each in work.vault.search_hashes("endpoint", openid)]
