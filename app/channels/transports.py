"""Which transport a provider's requests go over: libcurl where it is installed, else the standard library."""

from app.channels.http_transport import PooledTransport, Transport


def make_transport(
    base_url: str, *, threads: int = 32, connect_seconds: float = 10.0, total_seconds: float = 15.0
) -> Transport:
    """Return a transport to one origin; close it when done. `threads` is for the one without libcurl.

    Raises ValueError for a base URL that is none.
    """
    try:
        from app.channels.curl_transport import CurlTransport  # noqa: PLC0415 libcurl may be missing
    except ImportError:
        return PooledTransport(base_url, threads=threads, connect_seconds=connect_seconds, total_seconds=total_seconds)
    return CurlTransport(base_url, connect_seconds=connect_seconds, total_seconds=total_seconds)
