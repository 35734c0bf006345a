"""The rules of webhooks: signatures as published, retries over a day, secrets that overlap, addresses that are refused."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from app.domain.errors import ValidationError
from app.domain.webhook_urls import UrlRules, check_url, is_allowed_address
from app.domain.webhooks import (
    MOST_SECRETS,
    Secret,
    Verdict,
    asked_wait,
    judge,
    living,
    matches,
    next_try,
    rotated,
    signature,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PUBLISHED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_published_vector_is_signed_as_published() -> None:
    """Source: the vector of Standard Webhooks' reference libraries."""
    said = signature([PUBLISHED], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_tries_go_on_for_a_day_and_the_last_is_at_its_end() -> None:
    tried, at = [NOW], NOW
    while True:
        found = next_try(len(tried), now=at, begun_at=NOW)
        if found is None:
            break
        tried.append(at := found)

    assert [each - NOW for each in tried] == [
        timedelta(0),
        timedelta(seconds=5),
        timedelta(minutes=5, seconds=5),
        timedelta(minutes=35, seconds=5),
        timedelta(hours=2, minutes=35, seconds=5),
        timedelta(hours=7, minutes=35, seconds=5),
        timedelta(hours=17, minutes=35, seconds=5),
        timedelta(hours=24),
    ]


def test_jitter_only_lengthens_and_never_past_the_end() -> None:
    for tries in range(1, 20):
        plain, late = (next_try(tries, now=NOW, begun_at=NOW, jitter=each) for each in (0.0, 0.999))
        assert plain is not None
        assert late is not None
        assert plain <= late <= NOW + timedelta(hours=24)
        assert late - NOW <= (plain - NOW) * 1.1


@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [
        (429, "120", 120),
        (503, "Mon, 02 Mar 2026 09:10:00 GMT", 600),
        (503, "Mon, 02 Mar 2026 08:00:00 GMT", 0),
        (503, "soon", None),
        (503, None, None),
        (500, "120", None),
        (429, "99999999", 86400),
    ],
)
def test_who_asks_to_be_left_alone_is(status: int, header: str | None, wait: int | None) -> None:
    asked = asked_wait(status, header, NOW)

    assert asked == (None if wait is None else timedelta(seconds=wait))
    if asked is not None and wait:
        found = next_try(1, now=NOW, begun_at=NOW, asked=asked)
        assert found == NOW + asked


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, "delivered"), (204, "delivered"), (301, "retry"), (307, "retry"), (400, "retry"), (410, "gone"), (0, "retry")],
)
def test_only_a_2xx_is_a_delivery(status: int, verdict: str) -> None:
    assert judge(status) is Verdict(verdict)


def test_secrets_overlap_while_one_is_rotated() -> None:
    old, new = Secret("whsec_b2xk", NOW - timedelta(days=9)), "whsec_bmV3"
    both = rotated((old,), new, now=NOW, old_lives=timedelta(hours=24))

    assert [each.secret for each in living(both, NOW)] == [new, old.secret]
    assert [each.secret for each in living(both, NOW + timedelta(hours=24))] == [new]
    at, many = NOW, both
    for number in range(9):
        at += timedelta(minutes=1)
        many = rotated(many, f"whsec_{number}", now=at, old_lives=timedelta(days=7))
    assert len(many) == MOST_SECRETS
    assert all(a.created_at > b.created_at for a, b in pairwise(many))


@pytest.mark.parametrize(
    ("types", "event_type", "wanted"),
    [
        ([], "promise.made.v1", True),
        (["promise.*"], "promise.made.v1", True),
        (["promise.made.v1"], "promise.made.v1", True),
        (["promise.made.v1"], "promise.kept.v1", False),
        (["promise.*"], "promises.made.v1", False),
    ],
)
def test_an_endpoint_is_told_what_it_wants(types: list[str], event_type: str, wanted: bool) -> None:
    assert matches(types, event_type) is wanted


