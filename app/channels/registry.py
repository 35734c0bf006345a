"""Which channels this installation has: one that is not configured is absent, and its messages say so."""

from pathlib import Path
from urllib.parse import urlsplit

from app.channels.base import Channel
from app.channels.http_transport import PooledTransport
from app.channels.sms import GatewaySms


def build_channels(
    *,
    fcm_base_url: str,
    fcm_credentials_file: Path | None = None,
    sms_url: str | None = None,
    sms_key: str | None = None,
    threads: int = 32,
) -> dict[str, Channel]:
    """Return channel name -> adapter. Close each when done. Raises ValueError for a credentials file that is not one."""
    channels: dict[str, Channel] = {}
    if fcm_credentials_file is not None:
        channels["push"] = _push(fcm_base_url, fcm_credentials_file, threads)
    if sms_url:
        channels["sms"] = _sms(sms_url, sms_key or "", threads)
    return channels


def _push(base_url: str, credentials_file: Path, threads: int) -> Channel:
    # firebase-admin takes most of a second to load; installations and commands without push do not pay for it.
    from app.channels.push import FcmPush  # noqa: PLC0415
    from app.channels.push_credentials import ServiceAccount  # noqa: PLC0415

    return FcmPush(ServiceAccount(credentials_file), PooledTransport(base_url, threads=threads))


def _sms(url: str, key: str, threads: int) -> Channel:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return GatewaySms(key, PooledTransport(f"{parts.scheme}://{parts.netloc}", threads=min(threads, 8)), path=path)
