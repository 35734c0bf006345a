"""Wordings that a provider wants registered before it sends them: submitted, approved, rejected, paused.

An approval is for the words as they were: another version of a text needs one of its own. Whoever changes a state raises the
rules' epoch, so that everyone is looked at anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.book import check_text
from app.domain.errors import ConflictError, NotFoundError, ValidationError, refused_at
from app.domain.policies import Templates
from app.persistence.ids import new_id
from app.persistence.models.deliveries import ProviderTemplateRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.policies import lock_rules, raise_rules_epoch
from app.persistence.queries.provider_templates import find_approved, find_provider_template
from app.persistence.unit_of_work import Work
from app.wording.catalogue import shipped, template_infos
from app.wording.provider_wordings import PROVIDER_FIELDS, REGISTERING, field_faults, values_of
from app.wording.template_texts import TemplateText

STATES = ("submitted", "approved", "rejected", "paused")
Key = tuple[str, str, str, str]
"""(channel, provider, template, locale)."""
_MOVES = {
    "approved": ("submitted", "rejected", "paused"),
    "rejected": ("submitted", "approved", "paused"),
    "paused": ("approved",),
}
"""New state -> the states it may follow."""


def register(
    work: Work,
    key: Key,
    *,
    code: str,
    fields: Mapping[str, str],
    by: str,
    now: datetime,
    is_one_time: bool = False,
) -> ProviderTemplateRow:
    """Note that today's words of a text were submitted to a provider under its id `code`; the newest submission counts.

    `fields`: the provider's name of each field -> our variable, or title or body. Raises ValidationError (also for a
    field that cannot hold our values), NotFoundError.
    """
    text = _wording(key)
    check_text("code", code, 120)
    allowed = values_of(text) | PROVIDER_FIELDS
    if unknown := sorted(set(fields.values()) - allowed):
        raise refused_at("/fields", f"The text has no {', '.join(unknown)}; there are: {', '.join(sorted(allowed))}.")
    if faults := field_faults(text, key[1], fields):
        raise ValidationError(" ".join(each.detail for each in faults), errors=faults)
    lock_rules(work.session)
    row = find_provider_template(work.session, *key)
    if row is None:
        channel, provider, template, locale = key
        row = ProviderTemplateRow(id=new_id(), channel=channel, provider=provider, template=template, locale=locale)
        work.session.add(row)
    row.template_version, row.code, row.fields, row.is_one_time = text.version, code, dict(fields), is_one_time
    _set(work, row, "submitted", None, by, now)
    return row


def mark(work: Work, key: Key, state: str, *, by: str, now: datetime, reason: str | None = None) -> bool:
    """Note what a provider says of a wording: approved, rejected, paused; return whether that was new.

    Raises NotFoundError for one nobody registered, ConflictError for words that have changed since and for a move that
    cannot be, ValidationError.
    """
    if state not in _MOVES:
        raise refused_at("/state", f"state is not one of {', '.join(_MOVES)}.")
    if reason is not None:
        check_text("reason", reason, 200)
    lock_rules(work.session)
    row = find_provider_template(work.session, *key)
    if row is None:
        raise NotFoundError(f"{_named(key)} was never registered.")
    if row.state == state:
        return False
    if row.state not in _MOVES[state]:
        raise ConflictError(f"{_named(key)} is {row.state} and cannot be {state}.")
    if state == "approved" and row.template_version != _wording(key).version:
        raise ConflictError(
            f"{_named(key)} was submitted as version {row.template_version}, and the text is version "
            f"{_wording(key).version} now: submit it anew."
        )
    _set(work, row, state, reason, by, now)
    return True


def approved_templates(session: Session, channels: Iterable[str]) -> frozenset[tuple[str, str, str, str, int]]:
    """Return (channel, provider, template, language, version of our text) of all that are approved on these channels."""
    return frozenset(
        (row.channel, row.provider, row.template, _language(row.locale), row.template_version)
        for row in find_approved(session, frozenset(channels))
    )


def usable_templates(session: Session, providers: Mapping[str, Sequence[str]]) -> Templates:
    """Return what is known of every wording, with those not approved that no configured provider would send.

    `providers`: channel -> its configured providers. A channel with one that wants nothing registered can send any text.
    """
    strict = {
        channel for channel, names in providers.items() if names and all((channel, each) in REGISTERING for each in names)
    }
    if not strict:
        return template_infos()
    approved = approved_templates(session, strict)
    found = {key: dict(infos) for key, infos in template_infos().items()}
    for (template, channel), infos in found.items():
        for locale, info in infos.items() if channel in strict else ():
            version = shipped().text(template, channel, locale).version
            entries = ((channel, each, template, _language(locale), version) for each in providers[channel])
            if not any(entry in approved for entry in entries):
                infos[locale] = replace(info, is_approved=False)
    return found


def takes_free_text(channel: str, providers: Sequence[str]) -> bool:
    """Return whether a provider of a channel sends what it has not registered. `providers`: those configured."""
    return not providers or any((channel, each) not in REGISTERING for each in providers)


def current_version(template: str, channel: str, locale: str) -> int | None:
    """Return the version of our words now, or None where there is no such text any more."""
    try:
        text = shipped().text(template, channel, locale)
    except KeyError:
        return None
    return text.version if text.locale == locale else None


WHY_NOT = ("not_approved", "older_words", "no_such_text", "unfit_text", "no_such_provider")
"""Why a wording cannot be used now."""


def why_not_usable(row: Any, providers: Sequence[str]) -> str | None:
    """Return why nothing is sent by a registered wording now, of `WHY_NOT`; None: it can be used.

    `providers`: those that this installation has for its channel.
    """
    version = current_version(row.template, row.channel, row.locale)
    if version is None:
        return "no_such_text"
    if row.provider not in providers:
        return "no_such_provider"
    if row.state != "approved":
        return "not_approved"
    if row.template_version != version:
        return "older_words"
    info = template_infos()[row.template, row.channel][row.locale]
    return "unfit_text" if info.unfit or not info.is_approved else None


def _wording(key: Key) -> TemplateText:
    channel, provider, template, locale = key
    if (channel, provider) not in REGISTERING:
        known = ", ".join(sorted(f"{each} {name}" for each, name in REGISTERING))
        raise refused_at("/provider", f"{channel} {provider} wants no wording registered; these do: {known}.")
    try:
        text = shipped().text(template, channel, locale)
    except KeyError:
        raise NotFoundError(f"There is no text {template} for {channel}.") from None
    if text.locale != locale:
        raise NotFoundError(f"There is no text {template} for {channel} in {locale}.")
    return text


def _set(work: Work, row: ProviderTemplateRow, state: str, reason: str | None, by: str, now: datetime) -> None:
    row.state, row.reason, row.by, row.changed_at = state, reason, by[:80], now
    work.session.flush()
    raise_rules_epoch(work.session)
    facts = {
        "channel": row.channel, "provider": row.provider, "template": row.template, "locale": row.locale,
        "version": row.template_version, "code": row.code,
    }  # fmt: skip
    add_audit(work.session, at=now, actor=by, action=f"provider_template.{state}", borrower_id=None, facts=facts)


def _named(key: Key) -> str:
    channel, provider, template, locale = key
    return f"{template} in {locale} for {channel} at {provider}"


def _language(locale: str) -> str:
    return locale.replace("_", "-").split("-")[0].lower()
