"""An engine's dispatcher in a process of its own, to be killed: hands over what waits, over real HTTP, until it is."""

import json
import sys
import time
from datetime import timedelta
from pathlib import Path

from app import clock
from app.channels.push import FcmPush
from app.channels.push_credentials import ServiceAccount
from app.channels.registry import build_channels
from app.channels.transports import make_transport
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.engine.outgoing import Surroundings
from app.factory import create_app
from tests.conftest import make_settings


def main() -> None:
    given = json.loads(sys.argv[1])
    app = create_app(make_settings(given["database"], Path(given["folder"])), serves=False)
    clock.use(clock.system_now)
    channels = build_channels(
        fcm_base_url=given["stand_in"], providers=given["providers"], threads=8,
    )  # fmt: skip
    channels["push"] = FcmPush(ServiceAccount(Path(given["credentials"])), make_transport(given["stand_in"], threads=8))
    channels["push"].batch = given["push_batch"]  # type: ignore[attr-defined]
    dispatcher = Dispatcher(
        channels,
        lease=timedelta(seconds=given["lease_seconds"]),
        surroundings=Surroundings(status_url=lambda provider: f"http://127.0.0.1:9/v1/callbacks/{provider}"),
    )
    engine = Engine(dispatcher)
    with app.app_context():
        dispatcher.run_once(now=clock.now(), lane="security")  # everything is loaded and connected by now
        print("ready", flush=True)
        while True:
            if not sum(engine.dispatch(lane) for lane in given["lanes"]):
                time.sleep(0.02)


if __name__ == "__main__":
    main()
