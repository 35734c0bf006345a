"""Signing bulletins with the installation's Ed25519 key (RFC 8032), where it has one."""

import base64
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


@lru_cache(maxsize=4)
def _key(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)


def sign(seed: bytes, sha256: str) -> str:
    """Return the signature of a hash in hex, base64. `seed`: the 32 bytes of the private key."""
    return base64.b64encode(_key(seed).sign(sha256.encode())).decode()


def public_key(seed: bytes) -> str:
    """Return the public key, base64 of its 32 bytes."""
    return base64.b64encode(_key(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def is_signed(public: str, sha256: str, signature: str) -> bool:
    """Return whether a signature is of that hash and key."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(base64.b64decode(signature), sha256.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
