"""Fetched files: whole or not there, within the limit, none deleted that is being read."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from aqa.errors import AqaError
from aqa.extract.checkpoints import transfer
from aqa.extract.remote import fetch
from aqa.extract.remote.cache import LIMIT, VideoCache
from aqa.extract.remote.use import in_use
from aqa.extract.video.source import VideoError

CONTENT = bytes(range(128, 256)) * 4


def files_of(cache: VideoCache) -> set[str]:
    """What lies in the folder, hidden names aside."""
    return {path.name for path in cache.folder.iterdir() if not path.name.startswith(".")}


def marks_of(cache: VideoCache) -> list[Path]:
    return list(cache.folder.glob(".*.use"))


def refusal(cache: VideoCache, url: str) -> str:
    with pytest.raises(VideoError) as caught, cache.holding(url):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_is_fetched_once_and_noted_without_keys(server, cache: VideoCache) -> None:
    server.files["a.MP4"] = CONTENT
    server.password = "Basic bWU6c2VjcmV0"  # me:secret
    url = server.url("a.MP4", "me:secret@") + "?key=abcdef"
    with cache.holding(url) as file:
        assert file.path.read_bytes() == CONTENT
        assert file.path.parent == cache.folder
        assert file.path.suffix == ".mp4"
        assert file.content == f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
        assert len(marks_of(cache)) == 1
    n_asked = len(server.begun)
    with cache.holding(url):
        pass
    assert len(server.begun) == n_asked + 1  # it was asked what there is, and that was here
    note = json.loads(file.path.with_name(file.path.name + ".json").read_text())
    assert note["url"] == server.url("a.MP4") + "?..."
    assert note["size"] == len(CONTENT)
    kept = "".join(path.name + path.read_text("latin-1") for path in cache.folder.iterdir())
    assert "secret" not in kept
    assert "abcdef" not in kept
    assert not marks_of(cache)


def test_another_server_is_not_told_the_password(server, cache: VideoCache) -> None:
    other = server.url("b.mp4").replace("127.0.0.1", "localhost")
    server.files["b.mp4"], server.leads["a.mp4"] = CONTENT, other
    server.leads["c.mp4"] = server.url("b.mp4")
    for name, told in (("a.mp4", None), ("c.mp4", "Basic bWU6c2VjcmV0")):
        server.told.clear()
        with cache.holding(server.url(name, "me:secret@")) as file:
            assert file.path.read_bytes() == CONTENT
        assert server.told == ["Basic bWU6c2VjcmV0", told] * 2


def test_no_server_is_told_the_password_of_a_proxy() -> None:
    told = {"Proxy-authorization": "Basic x", "Range": "bytes=1-"}
    asked = urllib.request.Request("http://a/1.mp4", headers=told)
    moved = transfer._Redirects().redirect_request(asked, None, 302, "", {}, "http://b/1.mp4")
    assert moved.headers == {"Range": "bytes=1-"}


def test_another_file_at_the_address_is_fetched_anew(server, cache: VideoCache) -> None:
    server.files["a.mp4"] = CONTENT
    with cache.holding(server.url("a.mp4")) as first:
        pass
    server.files["a.mp4"] = CONTENT[::-1]  # as long as the first
    with cache.holding(server.url("a.mp4")) as second:
        assert second.path.read_bytes() == CONTENT[::-1]
    assert second.path == first.path
    assert second.content != first.content
    assert len(files_of(cache)) == 2


def test_a_file_is_not_replaced_while_another_reads_it(
    server, cache: VideoCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url("a.mp4")
    server.files["a.mp4"] = CONTENT
    with cache.holding(url) as first:
        server.files["a.mp4"] = CONTENT[::-1]
        said = refusal(cache, url)
        assert said.startswith(f"{url}: another file is there now, and the one that was fetched")
        assert said.endswith(
            "try again, or download it by hand and name that file; "
            "AQA_OFFLINE=1 takes the copy that is here"
        )
        assert first.path.read_bytes() == CONTENT
        with monkeypatch.context() as patch:
            patch.setenv("AQA_OFFLINE", "1")
            with cache.holding(url) as same:
                assert same == first
    with cache.holding(url) as second:
        assert second.path.read_bytes() == CONTENT[::-1]
    assert not marks_of(cache)


def test_one_who_waits_for_a_file_does_not_keep_it(server, cache: VideoCache) -> None:
    url = server.url("a.mp4")
    server.files["a.mp4"] = CONTENT
    with cache.holding(url):
        pass
    server.files["a.mp4"] = CONTENT[::-1]
    with in_use(cache.folder, cache.place(url).stem, cache._changing), cache.holding(url) as file:
        assert file.path.read_bytes() == CONTENT[::-1]


def test_a_connection_that_breaks_is_gone_on_with(server, cache: VideoCache) -> None:
    server.files["a.mp4"] = CONTENT
    server.cut = [len(CONTENT), 100, 200]
    with cache.holding(server.url("a.mp4")) as file:
        assert file.path.read_bytes() == CONTENT
    ranges = [wanted for _, wanted in server.begun]
    assert ranges == [None, None, "bytes=100-", "bytes=200-"]


def test_what_came_before_a_break_is_kept_for_the_next_try(server, cache: VideoCache) -> None:
    server.files["a.mp4"] = CONTENT
    server.cut = [len(CONTENT), 100, 100]  # the second brings nothing: given up
    said = refusal(cache, server.url("a.mp4"))
    assert said.startswith(f"{server.url('a.mp4')}: the connection")
    assert "what has come is kept; try again, or download it by hand" in said
    assert not marks_of(cache)
    (partial,) = files_of(cache)
    assert partial.endswith(".part")
    server.begun.clear()
    with cache.holding(server.url("a.mp4")) as file:
        assert file.path.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.begun] == [None, "bytes=100-"]


def test_a_file_that_changes_while_it_comes_is_no_mixture(server, cache: VideoCache) -> None:
    server.files["a.mp4"], server.replaced["a.mp4"] = CONTENT, CONTENT[::-1]
    server.cut = [len(CONTENT), 100]
    with cache.holding(server.url("a.mp4")) as file:
        assert file.path.read_bytes() == CONTENT[::-1]


def test_a_part_of_another_file_is_not_gone_on_with(server, cache: VideoCache) -> None:
    server.files["a.mp4"] = CONTENT
    server.cut = [len(CONTENT), 100, 100]
    refusal(cache, server.url("a.mp4"))
    server.files["a.mp4"] = CONTENT[::-1]
    with cache.holding(server.url("a.mp4")) as file:
        assert file.path.read_bytes() == CONTENT[::-1]
    assert len(files_of(cache)) == 2


def test_the_one_not_read_for_longest_makes_room(server, cache: VideoCache) -> None:
    cache.folder.mkdir()
    other = cache.folder / f"{'0' * 32}.mp4"  # nobody's of ours, named by an MD5
    other.touch()
    os.utime(other, (1, 1))
    for name in "abc":
        server.files[name] = name.encode() * 400
        with cache.holding(server.url(name)) as file:
            pass
        if name == "b":
            first = cache.place(server.url("a"))
            os.utime(cache.place(server.url("b")), (1, 1))  # a was read later than b
            assert first.exists()
    assert file.path.exists()
    assert first.exists()
    assert not cache.holds(server.url("b"))
    assert other.exists()


def test_all_but_notes_counts(server, cache: VideoCache) -> None:
    for name in ("a.json", "b.part", "c"):
        server.files[name] = name.encode() * 90
        with cache.holding(server.url(name)) as file:
            pass
        os.utime(file.path, (1, 1))
    server.files["d"] = bytes(1000)
    with cache.holding(server.url("d")):
        assert not any(cache.holds(server.url(name)) for name in ("a.json", "b.part", "c"))


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refusal(VideoCache(tmp_path / "file", 1000), server.url("a.mp4"))
    assert f"it cannot be kept in {tmp_path / 'file'} (" in said
    assert "name another folder with AQA_VIDEO_CACHE" in said


def test_a_file_that_is_read_stays(server, cache: VideoCache) -> None:
    server.files |= {name: name.encode() * 400 for name in "abc"}
    with cache.holding(server.url("a")) as a, cache.holding(server.url("b")) as b:
        os.utime(a.path, (1, 1))
        said = refusal(cache, server.url("c"))
        assert "taken by others that are being read; allow more with AQA_VIDEO_CACHE_GB" in said
        assert a.path.exists()
        assert b.path.exists()
    with cache.holding(server.url("c")):
        pass
    assert not a.path.exists()
    assert b.path.exists()


def test_a_file_above_the_limit_is_refused_before_it_comes(server, cache: VideoCache) -> None:
    server.files["a"] = bytes(1001)
    said = refusal(cache, server.url("a"))
    assert "1.0 kB and more" in said
    assert "allow more with AQA_VIDEO_CACHE_GB" in said
    assert not files_of(cache)


def test_a_file_of_unknown_size_ends_at_the_limit(server, cache: VideoCache) -> None:
    server.files["a"], server.tells_size = bytes(10**6), False
    assert "allow more with AQA_VIDEO_CACHE_GB" in refusal(cache, server.url("a"))
    assert sum(path.stat().st_size for path in cache.folder.iterdir()) <= 300_000
    server.files["a"] = CONTENT
    with cache.holding(server.url("a")) as file:
        assert file.path.read_bytes() == CONTENT


def test_marks_of_a_killed_process_are_cleaned(server, cache: VideoCache) -> None:
    server.files |= {name: name.encode() * 400 for name in "abc"}
    for name in "ab":
        with cache.holding(server.url(name)):
            pass
    script = (
        "import os, sys; from pathlib import Path\n"
        "from aqa.extract.remote.cache import VideoCache\n"
        "cache = VideoCache(Path(sys.argv[1]), 1000)\n"
        "with cache.holding(sys.argv[2]):\n    os._exit(0)\n"
    )
    url = server.url("a")
    subprocess.run([sys.executable, "-c", script, str(cache.folder), url], check=True)
    assert len(marks_of(cache)) == 1
    os.utime(cache.place(url), (1, 1))
    with cache.holding(server.url("c")):
        assert not cache.holds(url)


def test_threads_that_want_one_file_fetch_it_once(server, cache: VideoCache) -> None:
    server.files["a"] = CONTENT
    found = []

    def read() -> None:
        with cache.holding(server.url("a")) as file:
            found.append(file.path.read_bytes())

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 3
    assert len(server.begun) == 4  # asked by each, and read once


def test_offline_takes_what_is_here(
    server, cache: VideoCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["a"] = CONTENT
    with cache.holding(server.url("a")):
        pass
    monkeypatch.setenv("AQA_OFFLINE", "1")
    n_asked = len(server.begun)
    with cache.holding(server.url("a")) as file:
        assert file.path.read_bytes() == CONTENT
    assert "AQA_OFFLINE forbids to fetch it" in refusal(cache, server.url("b"))
    assert len(server.begun) == n_asked


def test_what_is_not_there_is_one_line_without_keys(
    server, cache: VideoCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(cache, server.url("a.mp4", "me:secret@") + "?key=abcdef")
    assert said.startswith(f"{server.url('a.mp4')}?...: the server answers 404")
    assert "secret" not in said
    assert "abcdef" not in said
    monkeypatch.setattr(transfer, "STALL", 0.5)
    assert "cannot be reached" in refusal(cache, "http://127.0.0.1:9/a.mp4")


# Addresses that fsspec reads ---------------------------------------------------------------------


def test_a_file_of_fsspec(in_memory: Callable[[str, bytes], str], cache: VideoCache) -> None:
    url = in_memory("dives/a.mp4", CONTENT)
    with cache.holding(url) as file:
        assert file.path.read_bytes() == CONTENT
    note = json.loads(file.path.with_name(file.path.name + ".json").read_text())
    assert note["url"] == url
    assert note["version"]
    assert refusal(cache, "memory://dives/b.mp4").startswith(
        "memory://dives/b.mp4: there is no such file; try again"
    )
    assert "a folder, not a file" in refusal(cache, "memory://dives")


def test_a_local_file_by_fsspec(online: None, cache: VideoCache, tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_bytes(CONTENT)
    with cache.holding(f"local://{tmp_path / 'a.avi'}") as file:
        assert file.path.read_bytes() == CONTENT
        assert file.path.parent == cache.folder


def test_a_transfer_of_fsspec_that_breaks_is_gone_on_with(
    in_memory: Callable[[str, bytes], str], cache: VideoCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.memory import MemoryFile

    url, read, left = in_memory("a.mp4", CONTENT), MemoryFile.read, [50, 70]

    def breaking(self: MemoryFile, size: int = -1) -> bytes:
        if left and self.tell() < left[0]:
            return read(self, left[0] - self.tell())
        if left:
            left.pop(0)
            raise RuntimeError("Bearer token of https://you:pw@host/x expired")
        return read(self, size)

    monkeypatch.setattr(MemoryFile, "read", breaking)
    with cache.holding(url) as file:
        assert file.path.read_bytes() == CONTENT
    left[:] = [0, 0]
    said = refusal(cache, in_memory("b.mp4", CONTENT[::-1]))
    assert "cannot be fetched (RuntimeError: Bearer token of https://host/x expired)" in said


def test_more_bytes_than_fsspec_told(
    in_memory: Callable[[str, bytes], str], cache: VideoCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    url, info = in_memory("a.mp4", CONTENT), MemoryFileSystem.info
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *a, **k: info(*a, **k) | {"size": 10})
    assert f"{len(CONTENT)} bytes came, and 10 were told" in refusal(cache, url)
    assert not files_of(cache)


def test_addresses_that_nothing_here_reads(
    online: None, cache: VideoCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "nothing reads addresses that begin with nowhere://" in refusal(cache, "nowhere://a/b")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    said = refusal(cache, "s3://KEY:SECRET@dives/1.mp4")
    assert said.startswith("s3://dives/1.mp4: addresses s3:// are read by a package that is not")
    assert "pip install s3fs" in said
    assert "SECRET" not in said


def test_names_of_addresses_lead_nowhere_else(cache: VideoCache) -> None:
    for url in ("s3://a/../../../etc/x", "https://h/a.mp4/..", "https://h/%2e%2e/x.m\n4", "s3://"):
        assert cache.place(url).parent == cache.folder
        assert cache.place(url).resolve().parent == cache.folder.resolve()


@pytest.mark.parametrize("text", ["0", "-1", "much", "nan", "1e12"])
def test_a_limit_that_is_no_size(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT, text)
    with pytest.raises(AqaError, match=r"AQA_VIDEO_CACHE_GB=.*expected a number of gigabytes"):
        VideoCache.of_environment()


def test_the_packages_that_are_named_are_those_of_fsspec() -> None:
    """The tables of packages name those that fsspec itself names."""
    from fsspec.registry import known_implementations

    for scheme, package in fetch._PACKAGES.items():
        assert package in known_implementations[scheme]["class"]
