"""Ids are UUIDv7 text (RFC 9562): they sort by the time they were made."""

import uuid_utils


def new_id() -> str:
    """Return a new id, 36 characters, lower case."""
    return str(uuid_utils.uuid7())
