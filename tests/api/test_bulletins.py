"""Published bulletins are open to everybody, cacheable, and hold nothing but what was frozen."""

import hashlib
import json
from datetime import timedelta
from random import Random

from flask import Flask
from flask.testing import FlaskClient

from app.persistence.queries.bulletins import get_bulletin
from app.persistence.unit_of_work import unit_of_work
from app.services.bulletins import WantedBulletin, freeze_bulletin, make_bulletin, publish_bulletin
from app.web.rate_limit import ReadLimit
from tests.builders.book import build_lender, build_loan
from tests.builders.bulletins import make_events
from tests.conftest import START


def _published(*, publish: bool = True) -> str:
    lender_id = build_lender(now=START)
    loans = [build_loan(now=START, due=[START.date()], lender_id=lender_id, name=f"Zhang {n}") for n in range(10)]
    make_events(loans, 400, around=START - timedelta(days=60), random=Random(5))
    with unit_of_work() as work:
        wanted = WantedBulletin((START - timedelta(days=100)).date(), (START - timedelta(days=20)).date(), lender_id)
        row = make_bulletin(work, wanted, by="staff:Ann", now=START)
        freeze_bulletin(work, row.id, by="staff:Ann", now=START)
        if publish:
            publish_bulletin(work, row.id, by="staff:Bo", now=START)
        return row.id


def test_everybody_reads_what_is_published_and_can_check_its_hash(sqlite_book: Flask) -> None:
    bulletin_id = _published()
    client = sqlite_book.test_client()

    listed = client.get("/v1/bulletins")
    answer = client.get(f"/v1/bulletins/{bulletin_id}")
    again = client.get(f"/v1/bulletins/{bulletin_id}", headers={"If-None-Match": answer.headers["ETag"]})

    assert [each["id"] for each in listed.json["items"]] == [bulletin_id]
    said = json.dumps(answer.json["document"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(said.encode()).hexdigest() == answer.json["sha256"]
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert again.status_code == 304
    assert "Zhang" not in answer.text
    assert "Ann" not in answer.text


def test_what_is_not_published_is_not_there(sqlite_book: Flask) -> None:
    bulletin_id = _published(publish=False)
    client = sqlite_book.test_client()

    for path in (f"/v1/bulletins/{bulletin_id}", f"/v1/bulletins/{bulletin_id}/pdf", f"/bulletins/{bulletin_id}"):
        assert client.get(path).status_code == 404
    assert client.get("/v1/bulletins").json["items"] == []


def test_the_page_and_the_pdf_are_in_the_language_of_the_reader(sqlite_book: Flask) -> None:
    bulletin_id = _published()
    client = sqlite_book.test_client()

    for locale, title in (("en", "Operations bulletin"), ("zh-CN", "运营公报")):
        asked = {"Accept-Language": locale}
        page = client.get(f"/bulletins/{bulletin_id}", headers=asked)
        pdf = client.get(f"/v1/bulletins/{bulletin_id}/pdf", headers=asked)
        assert title in page.text
        assert "<script" not in page.text
        assert 'class="chart"' in page.text
        assert title in client.get("/bulletins", headers=asked).text or locale == "en"
        assert pdf.status_code == 200
        assert pdf.data.startswith(b"%PDF")
        assert client.get(
            f"/v1/bulletins/{bulletin_id}/pdf", headers={**asked, "If-None-Match": pdf.headers["ETag"]}
        ).status_code == 304  # fmt: skip
    assert page.headers["ETag"]


def test_a_cursor_of_no_list_is_refused_to_the_public_too(client: FlaskClient) -> None:
    answer = client.get("/v1/bulletins?cursor=abc")

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/query/cursor")


def test_one_network_reads_only_so_fast(sqlite_book: Flask) -> None:
    bulletin_id = _published()
    client = sqlite_book.test_client()
    kept = sqlite_book.extensions["duecourse.read_limit"]
    paths = (
        "/v1/bulletins", f"/v1/bulletins/{bulletin_id}", f"/v1/bulletins/{bulletin_id}/pdf", "/bulletins",
        f"/bulletins/{bulletin_id}", "/v1/lenders/acme/licence",
    )  # fmt: skip
    try:
        for path in paths:
            sqlite_book.extensions["duecourse.read_limit"] = ReadLimit(per_second=0.001, burst=1)
            first, second = client.get(path), client.get(path)
            other = client.get(path, environ_base={"REMOTE_ADDR": "203.0.113.9"})
            assert (first.status_code, second.status_code, other.status_code) == (200, 429, 200), path
            assert int(second.headers["Retry-After"]) > 0
    finally:
        sqlite_book.extensions["duecourse.read_limit"] = kept


def test_the_list_goes_on_for_whoever_has_no_credential(sqlite_book: Flask) -> None:
    bulletin_id = _published()
    with unit_of_work() as work:
        lender_id = get_bulletin(work.session, bulletin_id).lender_id
        wanted = WantedBulletin((START - timedelta(days=19)).date(), (START - timedelta(days=9)).date(), lender_id)
        later = make_bulletin(work, wanted, by="staff:Ann", now=START).id
        freeze_bulletin(work, later, by="staff:Ann", now=START)
        publish_bulletin(work, later, by="staff:Bo", now=START)
    client = sqlite_book.test_client()

    first = client.get("/v1/bulletins?limit=1").json
    rest = client.get(f"/v1/bulletins?limit=1&cursor={first['next_cursor']}").json

    assert {each["id"] for each in (*first["items"], *rest["items"])} == {bulletin_id, later}
    assert client.get("/v1/bulletins?cursor=nonsense").status_code == 422
