"""A service-account file for the stand-in: the real form with a key made here, good for nothing outside this machine."""

import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PROJECT_ID = "duecourse-sandbox"


def write_service_account(file: Path, *, stand_in_url: str) -> Path:
    """Write the file, readable by its owner alone; an existing one keeps its key and gets the new address."""
    try:
        key_pem = json.loads(file.read_text())["private_key"]
    except (OSError, ValueError, KeyError):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "type": "service_account",
        "project_id": PROJECT_ID,
        "private_key_id": "sandbox",
        "private_key": key_pem,
        "client_email": f"sandbox@{PROJECT_ID}.invalid",
        "client_id": "0",
        "token_uri": f"{stand_in_url}/token",
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}.tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(account, out, indent=1)
    fresh.replace(file)
    return file
