"""Signatures over sorted parameters: "name=value&name=value", by RSA2 (SHA256withRSA, PKCS#1 v1.5) or HMAC-SHA256.

Source: Alipay Open Platform, "Sign", "Verify the signature of an asynchronous notification": values as they are, before URL
encoding; parameters without a value, `sign`, and in notifications `sign_type`, are left out.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_LEAST_BITS = 2048


def signing_text(parameters: Mapping[str, str], *, without: frozenset[str] = frozenset({"sign"})) -> str:
    """Return what is signed of parameters."""
    return "&".join(f"{name}={value}" for name, value in sorted(parameters.items()) if value and name not in without)


class Signer(Protocol):
    """Signs what we send, and proves what the gateway sends."""

    sign_type: str

    def sign(self, text: str) -> str:
        """Return our signature."""
        ...

    def is_theirs(self, text: str, signature: str) -> bool:
        """Return whether the gateway has signed it."""
        ...


class HmacSigner:
    """One key that both know; the signature is in hex."""

    sign_type = "HMAC-SHA256"

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def sign(self, text: str) -> str:
        """Return our signature."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def is_theirs(self, text: str, signature: str) -> bool:
        """Return whether it is signed with the same key; case does not count, for gateways write hex in either."""
        return hmac.compare_digest(self.sign(text).encode(), signature.lower().encode())


class RsaSigner:
    """Our private key, the gateway's public key; the signature is in base64."""

    sign_type = "RSA2"

    def __init__(self, private_key: RSAPrivateKey, public_key: RSAPublicKey) -> None:
        self._private, self._public = private_key, public_key

    def sign(self, text: str) -> str:
        """Return our signature."""
        return base64.b64encode(self._private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()

    def is_theirs(self, text: str, signature: str) -> bool:
        """Return whether the gateway's key has signed it."""
        try:
            given = base64.b64decode(signature, validate=True)
            self._public.verify(given, text.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def signer_of(entry: Mapping[str, Any]) -> Signer:
    """Return the signer of an entry of the providers file. Raises KeyError, ValueError for a key that is none or is weak."""
    kind = str(entry.get("sign_type", "RSA2"))
    if kind == HmacSigner.sign_type:
        return HmacSigner(str(entry["key"]))
    if kind != RsaSigner.sign_type:
        raise ValueError(f"`sign_type` is {kind!r}; it is RSA2 or HMAC-SHA256.")
    private = _loaded("private_key", entry)
    public = _loaded("public_key", entry)
    if not isinstance(private, RSAPrivateKey) or not isinstance(public, RSAPublicKey):
        raise ValueError("`private_key` and `public_key` must be RSA keys.")
    if min(private.key_size, public.key_size) < _LEAST_BITS:
        raise ValueError(f"`private_key` and `public_key` must have {_LEAST_BITS} bits at least.")
    return RsaSigner(private, public)


def _loaded(name: str, entry: Mapping[str, Any]) -> object:
    """Read a key given as PEM, as the base64 of its DER, or as a file (`<name>_file`) with either."""
    file = entry.get(f"{name}_file")
    text = (Path(str(file)).read_text(encoding="ascii") if file else str(entry[name])).strip()
    is_pem = text.startswith("-----")
    try:
        given = text.encode() if is_pem else base64.b64decode("".join(text.split()), validate=True)
        if name == "public_key":
            return (serialization.load_pem_public_key if is_pem else serialization.load_der_public_key)(given)
        if is_pem:
            return serialization.load_pem_private_key(given, None)
        return serialization.load_der_private_key(given, None)
    except (ValueError, TypeError, binascii.Error):
        raise ValueError(f"`{name}` is no RSA key in PEM or base64.") from None
