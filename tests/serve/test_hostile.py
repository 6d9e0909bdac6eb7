"""What is malformed, huge or hostile gets a 4xx with one line, and the server lives on."""

from __future__ import annotations

import io
import json
import pickle
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip(
    "fastapi", reason="the extra is not installed: pip install 'aqa-toolkit[serve]'"
)

from aqa.extract.video.decode import open_video

N_REQUESTS = 500
SECRET = "the text of a file that nobody may read"
BOUNDARY = "a-line-between-parts"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
Case = tuple[str, str, bytes, dict[str, str]]  # method, path, body, headers


@pytest.fixture(scope="module")
def secret(dives: Path) -> Path:
    path = dives / "secret.mp4"
    path.write_text(SECRET)
    return path


def form(name: str, data: bytes, field: str = "video") -> bytes:
    head = f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    line = f"--{BOUNDARY}"
    return b"%b\r\n%b%b\r\n%b--\r\n" % (line.encode(), head.encode(), data, line.encode())


def playlists(target: Path) -> Iterator[bytes]:
    """Files that ask a decoder to open another one, as FFmpeg reads them."""
    for place in (str(target), f"file://{target}", f"concat:{target}|{target}", target.name):
        yield f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{place}\n#EXT-X-ENDLIST\n".encode()
        yield f"ffconcat version 1.0\nfile '{place}'\n".encode()
        yield f"file '{place}'\n".encode()
        yield f"[playlist]\nFile1={place}\n".encode()
        yield f"<MPD><BaseURL>{place}</BaseURL></MPD>".encode()
    yield b"v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    yield b"rtsp://127.0.0.1:9/x"


def arrays() -> Iterator[bytes]:
    """Files of NumPy that are none, or not those of the head."""

    def saved(array: Any, **how: Any) -> bytes:
        file = io.BytesIO()
        np.save(file, array, **how)
        return file.getvalue()

    yield saved(np.array([{"a": 1}], object), allow_pickle=True)
    for array in (np.zeros((3, 2)), np.zeros(128), np.float64(1), np.array([["a"] * 128])):
        yield saved(array)
    yield saved(np.full((2, 128), np.nan))
    yield saved(np.zeros((2, 128), complex))
    whole = saved(np.zeros((2, 128)))
    yield whole[:200]
    yield whole + b"more"
    huge = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 128), }"
    yield b"\x93NUMPY\x01\x00" + struct.pack("<H", len(huge)) + huge
    for broken in (b"(((", b"-" * 9000 + b"1", b"  x\n y", b"'" * 3, b"{[]: 1}", b"\xff\x00"):
        yield b"\x93NUMPY\x01\x00" + struct.pack("<H", len(broken)) + broken
    odd = b"{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (1,)}"
    yield b"\x93NUMPY\x01\x00" + struct.pack("<H", len(odd)) + odd
    yield b"\x93NUMPY\x09\x00" + whole[8:]


def texts() -> Iterator[bytes]:
    """JSON that holds no features, or is none."""
    yield from (b"", b"{", b"[]", b"null", b'{"features": 3}', b'{"features": []}', b"\xff\xfe{")
    yield b"[" * 100_000
    yield b'{"features": ' + b"[" * 100_000
    yield b'{"features": [[NaN]]}'
    yield json.dumps({"features": [["a"] * 128]}).encode()
    yield json.dumps({"features": [[10**400] * 128]}).encode()
    for told in (3, "y" * 5000, "a\nb", ["107B"]):
        yield json.dumps({"features": [[0] * 128], "type": told}).encode()
    for told in (-1, 0, "x", True, 10**400, float("nan"), float("inf")):
        yield json.dumps({"features": [[0] * 128], "difficulty": told}).encode()
    yield json.dumps({"features": [[0] * 128, [0]]}).encode()


