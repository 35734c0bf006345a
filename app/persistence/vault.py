"""Personal data at rest: AES-256-GCM with a key ring, found again by keyed hashes.

Every sealed value and every hash carries the id of its key, so that two keys can live side by side during a rotation.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class SearchHash:
    """A keyed hash of a normalised value, with the id of its key."""

    key_id: str
    digest: str


@dataclass
class Vault:
    """The key ring. `master_keys` maps key id (1-16 characters) to 32 secret bytes; the first one is used to write."""

    master_keys: Mapping[str, bytes]
    _derived: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False)
    _ciphers: dict[str, AESGCM] = field(default_factory=dict, repr=False)

    @property
    def current_key_id(self) -> str:
        """The id of the key that writes."""
        return next(iter(self.master_keys))

    @property
    def key_ids(self) -> tuple[str, ...]:
        """All ids, the writing key first."""
        return tuple(self.master_keys)

    def seal(self, text: str | None, *, place: str) -> bytes | None:
        """Encrypt `text` for one place, "table.column:row id"; what is moved elsewhere does not open there."""
        return None if text is None else self.seal_bytes(text.encode(), place=place)

    def seal_bytes(self, content: bytes, *, place: str) -> bytes:
        """Encrypt a document, as `seal` does a text."""
        nonce = os.urandom(_NONCE_BYTES)
        key_id = self.current_key_id
        return key_id.encode() + b"\0" + nonce + self._cipher(key_id).encrypt(nonce, content, place.encode())

    def open(self, sealed: bytes | None, *, place: str) -> str | None:
        """Decrypt what `seal` made for the same place. Raises ValueError for a key we lack or data that was changed."""
        return None if sealed is None else self.open_bytes(sealed, place=place).decode()

    def open_bytes(self, sealed: bytes, *, place: str) -> bytes:
        """Decrypt what `seal_bytes` made, as `open` does."""
        key_id, _, rest = bytes(sealed).partition(b"\0")
        if key_id.decode() not in self.master_keys:
            raise ValueError(f"Sealed with key {key_id.decode()!r}, which is not in the ring.")
        try:
            return self._cipher(key_id.decode()).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place.encode())
        except InvalidTag:
            raise ValueError(f"What is stored at {place} was changed or moved.") from None

    def search_hash(self, kind: str, value: str, *, key_id: str | None = None) -> SearchHash:
        """Return the keyed hash of a normalised value of one kind (e.g. "phone"); equal values of two kinds differ."""
        key_id = key_id or self.current_key_id
        return SearchHash(key_id, self.mac("search", f"{kind}\0{value}", key_id=key_id)[:40])

    def search_hashes(self, kind: str, value: str) -> tuple[SearchHash, ...]:
        """Return the hash under every key of the ring, for looking up during a rotation."""
        return tuple(self.search_hash(kind, value, key_id=key_id) for key_id in self.master_keys)

    def mac(self, purpose: str, message: str, *, key_id: str | None = None) -> str:
        """Return HMAC-SHA256 in hex under a key derived for one purpose ("otp", "refresh", "cursor" ...)."""
        key = self._key(purpose, key_id or self.current_key_id)
        return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()

    def _cipher(self, key_id: str) -> AESGCM:
        if key_id not in self._ciphers:
            self._ciphers[key_id] = AESGCM(self._key("seal", key_id))
        return self._ciphers[key_id]

    def _key(self, purpose: str, key_id: str) -> bytes:
        if (purpose, key_id) not in self._derived:
            kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"duecourse/{purpose}".encode())
            self._derived[purpose, key_id] = kdf.derive(self.master_keys[key_id])
        return self._derived[purpose, key_id]


def token_hash(token: str) -> str:
    """Return SHA-256 in hex of a 256-bit random token; such tokens need no key or salt."""
    return hashlib.sha256(token.encode()).hexdigest()
