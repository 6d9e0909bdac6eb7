"""Who connects and sends no whole header is cut off; who sends one, and then slowly, is not."""

from __future__ import annotations

import socket
import time

import pytest

pytest.importorskip(
    "fastapi", reason="the extra is not installed: pip install 'aqa-toolkit[serve]'"
)

from aqa.serve.slow_headers import TimedHeaders


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    said = b""
    while block := connection.recv(4096):
        said += block
    return said


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: "])
def test_half_a_header_is_answered_and_closed(
    client, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(TimedHeaders, "seconds", 0.2)
    with socket.create_connection(("127.0.0.1", client.port), timeout=60) as connection:
        connection.sendall(sent)
        said = read_all(connection)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert said.endswith(b"\r\n\r\nno whole header was sent")
    assert client.get("/healthz").status == 200


def test_a_connection_that_is_used_again_is_timed_anew(
    client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TimedHeaders, "seconds", 0.2)
    with socket.create_connection(("127.0.0.1", client.port), timeout=60) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /heal")
        assert b"HTTP/1.1 408 " in read_all(connection)


def test_a_body_that_comes_later_than_that_is_taken(
    client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TimedHeaders, "seconds", 0.2)
    head = b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=60) as connection:
        connection.sendall(head + b"connection: close\r\ncontent-length: 2\r\n\r\n")
        time.sleep(0.5)
        connection.sendall(b"{}")
        said = read_all(connection)
    assert b" 422 " in said.partition(b"\r\n")[0] or b" 400 " in said.partition(b"\r\n")[0]
