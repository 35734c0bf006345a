import socket
from pathlib import Path

import pytest

from app.domain.errors import RefusedError
from app.sandbox import ports
from app.sandbox.ports import HOST, free_ports


def test_ports_are_free_and_given_to_nobody_who_names_none() -> None:
    found = free_ports(20)

    begin, end = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert len(set(found)) == 20
    assert not [port for port in found if begin <= port <= end]
    for port in found:
        with socket.create_server((HOST, port)):
            pass


def test_a_port_that_is_taken_is_passed_over() -> None:
    (first,) = free_ports(1)

    with socket.create_server((HOST, first)):
        assert free_ports(1) != [first]


def test_where_there_is_none_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_is_free", lambda _port: False)

    with pytest.raises(RefusedError, match="no free ports"):
        free_ports(1)
