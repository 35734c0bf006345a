"""What the public reads of bulletins: those that are published, as they were frozen, and what was put right since."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from app.persistence.queries.bulletins import find_corrections, get_published
from app.wording.bulletin_pdf import PublishedDocument, bulletin_pdf


@dataclass(frozen=True, slots=True)
class Published:
    """A published bulletin. `corrections`: id, published_at and note of those that put it right."""

    id: str
    text: str
    """The document exactly as the hash is of it."""
    document: Mapping[str, Any]
    sha256: str
    signature: str | None
    published_at: datetime
    corrections: Sequence[Mapping[str, Any]]


def read_published(reads: Connection, bulletin_id: str) -> Published:
    """Return a published bulletin. Raises NotFoundError."""
    row = get_published(reads, bulletin_id)
    corrections = [dict(each._mapping) for each in find_corrections(reads, bulletin_id)]
    return Published(
        row.id, row.document, json.loads(row.document), row.sha256, row.signature, row.published_at, corrections
    )


def pdf_of(published: Published, locale: str) -> bytes:
    """Return a published bulletin as PDF; what is frozen is set once for each process and locale."""
    return _set_once(published.text, published.sha256, published.signature, locale)


@lru_cache(maxsize=16)
def _set_once(text: str, sha256: str, signature: str | None, locale: str) -> bytes:
    return bulletin_pdf(PublishedDocument(json.loads(text), sha256, signature, locale))
