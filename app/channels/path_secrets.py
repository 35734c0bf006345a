"""Providers that sign nothing: their callbacks come to an address that only they were told."""

import hmac
from collections.abc import Mapping
from typing import Any

from app.channels.callbacks import CallbackRequest, ForgedError


def check_path_secret(request: CallbackRequest, settings: Mapping[str, Any]) -> None:
    """Raise ForgedError unless the last part of the path is `settings["callback_secret"]`, which must be set."""
    secret = str(settings.get("callback_secret") or "")
    if not secret or not hmac.compare_digest(request.path_secret.encode(), secret.encode()):
        raise ForgedError("The address has no secret, or another one.")
