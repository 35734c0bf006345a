"""WeChat's encrypted mode: AES-256-CBC around a message, and the signature that covers it.

msg_encrypt = base64(AES(16 random bytes, length of the message in 4 bytes big-endian, message, AppID)), padded as PKCS#7 to
blocks of 32 bytes; key = base64 of the 43 characters of EncodingAESKey and "="; IV = its first 16 bytes. The signature is
SHA-1 over the sorted token, timestamp, nonce (and msg_encrypt). Source: platform documentation, "Message encryption and
decryption"; its sample is in the tests.
"""

import base64
import binascii
import hashlib
import hmac
import os
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK_BYTES = 32
_RANDOM_BYTES = 16


class NotOursError(ValueError):
    """It does not open under this key, or was meant for another account."""


def signature(*parts: str) -> str:
    """Return SHA-1 in hex over the parts, sorted and joined."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - the platform's own choice


def is_signed(given: str, *parts: str) -> bool:
    """Return whether `given` is the signature of these parts, in a time that tells nothing about it."""
    return hmac.compare_digest(given.encode(), signature(*parts).encode())


@dataclass(frozen=True, slots=True)
class MessageKey:
    """One EncodingAESKey of one account."""

    app_id: str
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, app_id: str, encoding_aes_key: str) -> "MessageKey":
        """Return the key as the console shows it: 43 characters. Raises ValueError for another length."""
        try:
            key = base64.b64decode(encoding_aes_key + "=", validate=False)
        except binascii.Error:
            key = b""
        if len(encoding_aes_key) != 43 or len(key) != 32:
            raise ValueError("EncodingAESKey has 43 characters.")
        return cls(app_id, key)

    def open(self, encrypted: str) -> bytes:
        """Return the message inside. Raises NotOursError; call it only for what is signed."""
        try:
            sealed = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError):
            raise NotOursError("Not base64.") from None
        if not sealed or len(sealed) % 16:
            raise NotOursError("Not whole blocks.")
        decryptor = self._cipher().decryptor()
        padded = decryptor.update(sealed) + decryptor.finalize()
        padding = padded[-1]
        if not 1 <= padding <= _BLOCK_BYTES or padded[-padding:] != bytes([padding]) * padding:
            raise NotOursError("Another key, or changed.")
        plain = padded[_RANDOM_BYTES:-padding]
        if len(plain) < 4:
            raise NotOursError("Too short.")
        (length,) = struct.unpack(">I", plain[:4])
        message, app_id = plain[4 : 4 + length], plain[4 + length :]
        if len(message) != length or app_id != self.app_id.encode():
            raise NotOursError("Meant for another account.")
        return message

    def seal(self, message: bytes) -> str:
        """Return the message as the platform wraps it: for answers, and for the stand-in."""
        plain = os.urandom(_RANDOM_BYTES) + struct.pack(">I", len(message)) + message + self.app_id.encode()
        padding = _BLOCK_BYTES - len(plain) % _BLOCK_BYTES
        encryptor = self._cipher().encryptor()
        sealed = encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def _cipher(self) -> "Cipher[modes.CBC]":
        return Cipher(algorithms.AES(self.key), modes.CBC(self.key[:16]))