REFUSED_URLS = (
    "http://hooks.lender.example/x", "ftp://hooks.lender.example/x", "https://", "https:///x", "hooks.lender.example",
    "https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://172.16.0.9/", "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::10.0.0.1]/", "https://[2002:7f00:1::]/",
    "https://[fe80::1]/", "https://[fec0::1]/", "https://[ff02::1]/", "https://0.0.0.0/", "https://[::]/",
    "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/",
    "https://127.0.0.1./", "https://100.64.0.1/", "https://224.0.0.1/", "https://255.255.255.255/", "https://198.18.0.1/",
    "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/", "https://db/",
    "https://metadata.google.internal/", "https://nas.local/", "https://user:word@hooks.lender.example/",
    "https://hooks.lender.example@10.0.0.1/", "https://hooks.lender.example#@10.0.0.1/", "https://hooks.lender.example:22/",
    "https://hooks.lender.example:99999/", "https://hooks.lender.example\\@10.0.0.1/", "https://hooks.lender.example/a b",
    "https://hooks.lender.example/\n", "https://bücher.example/", "https://-bad-.example/",
    "https://" + "a" * 2000 + ".example", "https://[::1%25eth0]/", "https://hooks..example/",
)  # fmt: skip


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_no_url_of_our_own_network_is_registered(url: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        check_url(url, UrlRules())

    assert [each.pointer for each in refusal.value.errors] == ["/url"]


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.lender.example/duecourse?x=1", "https://hooks.lender.example:8443", "https://1.1.1.1/",
        "https://[2606:4700:4700::1111]/", "https://xn--bcher-kva.example/",
    ],
)  # fmt: skip
def test_what_is_of_the_public_internet_is(url: str) -> None:
    check_url(url, UrlRules())


@pytest.mark.parametrize(
    ("address", "port", "allowed"),
    [
        ("1.1.1.1", 443, True), ("1.1.1.1", 8443, True), ("1.1.1.1", 22, False), ("2606:4700:4700::1111", 443, True),
        ("127.0.0.1", 443, False), ("::1", 443, False), ("10.0.0.1", 443, False), ("172.31.255.255", 443, False),
        ("192.168.0.1", 443, False), ("169.254.169.254", 443, False), ("::ffff:127.0.0.1", 443, False),
        ("::ffff:1.1.1.1", 443, True), ("fe80::1%eth0", 443, False), ("fd00:ec2::254", 443, False),
        ("100.64.0.1", 443, False), ("0.0.0.0", 443, False), ("64:ff9b::a00:1", 443, False), ("64:ff9b::101:101", 443, True),
        ("192.0.0.8", 443, False), ("192.88.99.1", 443, False), ("168.63.129.16", 443, False),
        ("2002:101:101::", 443, False),
        ("64:ff9b:1::a00:1", 443, False), ("3fff::1", 443, False), ("::ffff:192.0.0.8", 443, False),
        ("2002:7f00:1::", 443, False), ("2001:0:4136:e378:8000:63bf:3fff:fdd2", 443, False), ("224.0.0.1", 443, False),
        ("240.0.0.1", 443, False), ("ff02::1", 443, False), ("not an address", 443, False), ("192.0.2.1", 443, False),
    ],
)  # fmt: skip
def test_a_connection_is_made_to_public_addresses_alone(address: str, port: int, allowed: bool) -> None:
    assert is_allowed_address(address, port, UrlRules()) is allowed


def test_the_sandbox_reaches_this_machine_and_nothing_else() -> None:
    local = UrlRules(local=True)
    for url in ("http://127.0.0.1:9000/x", "http://localhost:9000/", "https://[::1]:1/", "http://hooks.localhost/"):
        check_url(url, local)
    for url in ("https://hooks.lender.example/", "http://1.1.1.1/", "http://10.0.0.1/", "http://169.254.169.254/"):
        with pytest.raises(ValidationError):
            check_url(url, local)
    assert is_allowed_address("127.0.0.1", 9000, local)
    assert is_allowed_address("::ffff:127.0.0.1", 9000, local)
    assert not is_allowed_address("1.1.1.1", 443, local)
    assert not is_allowed_address("10.0.0.1", 443, local)
