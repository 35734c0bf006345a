"""Ports for the processes of the sandbox, which open them some seconds after they were chosen."""

import os
import socket
from contextlib import suppress
from itertools import islice
from pathlib import Path

from app.domain.errors import RefusedError

HOST = "127.0.0.1"
"""The sandbox shows one-time codes to whoever can open its page: it listens on this machine alone."""
_GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_GIVEN = 32768
"""Where Linux does not say otherwise; other systems begin later."""
_FIRST_FREE = 1024


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that are free now, no two the same, and below those that the system gives by itself.

    One of those could go to any connection that is made meanwhile. Processes that ask at once look at different places.
    Raises RefusedError where there are not so many.
    """
    try:
        end = int(_GIVEN.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        end = _FIRST_GIVEN
    start = max(end - 1 - os.getpid() * 16 % 16_000, _FIRST_FREE + 1000)
    found = list(islice((port for port in range(start, _FIRST_FREE, -1) if _is_free(port)), count))
    if len(found) < count:
        raise RefusedError("There are no free ports.")
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind((HOST, port))
        return True
    return False
