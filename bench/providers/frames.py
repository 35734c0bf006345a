"""A push provider that is quicker than any client: HTTP/2 frames answered without a look at their heads, over TLS.

Hypercorn takes a few thousand requests a second; what a client can do beyond that is measured against this one.
Run by bench.push: python -m bench.providers.frames PORT CERTIFICATE KEY CORE DELAY_MS
"""

import asyncio
import os
import ssl
import struct
import sys
from typing import cast

BODY = b'{"name":"projects/bench/messages/0:1500415314455276%31bd1c9631bd1c96"}'
_PREFACE_BYTES = 24
_DATA, _HEADERS, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 4, 6, 8
_END_STREAM = _ACK = 1
_END_HEADERS = 4
_WINDOW = 1 << 29


def frame(kind: int, flags: int, stream: bytes, payload: bytes) -> bytes:
    """Return one frame. Source: RFC 9113 §4.1."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream + payload


def literal(name: bytes, value: bytes) -> bytes:
    """Return a field that is not indexed. Source: RFC 7541 §6.2.2."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


_HEAD = b"\x88" + literal(b"content-type", b"application/json; charset=UTF-8")  # :status 200 is in the static table
_CONNECTION = bytes(4)


class Provider(asyncio.Protocol):
    """One connection."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self._buffer = b""
        self._read_bytes = 0
        self._skip = _PREFACE_BYTES
        self._transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Allow a hundred streams and all the bytes there may be."""
        self._transport = cast(asyncio.Transport, transport)
        settings = struct.pack(">HIHI", 3, 100, 4, _WINDOW)
        self._transport.write(frame(_SETTINGS, 0, _CONNECTION, settings))
        self._transport.write(frame(_WINDOW_UPDATE, 0, _CONNECTION, struct.pack(">I", _WINDOW)))

    def data_received(self, data: bytes) -> None:
        """Answer every stream that ended."""
        buffer = self._buffer + data
        if len(buffer) < self._skip:
            self._buffer = buffer
            return
        at, self._skip = self._skip, 0
        ended: list[bytes] = []
        while len(buffer) - at >= 9:
            size = int.from_bytes(buffer[at : at + 3], "big")
            if len(buffer) - at - 9 < size:
                break
            kind, flags, stream = buffer[at + 3], buffer[at + 4], buffer[at + 5 : at + 9]
            payload = buffer[at + 9 : at + 9 + size]
            at += 9 + size
            if kind in (_DATA, _HEADERS):
                self._read_bytes += size
                if flags & _END_STREAM:
                    ended.append(stream)
            elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                self._transport.write(frame(kind, _ACK, _CONNECTION, payload if kind == _PING else b""))
        self._buffer = buffer[at:]
        if self._read_bytes > _WINDOW // 4:
            self._transport.write(frame(_WINDOW_UPDATE, 0, _CONNECTION, struct.pack(">I", self._read_bytes)))
            self._read_bytes = 0
        if ended:
            answers = b"".join(
                frame(_HEADERS, _END_HEADERS, stream, _HEAD) + frame(_DATA, _END_STREAM, stream, BODY) for stream in ended
            )
            if self._delay_seconds:
                asyncio.get_running_loop().call_later(self._delay_seconds, self._transport.write, answers)
            else:
                self._transport.write(answers)


async def serve(port: int, context: ssl.SSLContext, delay_seconds: float) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(delay_seconds), "127.0.0.1", port, ssl=context)
    await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    port, certificate, key, core, delay_ms = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    asyncio.run(serve(int(port), context, int(delay_ms) / 1000))


if __name__ == "__main__":
    main()