def videos(dive: bytes, secret: Path) -> Iterator[bytes]:
    """Files that are no videos, or broken ones."""
    rng = random.Random(0)
    yield from (b"", b"\x00", b"\x00" * 100_000, b"some text\n" * 50, b"%PDF-1.7", b"GIF89a")
    yield from (pickle.dumps({"a": [1, 2, 3]}), b"MZ" + b"\x90" * 4000, b"PK\x03\x04" + b"\0" * 99)
    yield from (rng.randbytes(n) for n in (1, 10, 1000, 100_000))
    yield from playlists(secret)
    for size in (8, 24, 100, 1000, len(dive) // 2):  # its index is at the end
        yield dive[:size]
    yield dive[:24] + b"\xff" * 100_000
    yield b"\x00\x00\x00\x18ftypmp42" + struct.pack(">I4s", 0xFFFFFFFF, b"moov") * 100
    # Headers that say how large the pictures are: 65535 x 65535, and no data.
    yield b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\xf7\x00\x00" + b"\0" * 900
    yield b"YUV4MPEG2 W65000 H65000 F25:1 C420\nFRAME\n" + b"\0" * 1000
    yield b"YUV4MPEG2 W4097 H4096 F25:1 C420\nFRAME\n" + b"\0" * 1000


NAMES = (
    *(
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "/etc/passwd",
        "C:\\x.mp4",
        "a" * 5000,
        ".",
        "..",
        "",
    ),
    *(
        "con",
        "a\tb.mp4",
        "<script>alert(1)</script>",
        "%00.mp4",
        "x;rm -rf ~",
        "-rf",
        "\u202e4pm.x",
    ),
)


def forms(dive: bytes) -> Iterator[tuple[bytes, str]]:
    """Forms that are broken, and other kinds of requests: body and Content-Type."""
    whole = form("a.mp4", b"x")
    line = f"--{BOUNDARY}\r\n".encode()
    yield from ((whole, "multipart/form-data"), (whole, "multipart/form-data; boundary="))
    yield whole, f"multipart/form-data; boundary={'b' * 5000}"
    yield whole, "multipart/form-data; boundary=another"
    yield whole, f"multipart/form-data; charset=rot13; boundary={BOUNDARY}"
    yield from ((whole[:cut], FORM) for cut in (0, 1, 20, 60, 100, len(whole) - 6))
    yield from ((b"garbage", FORM), (line * 5000, FORM), (b"\r\n" * 5000, FORM))
    yield line + b"Content-Disposition: form-data\r\n\r\nx\r\n" + line[:-2] + b"--", FORM
    yield line + b"X: " + b"y" * 1_000_000, FORM
    yield form("a.mp4", b"x", "other"), FORM
    yield form("a.mp4", b"x")[:-6] + form("b.mp4", b"x"), FORM
    field = b'%bContent-Disposition: form-data; name="type"\r\n\r\n%b\r\n'
    yield field % (line, b"y" * 5000) + whole, FORM
    yield field % (line, b"107B") * 50 + whole, FORM
    yield field % (line, b"107B"), FORM
    difficulty = field.replace(b"type", b"difficulty")
    for value in (b"-1", b"nan", b"1e999", b"x", b"0"):
        yield difficulty % (line, value) + whole, FORM
    for kind in ("text/plain", "application/x-www-form-urlencoded", "", "image/png", "x" * 3000):
        yield dive[:1000], kind


def cases(dive: bytes, secret: Path) -> Iterator[Case]:
    """So many requests that none may be answered with a score."""
    raw, score = "application/octet-stream", "/v1/score"
    found: list[Case] = []

    def add(body: bytes, kind: str, path: str = score, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        found.append(("POST", path, body, {"content-type": kind, **named}))

    for data in videos(dive, secret):
        add(data, raw)
        add(form("a.mp4", data), FORM)
        add(data, raw, "/v1/feedback?type=107B")
    for name in NAMES:
        add(form(name.replace('"', ""), b"no video"), FORM)
    for body, kind in forms(dive):
        for path in (score, "/v1/feedback", "/reports"):
            if path != "/reports" or not body.startswith(form("a.mp4", b"x")[:30]):
                add(body, kind, path)
    for data in (*arrays(), *texts()):
        add(data, "application/x-npy")
        add(data, "application/json")
        add(form("f.npy", data, "features"), FORM)
        add(data, "application/json", "/reports")
    good = form("dive.mp4", dive)
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "[::1", "a b"):
        add(good, FORM, host=host)
        found.append(("GET", "/", b"", {"host": host}))
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "file://", "http://[", "x"):
        add(good, FORM, origin=origin)
        add(good, FORM, "/reports", origin=origin)
        found.append(
            ("DELETE", "/reports/20261127-100000-0123456789abcdef", b"", {"origin": origin})
        )
    for site in ("cross-site", "same-site", "x"):
        add(good, FORM, sec_fetch_site=site)
        found.append(("GET", "/v1/models", b"", {"sec-fetch-site": site}))
    for length in ("99999999999999999999999", str(5 << 20)):
        add(b"", raw, content_length=length)
    add(b"\0" * (5 << 20), raw)
    add(form("a.mp4", b"\0" * (5 << 20)), FORM)
    for path in (
        "/v1/nothing",
        "/reports/../../etc/passwd",
        "/static/..%2fapp.py",
        "/jobs/x",
        "/%00",
    ):
        found.append(("GET", path, b"", {}))
    for method in ("PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"):
        found.append((method, score, b"", {}))
    rng = random.Random(1)
    while len(found) < N_REQUESTS:  # forms with a few wrong bytes, before the file in them
        body = bytearray(form("a.mp4", b"no video"))
        for _ in range(rng.randrange(1, 6)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        add(bytes(body), FORM)
    yield from found


def test_five_hundred_hostile_requests(client, dive: bytes, secret: Path) -> None:
    asked = list(cases(dive, secret))
    assert len(asked) >= N_REQUESTS
    before = sorted(path for path in client.reports.parent.rglob("*"))
    process, n_refused = client.worker._process.pid, 0
    for method, path, body, headers in asked:
        reply = client.ask(method, path, body, headers)
        shown = {name: value[:100] for name, value in headers.items()}
        what = (shown, method, path, reply.body[:200], body[:60])
        assert 400 <= reply.status < 500, what
        assert len(reply.line) < 400, what
        assert SECRET.encode() not in reply.body, what
        assert str(client.uploads).encode() not in reply.body, what
        n_refused += 1
    assert n_refused == len(asked)
    assert client.worker._process.pid == process  # none of it ended the child
    assert list(client.uploads.iterdir()) == []
    assert sorted(path for path in client.reports.parent.rglob("*")) == before
    reply = client.send("/v1/score", ("dive.mp4", dive))
    assert reply.status == 200
    assert client.get("/healthz").status == 200


def test_bytes_that_are_no_http_end_their_connection_alone(client) -> None:
    for data in (
        *(b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\0" * 100),
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 1_000_000,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
        b"Content-Length: 4\r\n\r\nabcd",
        b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ):
        with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
            answer = b""
            with suppress(OSError):  # it may end the connection before it has read all
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(65536)
        assert not answer or answer.startswith(b"HTTP/1.1 4"), answer
    assert client.get("/healthz").status == 200


def test_an_upload_without_a_length_is_cut_off_where_it_is_too_large(client) -> None:
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/octet-stream\r\n\r\n"
        )
        part = b"100000\r\n" + b"\0" * 0x100000 + b"\r\n"
        try:
            for _ in range(50):  # nobody takes 50 MB
                connection.sendall(part)
        except OSError:
            pass
        else:
            assert connection.recv(65536).startswith(b"HTTP/1.1 413")
    assert list(client.uploads.iterdir()) == []


def test_an_upload_that_is_broken_off_is_a_refusal_and_no_fault() -> None:
    import asyncio

    from aqa.serve.guard import RefusedError, _Receiver
    from aqa.serve.settings import Limits

    sent = iter(({"type": "http.request", "body": b"x", "more_body": True},))

    async def gone() -> dict[str, Any]:
        return next(sent, {"type": "http.disconnect"})

    async def read() -> None:
        receive = _Receiver(gone, Limits())
        assert (await receive())["body"] == b"x"
        with pytest.raises(RefusedError, match="broken off"):
            await receive()

    asyncio.run(read())


def test_no_playlist_opens_another_file(secret: Path, tmp_path: Path) -> None:
    for number, text in enumerate(playlists(secret)):
        for ending in ("mp4", "m3u8", "ffconcat", "txt", "mpd", "sdp"):
            path = tmp_path / f"{number}.{ending}"
            path.write_bytes(text)
            with pytest.raises(Exception, match="not a video that can be decoded"):
                list(open_video(path).frames())


@pytest.mark.parametrize(("idle", "sending"), [(0.05, 60.0), (60.0, 0.0)])
def test_an_upload_that_is_too_slow_is_cut_off(idle: float, sending: float) -> None:
    import asyncio

    from aqa.serve.guard import RefusedError, _Receiver
    from aqa.serve.settings import Limits

    async def slow() -> dict[str, Any]:
        await asyncio.sleep(0.1)
        return {"type": "http.request", "body": b"x", "more_body": True}

    receive = _Receiver(slow, Limits(idle=idle, sending=sending))
    with pytest.raises(RefusedError) as caught:
        asyncio.run(receive())
    assert caught.value.status == 408
