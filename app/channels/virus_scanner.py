"""A scanner for viruses: ClamAV's clamd by its INSTREAM command, over a Unix socket or TCP.

Source: clamd(8): chunks of a length in network order, ended by one of length 0; answered "stream: OK" or "... FOUND".
"""

import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.domain.attachments import ScannerError

_CHUNK = 64 * 1024
_LONGEST_ANSWER = 4096
_SECONDS = 20.0
_FOUND = re.compile(r"stream: (.{1,200}) FOUND")


@dataclass(frozen=True, slots=True)
class Clamd:
    """One clamd: unix:///path/of/socket or tcp://host:port."""

    address: str

    def scan(self, content: bytes) -> str | None:
        """Return the name of what was found, or None for a clean file. Raises ScannerError."""
        try:
            with self._connect() as connection:
                connection.sendall(b"zINSTREAM\0")
                for start in range(0, len(content), _CHUNK):
                    part = content[start : start + _CHUNK]
                    connection.sendall(len(part).to_bytes(4) + part)
                connection.sendall(bytes(4))
                answer = self._read(connection)
        except OSError as error:
            raise ScannerError(f"The scanner does not answer: {type(error).__name__}.") from None
        if answer == "stream: OK":
            return None
        found = _FOUND.fullmatch(answer)
        if found is None:
            raise ScannerError("The scanner said nothing that is known; its stream limit may be below 10 MiB.")
        return found[1]

    def _connect(self) -> socket.socket:
        to = urlsplit(self.address)
        if to.scheme == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(_SECONDS)
            connection.connect(to.path)
            return connection
        return socket.create_connection((to.hostname or "", to.port or 3310), timeout=_SECONDS)

    def _read(self, connection: socket.socket) -> str:
        answer = b""
        while b"\0" not in answer and len(answer) < _LONGEST_ANSWER:
            part = connection.recv(_LONGEST_ANSWER)
            if not part:
                break
            answer += part
        return answer.partition(b"\0")[0].decode(errors="replace").strip()
