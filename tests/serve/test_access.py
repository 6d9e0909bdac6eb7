"""Who may ask: the token, host names, and other sites."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip(
    "fastapi", reason="the extra is not installed: pip install 'aqa-toolkit[serve]'"
)

from aqa.errors import AqaError
from aqa.serve.run import ListenAt, token_for

TOKEN = "0123456789abcdef-XYZ"


@pytest.fixture(scope="module")
def guarded(client, serve_around, tmp_path_factory):
    """The same worker behind a token."""
    reports = tmp_path_factory.mktemp("guarded") / "reports"
    with serve_around(client.worker, reports, token=TOKEN, hosts=frozenset({"pool"})) as asked:
        yield asked


def test_without_the_token_nothing_is_told(guarded, dive: bytes) -> None:
    for path in (
        "/",
        "/v1/models",
        "/metrics",
        "/reports",
        "/docs",
        "/openapi.json",
        "/static/app.js",
    ):
        for wrong in ({}, {"authorization": "Bearer wrong"}, {"cookie": "aqa_token=wrong"}):
            reply = guarded.get(path, **wrong)
            assert reply.status == 401, path
            assert reply.headers["www-authenticate"] == "Bearer"
            assert TOKEN not in reply.body.decode()
    assert guarded.get("/?token=wrong").status == 401
    assert guarded.send("/v1/score", ("dive.mp4", dive)).status == 401
    assert guarded.get("/healthz").json == {"status": "ok"}


def test_with_it_programs_and_browsers_are_answered(guarded) -> None:
    assert guarded.get("/v1/models", authorization=f"Bearer {TOKEN}").status == 200
    login = guarded.get(f"/?token={TOKEN}")
    assert (login.status, login.headers["location"]) == (303, "/")
    cookie = login.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    own = cookie.partition(";")[0]
    assert guarded.get("/", cookie=own).status == 200
    for stale in ("another", "a%0d%0aX:%20y", "%u2192", "\u00e9"):  # no cookie is made of these
        reply = guarded.get(f"/?token={quote(stale, '%')}", cookie=own)
        assert (reply.status, "set-cookie" in reply.headers) == (200, False)
    assert guarded.get(f"/v1/models?token={TOKEN}").status == 401  # an address is soon told on


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("pool", 200), ("POOL:80", 200), ("pool.", 200), ("192.168.0.7:8765", 200)),
        *(("[::1]:8765", 200), ("pool.evil.example", 403), ("localhost", 403), ("[::1", 403)),
        *(("127.0.0.1.evil.example", 403), ("", 403)),
    ],
)
def test_names_that_are_not_the_servers_are_refused(guarded, host: str, status: int) -> None:
    reply = guarded.get("/v1/models", host=host, authorization=f"Bearer {TOKEN}")
    assert reply.status == status


def test_the_page_itself_may_post_and_other_sites_may_not(client) -> None:
    here = f"127.0.0.1:{client.port}"
    own = {"origin": f"http://{here}", "sec_fetch_site": "same-origin"}
    assert client.post("/v1/score", b"x", **own).status == 422
    for other in (
        "http://evil.example",
        "null",
        f"http://localhost:{client.port}",
        "http://127.0.0.1",
    ):
        assert client.post("/v1/score", b"x", origin=other).status == 403
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert client.get("/", **link).status == 200  # a link to it
    assert client.get("/reports", **link).status == 403


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (ListenAt("0.0.0.0"), "0.0.0.0: others than this machine could reach it; give --token new"),
        (ListenAt("example.org"), "could reach it"),
        (ListenAt(token="short"), "at least 16"),
        (ListenAt(token="a" * 15 + ";b"), "at least 16"),
    ],
)
def test_tokens_that_are_needed(place: ListenAt, expected: str) -> None:
    with pytest.raises(AqaError, match=expected):
        token_for(place)


def test_a_token_is_drawn() -> None:
    drawn = {token_for(ListenAt("0.0.0.0", token="new")) for _ in range(3)}
    assert len(drawn) == 3
    assert all(token and len(token) >= 32 for token in drawn)
    assert token_for(ListenAt()) is None


def test_with_keep_0_nothing_is_written(client, serve_around, dive: bytes, tmp_path: Path) -> None:
    with serve_around(client.worker, tmp_path / "reports", keep=0) as asked:
        state = asked.report(("dive.mp4", dive))
        assert state["state"] == "done"
        assert "dive.mp4" in asked.get(f"/reports/{state['report']}").body.decode()
        assert asked.get("/reports").json == []
        uploads = asked.uploads
        assert list(uploads.iterdir()) == []
    assert not (tmp_path / "reports").exists()
    assert not uploads.exists()
