"""Borrowers as the core knows them: sealed, searchable, and never overwritten by something older.

A put says everything: a field left out is emptied. The borrower's own choices (preferences, devices) live elsewhere and are
not touched by it.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson

from app.domain.book import BORROWER_FLAGS, BorrowerValues, PutResult, check_texts
from app.domain.consents import CONSENT_CHANNELS, CONTACT, ConsentValues, check_consent
from app.domain.errors import ConflictError, DomainError, StaleVersionError, ValidationError
from app.domain.names import folded, han_names, name_tokens
from app.domain.times import zone_named
from app.persistence.ids import new_id
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.queries import borrowers as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.contact_changes import find_held
from app.persistence.unit_of_work import Work
from app.persistence.vault import SearchHash, Vault
from app.services import agenda, reminders
from app.services.consents import take_from_feed
from app.services.contact_feed import settle_feed
from app.services.locales import check_locale, check_territory
from app.services.phones import check_phone, phone_zones

PHONE_LAST_DIGITS = 4
_SEALED = ("name", "phone", "email", "national_id")


def put_borrower(
    work: Work, values: BorrowerValues, *, now: datetime, origin: str, source_version: int | None = None
) -> PutResult:
    """Make the borrower, or bring them up to these values; the same values again change nothing.

    Raises ValidationError; StaleVersionError when `source_version` is older than the one recorded.
    """
    (result,) = put_borrowers(work, [values], now=now, origin=origin, source_version=source_version)
    if isinstance(result, DomainError):
        raise result
    if result.changed:
        reminders.review(work, [result.id], now=now)
    return result


def put_borrowers(
    work: Work,
    batch: Sequence[BorrowerValues],
    *,
    now: datetime,
    origin: str,
    source_version: int | Mapping[str, int] | None = None,
) -> list[PutResult | DomainError]:
    """Put many, each borrower number at most once; each gets its own result or the error that refused it.

    Without a `source_version` the recorded one stays, so that the order of those that have one is kept. A mapping says it
    by borrower number.
    """
    versions = (
        source_version
        if isinstance(source_version, Mapping)
        else dict.fromkeys((values.borrower_no for values in batch), source_version)
    )
    known = queries.find_borrower_ids(work.session, [values.borrower_no for values in batch])
    lock_agenda(work.session, known.values())
    heads = queries.find_heads(work.session, list(known))
    held, standing = find_held(work.session, list(known.values())), set[str]()
    results: list[PutResult | DomainError] = []
    changed: list[tuple[str, BorrowerValues, bool]] = []
    added: list[dict[str, Any]] = []
    updated: list[dict[str, Any]] = []
    for values in batch:
        head, source_version = heads.get(values.borrower_no), versions.get(values.borrower_no)
        content_hash = _content_hash(work.vault, values)
        try:
            check_borrower(values)
            if head is not None and _is_same(head, content_hash, source_version):
                results.append(PutResult(head.id))
                continue
        except DomainError as error:
            results.append(error)
            continue
        borrower_id = head.id if head else new_id()
        if borrower_id in held:
            values, stands = settle_feed(work, held[borrower_id], values, now=now, origin=origin)
            standing |= {borrower_id} if stands else set()
        row = _row(work.vault, borrower_id, values) | {
            "content_hash": content_hash,
            "source_version": source_version if source_version is not None or head is None else head.source_version,
            "version": head.version + 1 if head else 1,
            "updated_at": now,
        }
        if head:
            updated.append(row)
        else:
            added.append(row | {"borrower_no": values.borrower_no, "recorded_at": now})
        changed.append((borrower_id, values, head is None))
        results.append(PutResult(borrower_id, created=head is None, changed=True))
    queries.add_borrowers(work.session, added)
    queries.set_borrowers(work.session, updated)
    in_use = _index(work, changed)
    told = {borrower_id: _consents(values) for borrower_id, values, _ in changed}
    kept = take_from_feed(work, told, now=now, origin=origin)
    agenda.touch(work, [borrower_id for borrower_id, _, _ in changed], now=now)
    return [
        PutResult(r.id, r.created, r.changed, _conflicts(r.id, in_use, kept, standing)) if isinstance(r, PutResult) else r
        for r in results
    ]


def ensure_borrowers(work: Work, borrower_nos: Collection[str], *, now: datetime) -> dict[str, str]:
    """Return the ids of these borrowers; those not known yet are made without contacts."""
    ids = queries.find_borrower_ids(work.session, borrower_nos)
    missing = sorted(set(borrower_nos) - set(ids))
    made = {borrower_no: new_id() for borrower_no in missing}
    queries.add_borrowers(
        work.session,
        [
            {"id": made[no], "borrower_no": no, "recorded_at": now, "updated_at": now, "phone_zones": [], "flags": []}
            for no in missing
        ],
    )
    agenda.touch(work, made.values(), now=now)
    return ids | made


def rewrite_contacts(work: Work, head: BorrowerRow, values: BorrowerValues, *, now: datetime) -> bool:
    """Write another phone, e-mail or address of a borrower that their core did not say; what it sent last stays known.

    Return whether the phone can be signed in with: it is not another's. The caller holds the agenda row.
    """
    check_borrower(values)
    row = _row(work.vault, head.id, values) | {"version": head.version + 1, "updated_at": now}
    queries.set_borrowers(work.session, [row])
    in_use = _index(work, [(head.id, values, False)])
    work.session.expire(head)
    agenda.touch(work, [head.id], now=now)
    return not in_use


def check_borrower(values: BorrowerValues) -> None:
    """Refuse what cannot be true of a borrower. Raises ValidationError, without personal data."""
    check_texts(values)
    if not values.borrower_no.strip():
        raise ValidationError("borrower_no is empty.")
    if values.phone is not None:
        check_phone(values.phone)
    if values.email is not None and ("@" not in values.email[1:-1] or any(c.isspace() for c in values.email)):
        raise ValidationError("email is not an e-mail address.")
    if values.zone is not None:
        zone_named(values.zone)
    if values.locale is not None:
        check_locale(values.locale)
    if values.country is not None:
        check_territory(values.country)
    for flag in values.flags:
        if flag not in BORROWER_FLAGS:
            raise ValidationError(f"flags: {flag!r} is not one of {', '.join(BORROWER_FLAGS)}.")
    for channel in values.consents:
        if channel not in CONSENT_CHANNELS:
            raise ValidationError(f"consents: {channel!r} is not one of {', '.join(CONSENT_CHANNELS)}.")
    for index, consent in enumerate(values.purpose_consents):
        check_consent(consent, pointer=f"/purpose_consents/{index}")


def search_terms(vault: Vault, values: BorrowerValues) -> list[tuple[str, SearchHash]]:
    """Return the (kind, hash) pairs under which the borrower is found."""
    terms: list[tuple[str, str]] = []
    if values.phone:
        terms += [("phone", values.phone), ("phone_last4", values.phone[-PHONE_LAST_DIGITS:])]
    if values.email:
        terms.append(("email", folded(values.email.strip())))
    if values.name:
        terms += [("name_token", token) for token in name_tokens(values.name)]
        terms += [("name_han", han) for han in han_names(values.name)]
    return [(kind, vault.search_hash(kind, value)) for kind, value in terms]


def _is_same(head: queries.BorrowerHead, content_hash: str, source_version: int | None) -> bool:
    """Return whether this was put before. Raises StaleVersionError, ConflictError."""
    if source_version is not None and head.source_version is not None:
        if source_version < head.source_version:
            raise StaleVersionError(
                f"source_version {source_version} is older than {head.source_version}, which is recorded."
            )
        if source_version == head.source_version and content_hash != head.content_hash:
            raise ConflictError(f"source_version {source_version} is recorded with other values; raise it with each change.")
    newer = source_version is not None and source_version != head.source_version
    return content_hash == head.content_hash and not newer


def _content_hash(vault: Vault, values: BorrowerValues) -> str:
    return vault.mac("content", orjson.dumps(asdict(values), option=orjson.OPT_SORT_KEYS).decode())


def _row(vault: Vault, borrower_id: str, values: BorrowerValues) -> dict[str, Any]:
    address = json.dumps(list(values.address_lines), ensure_ascii=False) if values.address_lines else None
    row: dict[str, Any] = {
        f"{name}_sealed": vault.seal(getattr(values, name), place=f"borrowers.{name}:{borrower_id}") for name in _SEALED
    }
    return row | {
        "id": borrower_id,
        "address_sealed": vault.seal(address, place=f"borrowers.address:{borrower_id}"),
        "country": values.country,
        "locale": values.locale,
        "zone": values.zone,
        "phone_zones": phone_zones(values.phone),
        "officer": values.officer,
        "flags": sorted(set(values.flags)),
    }


def _let_go_of_addresses(work: Work, changed: Mapping[str, BorrowerValues]) -> None:
    """An address that was dead says nothing of the one that took its place."""
    kept = {key: _digests(work.vault, values) for key, values in changed.items()}
    known = queries.find_own_endpoints(work.session, list(changed))
    queries.mark_replaced(
        work.session, [each.id for each in known if each.address_digest not in kept[each.borrower_id].get(each.channel, ())]
    )


def _digests(vault: Vault, values: BorrowerValues) -> dict[str, list[str]]:
    """Return channel -> keyed hashes of the address that a message there goes to; as the engine writes it."""
    post = "\n".join(values.address_lines) if values.address_lines else None
    addresses = {"sms": values.phone, "voice": values.phone, "email": values.email, "letter": post}
    return {
        channel: [each.digest for each in vault.search_hashes("endpoint", address)]
        for channel, address in addresses.items()
        if address
    }


def _index(work: Work, changed: Sequence[tuple[str, BorrowerValues, bool]]) -> set[str]:
    """Write search terms and sign-in phones; return the borrowers whose phone another one signs in with."""
    terms = {borrower_id: search_terms(work.vault, values) for borrower_id, values, _ in changed}
    queries.set_search_terms(work.session, terms)
    known = {borrower_id: values for borrower_id, values, created in changed if not created}
    queries.remove_sign_in_phones(work.session, list(known))
    _let_go_of_addresses(work, known)
    phones = {borrower_id: hashes[0] for borrower_id, values, _ in changed if (hashes := _phone_hashes(work.vault, values))}
    every = {h.digest for _, values, _ in changed for h in _phone_hashes(work.vault, values)}
    owners = queries.find_phone_owners(work.session, every)
    free: dict[str, SearchHash] = {}
    in_use: set[str] = set()
    for borrower_id, values, _ in changed:
        digests = [h.digest for h in _phone_hashes(work.vault, values)]
        if not digests:
            continue
        if any(owners.get(digest, borrower_id) != borrower_id for digest in digests):
            in_use.add(borrower_id)
            continue
        free[borrower_id] = phones[borrower_id]
        owners[phones[borrower_id].digest] = borrower_id
    queries.add_sign_in_phones(work.session, free)
    return in_use


def _phone_hashes(vault: Vault, values: BorrowerValues) -> tuple[SearchHash, ...]:
    return vault.search_hashes("phone", values.phone) if values.phone else ()


def _consents(values: BorrowerValues) -> list[ConsentValues]:
    of_channels = [ConsentValues(CONTACT, channel, given) for channel, given in sorted(values.consents.items())]
    return [*of_channels, *values.purpose_consents]


def _conflicts(
    borrower_id: str, in_use: Collection[str], kept: Collection[str], standing: Collection[str]
) -> tuple[str, ...]:
    found = (("phone-in-use", in_use), ("opt-out-kept", kept), ("contact-change-kept", standing))
    return tuple(name for name, borrowers in found if borrower_id in borrowers)
