"""Second factors of staff: codes of an authenticator app, and recovery codes that stand in for one once.

Source: RFC 6238 (30 seconds, six digits, SHA-1 as every app takes it); OWASP ASVS 5.0 §6.5.1, §6.5.2.
"""

import base64
import hmac
import re
import secrets
from datetime import datetime, timedelta

import pyotp

from app.domain.times import EPOCH
from app.persistence.ids import new_id
from app.persistence.models.staff import StaffAccountRow, StaffRecoveryCodeRow
from app.persistence.queries.staff_accounts import delete_recovery_codes, mark_recovery_code_used, mark_totp_step
from app.persistence.unit_of_work import Work

STEP = timedelta(seconds=30)
WINDOW = 1
"""Steps before and after the present one whose codes are taken too: clocks of phones differ."""
RECOVERY_CODES = 10
_RECOVERY_BYTES = 15
"""120 bits: enough to be stored by a fast keyed hash."""


def new_secret() -> str:
    """Return a secret for an authenticator app: 160 bits in base32."""
    return pyotp.random_base32()


def enrolment_uri(secret: str, email: str, lender: str) -> str:
    """Return the otpauth:// address that a QR code for an authenticator app holds."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=f"Duecourse {lender}")


def code_at(secret: str, at: datetime) -> str:
    """Return the code that an authenticator app shows at an instant of the machine's clock."""
    return pyotp.TOTP(secret).generate_otp(_step(at))


def fitting_step(secret: str, code: str, *, now: datetime) -> int | None:
    """Return which step of now's window a code is of, the newest first; None: of none."""
    totp, present = pyotp.TOTP(secret), _step(now)
    for step in range(present + WINDOW, present - WINDOW - 1, -1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            return step
    return None


def take_code(work: Work, account: StaffAccountRow, code: str, *, now: datetime) -> bool:
    """Take a code of the account's app, each once, also when two send it at the same time. False: it is not good."""
    secret = work.vault.open(account.totp_sealed, place=f"staff_accounts.totp:{account.id}")
    step = None if secret is None else fitting_step(secret, code, now=now)
    return step is not None and mark_totp_step(work.session, account.id, step)


def take_recovery_code(work: Work, staff_id: str, code: str, *, now: datetime) -> bool:
    """Spend a recovery code. False: it is not good."""
    hashes = [_recovery_hash(work, staff_id, code, key_id) for key_id in work.vault.key_ids]
    return mark_recovery_code_used(work.session, staff_id, hashes, now=now)


def replace_recovery_codes(work: Work, staff_id: str) -> list[str]:
    """Give an account new recovery codes in place of the old; only their hashes are kept."""
    delete_recovery_codes(work.session, staff_id)
    codes = [_written(secrets.token_bytes(_RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]
    for code in codes:
        hashed = _recovery_hash(work, staff_id, code, work.vault.current_key_id)
        work.session.add(StaffRecoveryCodeRow(id=new_id(), staff_id=staff_id, code_hash=hashed))
    return codes


def _step(at: datetime) -> int:
    return (at - EPOCH) // STEP


def _written(random: bytes) -> str:
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[at : at + 6] for at in range(0, len(text), 6))


def _recovery_hash(work: Work, staff_id: str, code: str, key_id: str) -> str:
    plain = re.sub(r"[\W_]", "", code).lower()
    return work.vault.mac("staff-recovery", f"{staff_id}:{plain}", key_id=key_id)
