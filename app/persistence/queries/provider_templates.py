"""Wordings as providers keep them: which of ours a provider has approved, and under which id."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.orm import Session

from app.persistence.models.deliveries import ProviderTemplateRow

_APPROVED = select(
    ProviderTemplateRow.channel,
    ProviderTemplateRow.provider,
    ProviderTemplateRow.template,
    ProviderTemplateRow.locale,
    ProviderTemplateRow.template_version,
    ProviderTemplateRow.code,
    ProviderTemplateRow.fields,
    ProviderTemplateRow.is_one_time,
).where(ProviderTemplateRow.state == "approved")


def find_approved(session: Session, channels: Collection[str]) -> list[Any]:
    """Return every wording that a provider of these channels has approved; there are tens of them."""
    return list(session.execute(_APPROVED.where(ProviderTemplateRow.channel.in_(channels)))) if channels else []


def find_one_time_codes(session: Session) -> dict[str, frozenset[str]]:
    """Return our template -> the provider's ids of it on WeChat, of those that use up a consent with each send."""
    found: dict[str, set[str]] = {}
    statement = select(ProviderTemplateRow.template, ProviderTemplateRow.code).where(
        ProviderTemplateRow.state == "approved", ProviderTemplateRow.channel == "wechat", ProviderTemplateRow.is_one_time
    )
    for template, code in session.execute(statement):
        found.setdefault(template, set()).add(code)
    return {template: frozenset(codes) for template, codes in found.items()}


def find_provider_template(
    session: Session, channel: str, provider: str, template: str, locale: str
) -> ProviderTemplateRow | None:
    """Return one wording as a provider has it, locked."""
    statement = select(ProviderTemplateRow).where(
        ProviderTemplateRow.channel == channel,
        ProviderTemplateRow.provider == provider,
        ProviderTemplateRow.template == template,
        ProviderTemplateRow.locale == locale,
    )
    return session.scalar(statement.with_for_update())


def list_provider_templates(reads: Connection | Session, *, channel: str | None = None) -> list[Any]:
    """Return all of them, or those of one channel, by channel, provider, template, locale; there are tens of them."""
    statement = select(ProviderTemplateRow.__table__).order_by(
        ProviderTemplateRow.channel, ProviderTemplateRow.provider, ProviderTemplateRow.template, ProviderTemplateRow.locale
    )
    return list(reads.execute(statement if channel is None else statement.where(ProviderTemplateRow.channel == channel)))


def page_provider_templates(
    reads: Connection,
    *,
    channel: str | None,
    provider: str | None,
    state: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Any]:
    """Return up to `limit` of them, changed last first, by (changed_at, id)."""
    statement = select(ProviderTemplateRow.__table__).order_by(
        ProviderTemplateRow.changed_at.desc(), ProviderTemplateRow.id.desc()
    )
    for column, wanted in (
        (ProviderTemplateRow.channel, channel),
        (ProviderTemplateRow.provider, provider),
        (ProviderTemplateRow.state, state),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if after is not None:
        statement = statement.where(tuple_(ProviderTemplateRow.changed_at, ProviderTemplateRow.id) < after)
    return list(reads.execute(statement.limit(limit)))
