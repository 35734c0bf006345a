"""Postal addresses that letters came back from: kept as unusable until the borrower has another one."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from app.persistence.ids import new_id
from app.persistence.queries.borrowers import mark_replaced
from app.persistence.queries.letters import find_address, find_dead_addresses, put_dead_address
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault


def retire_address(work: Work, borrower_id: str, *, reason: str, now: datetime) -> None:
    """Keep that letters to a borrower's present address do not arrive. The caller has touched the agenda."""
    address = work.vault.open(find_address(work.session, borrower_id), place=f"borrowers.address:{borrower_id}")
    if address is None:
        return
    endpoint_id = new_id()
    put_dead_address(
        work.session,
        {
            "id": endpoint_id,
            "borrower_id": borrower_id,
            "channel": "letter",
            "address_kind": "postal",
            "address_sealed": work.vault.seal(address, place=f"endpoints.address:{endpoint_id}"),
            "address_digest": address_digest(work.vault, json.loads(address)),
            "state": "invalid",
            "reason": reason,
            "changed_at": now,
        },
    )


def let_go_of_addresses(work: Work, addresses: Mapping[str, Sequence[str]]) -> None:
    """An address that letters came back from says nothing of the one that took its place. `addresses`: by borrower."""
    dead = find_dead_addresses(work.session, list(addresses))
    gone = [each.id for each in dead if each.address_digest != address_digest(work.vault, addresses[each.borrower_id])]
    mark_replaced(work.session, gone)


def address_digest(vault: Vault, lines: Sequence[str]) -> str:
    """Return the keyed hash that a postal address is known by."""
    return vault.search_hash("endpoint", json.dumps(list(lines), ensure_ascii=False)).digest
