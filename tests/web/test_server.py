"""The addresses that can be listened on."""

import socket

import pytest

from exporter.web.server import ListenAddress, ListenError, listen


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":9100", "", 9100),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("localhost:65535", "localhost", 65535),
        ("[::1]:80", "::1", 80),
    ],
)
def test_an_address_is_host_and_port(text: str, host: str, port: int) -> None:
    address = ListenAddress.parse(text)
    assert address == ListenAddress(host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "9100", "localhost", "host:", ":65536", "::1:80", "a b:80", "http://host:80", ":x"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write host:port, :port or \[v6\]:port"):
        ListenAddress.parse(text)


def test_port_0_takes_a_free_one_and_tells_which() -> None:
    listener, address = listen(ListenAddress("127.0.0.1", 0))
    with listener:
        assert listener.getsockname() == ("127.0.0.1", address.port)
        assert address.port > 0


def test_a_taken_port_is_told_by_its_address() -> None:
    listener, address = listen(ListenAddress("127.0.0.1", 0))
    with listener, pytest.raises(ListenError, match=f"^cannot listen on {address}: Address al"):
        listen(address)


def test_the_wish_for_all_interfaces_is_fulfilled() -> None:
    listener, address = listen(ListenAddress("", 0))
    with listener:
        assert listener.getsockname()[0] == "0.0.0.0"  # noqa: S104
        with socket.create_connection(("127.0.0.1", address.port), timeout=5):
            pass


def test_a_host_that_is_none_of_this_machines_is_refused() -> None:
    with pytest.raises(ListenError, match=r"^cannot listen on 192\.0\.2\.1:0: "):
        listen(ListenAddress("192.0.2.1", 0))
