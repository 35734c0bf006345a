"""The providers file of the sandbox: an account with every provider, all of them kept by the stand-in on this machine."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.sandbox.stand_in import hosted, lob, stripe, twilio, wechat

APP_ID = "wx" + "5a" * 8
_APP_SECRET = "5a" * 16
_TEXTS_FROM = "+15005550006"
"""The number that Twilio sets aside for tests."""


@dataclass(frozen=True, slots=True)
class SandboxAccounts:
    """Where the stand-in listens, where it posts back, and the words that both sides know; new ones for each start."""

    stand_in_url: str
    smtp_port: int
    public_url: str
    callback_secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    mail_key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

    def document(self) -> dict[str, Any]:
        """Return the providers file as JSON values, see docs/channels.md."""
        account = {"url": self.stand_in_url, "account_sid": twilio.ACCOUNT_SID, "auth_token": twilio.AUTH_TOKEN}
        senders = {"senders": {"default": _TEXTS_FROM}}
        return {
            "sms": [{"provider": "twilio", **account, **senders}],
            "voice": [{"provider": "twilio", **account, **senders, "machine_detection": True}],
            "wechat": [
                {
                    "provider": "wechat",
                    "url": self.stand_in_url,
                    "app_id": APP_ID,
                    "app_secret": _APP_SECRET,
                    "token": wechat.CALLBACK_TOKEN,
                    "aes_keys": [wechat.ENCODING_AES_KEY],
                }
            ],
            "email": [
                {
                    "provider": "smtp",
                    "url": f"smtp://127.0.0.1:{self.smtp_port}",
                    "security": "none",
                    "from": "Duecourse sandbox <hello@lender.example>",
                    "bounce_domain": "bounces.lender.example",
                    "key": self.mail_key,
                    "receipts": True,
                }
            ],
            "letter": [
                {
                    "provider": "lob",
                    "url": self.stand_in_url,
                    "api_key": lob.API_KEY,
                    "webhook_secret": lob.WEBHOOK_SECRET,
                    "from": "adr_5a5a5a5a5a5a5a5a",
                }
            ],
            "payment": [
                {
                    "provider": "hosted",
                    "url": self.stand_in_url + hosted.GATEWAY,
                    "app_id": hosted.APP_ID,
                    "sign_type": "HMAC-SHA256",
                    "key": hosted.KEY,
                    "currency": "CNY",
                    "live": False,
                },
                {
                    "provider": "stripe",
                    "url": self.stand_in_url,
                    "secret_key": stripe.SECRET_KEY,
                    "webhook_secret": stripe.WEBHOOK_SECRET,
                },
            ],
            "callbacks": {"secret": self.callback_secret, "public_url": self.public_url},
        }


def write_providers(file: Path, accounts: SandboxAccounts) -> Path:
    """Write the file, readable by its owner alone, in the place of an older one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}.tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(accounts.document(), out, indent=1)
    fresh.replace(file)
    return file
