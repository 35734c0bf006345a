"""Small files that are what they say, and some that are not."""

import hashlib
import struct
import zlib
from io import BytesIO
from typing import Any
from zipfile import ZipFile

PDF = b"%PDF-1.4\n1 0 obj <</Type/Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0" + bytes(range(64)) + b"\xff\xd9"
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


def a_png() -> bytes:
    """A picture of one dot."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    dots = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + dots + chunk(b"IEND", b"")


PNG = a_png()


def a_zip(comment: bytes = b"") -> bytes:
    """An archive of one file."""
    kept = BytesIO()
    with ZipFile(kept, "w") as archive:
        archive.writestr("evil.class", "not a picture")
        archive.comment = comment
    return kept.getvalue()


def announced(content: bytes, media_type: str = "application/pdf", **changes: Any) -> dict[str, Any]:
    """What the app says of a file before it uploads it."""
    given = {"purpose": "dispute", "media_type": media_type, "size_bytes": len(content),
             "sha256": hashlib.sha256(content).hexdigest(), "file_name": "receipt.pdf"}  # fmt: skip
    return {**given, **changes}
