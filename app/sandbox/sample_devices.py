"""Devices for the sample book: two borrowers in three have the app, some on two phones, some with push switched off.

The demo borrowers have none: their phone is the one on the sandbox page, and it registers itself.
"""

import random
from dataclasses import dataclass
from datetime import datetime

from app.persistence.db import session
from app.persistence.queries.borrowers import find_borrower_ids
from app.persistence.unit_of_work import close_session
from app.sandbox.sample_lenders import SampleLender
from app.sandbox.sample_people import PLACES
from app.services.devices import DeviceValues, put_device

_ELSEWHERE = ("Europe/Lisbon", "Asia/Singapore", "America/New_York", "Asia/Dubai")


@dataclass(frozen=True, slots=True)
class SampleDevice:
    """A device of a borrower."""

    borrower_no: str
    values: DeviceValues


def sample_devices(sample: SampleLender, seed: int) -> list[SampleDevice]:
    """Return the devices of a lender's drawn borrowers; one in twelve is abroad, one in ten does not show pushes."""
    devices: list[SampleDevice] = []
    for country, count in sample.borrowers:
        rng = random.Random(f"{seed}:devices:{country}")  # noqa: S311 - the same again for the same seed
        place = PLACES[country]
        for number in range(count):
            for place_no in range(rng.choices((0, 1, 2), (34, 56, 10))[0]):
                borrower_no = f"{country}-{number + 1:04}"
                installation_id = f"sample-{borrower_no}-{place_no + 1}"
                zone = rng.choice(_ELSEWHERE) if rng.random() < 1 / 12 else place.zones[number % len(place.zones)]
                values = DeviceValues(
                    installation_id=installation_id,
                    platform=rng.choices(("android", "ios", "web"), (60, 34, 6))[0],
                    target_kind=rng.choice(("fid", "token")),
                    target=f"{installation_id}-push",
                    zone=zone,
                    locale=place.locale,
                    app_version="1.0.0",
                    push_permission=rng.random() >= 0.1,
                )
                devices.append(SampleDevice(borrower_no, values))
    return devices


def register_devices(sample: SampleLender, *, now: datetime, seed: int) -> int:
    """Register a lender's devices as their apps would; return how many."""
    devices = sample_devices(sample, seed)
    ids = find_borrower_ids(session(), [device.borrower_no for device in devices])
    close_session()
    for device in devices:
        put_device(ids[device.borrower_no], device.values, now=now)
    return len(devices)
