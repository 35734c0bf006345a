"""Entries of the providers file that the stand-in takes."""

from typing import Any

from app.channels.base import Asked, Outgoing, ProviderTemplate
from app.sandbox.stand_in import aliyun, twilio
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW, a_text
from tests.builders.patience import PATIENT

STATUS_URL = "https://api.lender.example/v1/callbacks/twilio"


def a_twilio_entry(stand_in: StandInClient, **changes: Any) -> dict[str, Any]:
    entry = {"provider": "twilio", "url": stand_in.url, "account_sid": twilio.ACCOUNT_SID, "auth_token": twilio.AUTH_TOKEN}
    return {**entry, "senders": {"default": "+15005550006"}, "total_seconds": PATIENT, **changes}


def an_aliyun_entry(stand_in: StandInClient, service: str = "sms", **changes: Any) -> dict[str, Any]:
    entry = {
        "provider": "aliyun",
        "url": f"{stand_in.url}/aliyun/{service}",
        "total_seconds": PATIENT,
        "senders": {"CN": "某银行"},
    }
    return {**entry, "access_key_id": aliyun.KEY_ID, "access_key_secret": aliyun.KEY_SECRET, **changes}


def a_template_text(to: str = "+8613800138000", code: str = "SMS_123456", **changes: Any) -> Outgoing:
    template = ProviderTemplate(code, {"name": "李雷", "date": "3月2日"})
    return a_text(to, **{"provider_templates": {"aliyun": template}, "body": "李雷，您的还款日是3月2日。", **changes})


def asked_of(outgoing: Outgoing, reference: str | None = None, **changes: Any) -> Asked:
    return Asked(outgoing.message_id, outgoing.target, changes.pop("sent_at", NOW), reference)
