"""Where a push can reach a borrower: registered, replaced, moved, forgotten."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from app.persistence.db import db, vault
from app.persistence.models.devices import EndpointRow
from app.persistence.models.reminders import AgendaRow
from tests.builders.access import a_borrower, signed_in

VALUES = {"platform": "android", "target_kind": "fid", "target": "target-1", "zone": "Asia/Shanghai", "locale": "zh-CN"}


def put(client: FlaskClient, headers: dict[str, str], installation: str = "inst-1", **changes: Any) -> int:
    return client.put(f"/v1/me/devices/{installation}", json={**VALUES, **changes}, headers=headers).status_code


def endpoints(borrower_id: str) -> list[tuple[str, str | None]]:
    db.session().rollback()
    statement = select(EndpointRow.state, EndpointRow.reason).where(EndpointRow.borrower_id == borrower_id)
    return [tuple(row) for row in db.session().execute(statement.order_by(EndpointRow.id))]


def case_version(borrower_id: str) -> int:
    db.session().rollback()
    return db.session().scalars(select(AgendaRow.case_version).where(AgendaRow.borrower_id == borrower_id)).one()


def test_a_device_is_registered_with_its_target_sealed(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)
    before = case_version(borrower_id)

    assert put(client, headers) == 204

    row = db.session().scalars(select(EndpointRow)).one()
    assert b"target-1" not in row.address_sealed
    assert vault().open(row.address_sealed, place=f"endpoints.address:{row.id}") == "target-1"
    assert case_version(borrower_id) > before
    listed = client.get("/v1/me/devices", headers=headers).json["items"]
    assert [(d["installation_id"], d["push_state"], d["zone"]) for d in listed] == [("inst-1", "active", "Asia/Shanghai")]


def test_a_new_target_retires_the_old_one(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)

    put(client, headers)
    put(client, headers, target="target-2")
    put(client, headers, target="target-2")

    assert endpoints(borrower_id) == [("invalid", "TARGET_REPLACED"), ("active", None)]
    assert len(client.get("/v1/me/devices", headers=headers).json["items"]) == 1


def test_a_target_moves_with_the_phone_to_its_new_owner(client: FlaskClient) -> None:
    former, _ = a_borrower()
    present, _ = a_borrower()
    put(client, signed_in(former))
    before = case_version(former)

    put(client, signed_in(present))

    assert endpoints(former) == [("invalid", "TARGET_MOVED")]
    assert endpoints(present) == [("active", None)]
    assert case_version(former) > before


def test_a_target_comes_back_when_it_is_registered_again(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)
    put(client, headers)
    put(client, headers, target=None, target_kind=None)
    assert endpoints(borrower_id) == [("invalid", "TARGET_REPLACED")]

    put(client, headers)

    assert endpoints(borrower_id) == [("active", None)]


def test_a_forgotten_device_gets_nothing_and_its_endpoint_says_why(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)
    put(client, headers)

    assert client.delete("/v1/me/devices/inst-1", headers=headers).status_code == 204
    assert client.delete("/v1/me/devices/inst-1", headers=headers).status_code == 404
    assert endpoints(borrower_id) == [("invalid", "DEVICE_REMOVED")]
    assert client.get("/v1/me/devices", headers=headers).json["items"] == []


def test_a_device_that_makes_no_sense_is_refused(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower()
    headers = signed_in(borrower_id)

    for zone in ("Mars/Olympus", "../../etc/passwd", "Asia", "UTC/foo", "right/UTC", "posix/UTC", "localtime", "Factory"):
        assert put(client, headers, zone=zone) == 422, zone
    assert put(client, headers, locale="qq-QQ-what") == 422
    assert put(client, headers, target=None) == 422
    assert put(client, headers, platform="toaster") == 422
    assert put(client, headers, imei="1") == 422
