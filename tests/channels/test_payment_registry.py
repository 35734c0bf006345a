"""Payment providers are built from the providers file, and what is wrong there is named without its secrets."""

from typing import Any

import pytest

from app.channels.payments.registry import build_payments
from app.channels.registry import ProviderSettingsError

STRIPE = {"provider": "stripe", "secret_key": "sk_test_x", "webhook_secret": "whsec_x"}
HOSTED = {"provider": "hosted", "url": "https://gateway.example/gateway.do", "app_id": "1", "sign_type": "HMAC-SHA256",
          "key": "k"}  # fmt: skip


def test_each_entry_is_an_account_under_its_name_the_preferred_one_first() -> None:
    found = build_payments([HOSTED, {**STRIPE, "name": "stripe-eu", "currencies": ["EUR"], "lenders": ["acme"]}, STRIPE])

    assert list(found) == ["hosted", "stripe-eu", "stripe"]
    assert found["stripe-eu"].currencies == {"EUR"}
    assert found["stripe-eu"].lenders == {"acme"}
    assert found["stripe"].currencies == frozenset()


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([{"provider": "cheques"}], "no payment provider; known: hosted, stripe"),
        ([{"provider": "stripe", "secret_key": "s3cret"}], "lacks the setting 'webhook_secret'"),
        ([STRIPE, STRIPE], "Two payment providers are named stripe"),
        ([{**HOSTED, "sign_type": "MD5"}], "RSA2 or HMAC-SHA256"),
    ],
)
def test_what_is_wrong_is_named(entries: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(ProviderSettingsError, match=says) as caught:
        build_payments(entries)
    assert "s3cret" not in str(caught.value)
