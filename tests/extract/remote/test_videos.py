"""Videos at addresses, through the commands: the same features and scores as of local files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.extract.remote.cache import FOLDER, LIMIT
from aqa.extract.shards import Shard
from aqa.features.store import FeatureStore

Run = Callable[..., Result]
SECRET = "hidden-key"


@pytest.fixture
def places(tmp_path: Path, numbered_video: Callable[..., Path]) -> dict[str, Path]:
    """Three videos on this machine."""
    return {name: numbered_video(20 + i, f"{name}.avi") for i, name in enumerate("abc")}


def write(folder: Path, rows: list[tuple[str, str, int, str]]) -> Path:
    """A manifest in a folder of its own; rows: id, path, first frame, last frame."""
    folder.mkdir()
    names = ("video_id", "path", "start_frame", "end_frame")
    table = [dict(zip(names, row, strict=True)) | {"score": 1} for row in rows]
    write_manifest(folder / "manifest.csv", table)
    return folder


def features(folder: Path, store: str = "tiny3d.h5") -> dict[str, bytes]:
    with FeatureStore.open(folder / "stores" / store) as opened:
        return {video_id: opened[video_id].tobytes() for video_id in opened.ids}


def test_extraction_from_a_server(server, places, tmp_path: Path, run_aqa: Run) -> None:
    server.files = {f"dives/{name}.avi": path.read_bytes() for name, path in places.items()}
    near = [(name, str(path), 0, "") for name, path in places.items()]
    near.insert(1, ("a2", str(places["a"]), 5, "18"))
    far = [
        (name, f"{server.url(f'dives/{Path(path).name}', 'me:pw@')}?key={SECRET}", *frames)
        for name, path, *frames in near
    ]
    far.append(("gone", server.url("dives/gone.avi") + f"?key={SECRET}", 0, ""))
    here, there = write(tmp_path / "here", near), write(tmp_path / "there", far)
    run_aqa("-C", str(here), "extract", "--backbone", "tiny3d")
    log = there / "log.jsonl"
    command = ("-C", str(there), "extract", "--backbone", "tiny3d", "--log-json", str(log))
    said = run_aqa(*command, code=1)
    failed = f"failed: gone: {server.url('dives/gone.avi')}?...: the server answers 404"
    assert failed in said.stderr
    assert features(there) == features(here)

    store = there / "stores" / "tiny3d.h5"
    with FeatureStore.open(store) as opened:
        assert opened.provenance["urls"] == [server.url("dives")]
        content = f"sha256:{hashlib.sha256(places['b'].read_bytes()).hexdigest()}"
        assert opened.content("b") == content
        assert opened.n_bytes("b") == places["b"].stat().st_size
        assert opened.decoder("b")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    told = {event["video_id"]: event for event in events if event["event"] == "video"}
    assert told["b"]["url"] == server.url("dives/b.avi") + "?..."
    assert told["b"]["content"] == content
    written = store.read_bytes() + log.read_bytes() + said.output.encode()
    assert SECRET.encode() not in written
    assert b"me:pw" not in written

    # The same files, since downloaded by hand: nothing is extracted again. Another file is told.
    shutil.copy(here / "manifest.csv", there / "manifest.csv")
    assert "4 reused" in run_aqa(*command).output
    shutil.copy(places["c"], tmp_path / "kept.avi")
    places["b"].write_bytes(places["b"].read_bytes()[:-1] + b"x")
    assert "b: " in run_aqa(*command, code=1).stderr


def test_processes_fetch_what_they_decode_within_the_limit(
    server, places, tmp_path: Path, run_aqa: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files = {f"{name}.avi": path.read_bytes() for name, path in places.items()}
    largest = max(map(len, server.files.values()))
    monkeypatch.setenv(LIMIT, str(2 * largest / 1e9))  # one for each process
    here = write(tmp_path / "here", [(name, str(p), 0, "") for name, p in places.items()])
    there = write(tmp_path / "there", [(n, server.url(f"{n}.avi"), 0, "") for n in places])
    run_aqa("-C", str(here), "extract", "--backbone", "tiny3d")
    run_aqa("-C", str(there), "extract", "--backbone", "tiny3d", "--processes", "2")
    assert features(there) == features(here)
    kept = (tmp_path / "fetched").glob("*.avi")
    assert sum(path.stat().st_size for path in kept) <= 2 * largest


def test_what_fetched_files_hold_is_named_by_their_address(
    in_memory: Callable[[str, bytes], str], tmp_path: Path, run_aqa: Run
) -> None:
    url = in_memory("dives/broken.avi", b"RIFF no video at all" * 100)
    there = write(tmp_path / "there", [("a", url, 0, "")])
    said = run_aqa("-C", str(there), "extract", "--backbone", "tiny3d", code=1)
    assert f"failed: a: {url}: " in said.stderr
    assert "fetched" not in said.output
    planned = run_aqa("-C", str(there), "extract", "--backbone", "tiny3d", "--plan", code=1)
    assert f"no video to plan with: {url}: " in planned.stderr


def test_a_playlist_at_an_address_reads_nothing_else(
    in_memory: Callable[[str, bytes], str], places, tmp_path: Path, run_aqa: Run
) -> None:
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{places['a']}\n#EXT-X-ENDLIST\n"
    concat = f"ffconcat version 1.0\nfile {places['a']}\n"
    rows = [
        (name, in_memory(name, text.encode()), 0, "")
        for name, text in (("a.m3u8", playlist), ("b.ffconcat", concat))
    ]
    there = write(tmp_path / "there", rows)
    said = run_aqa("-C", str(there), "extract", "--backbone", "tiny3d", code=1)
    assert "0 videos extracted (0 clips), 0 reused, 2 failed" in said.output


def test_actions_of_one_file_are_in_one_share(tmp_path: Path) -> None:
    rows = [(f"v{i}", f"s3://dives/{i // 2}.mp4", i, "") for i in range(6)]
    videos = Manifest.read(write(tmp_path / "there", rows) / "manifest.csv").videos
    shares = [[video.id for video in Shard(number, 2).of(videos)] for number in (1, 2)]
    assert shares == [["v0", "v1", "v4", "v5"], ["v2", "v3"]]


def test_scores_feedback_and_a_page_of_a_video_at_an_address(
    server, dives: Path, tmp_path: Path, run_aqa: Run
) -> None:
    learned = dives / "videos" / "dive_0001.mp4"
    server.files["new%20dive.mp4"] = learned.read_bytes()
    url = server.url("new dive.mp4", "me:pw@") + f"?key={SECRET}"
    shown = server.url("new dive.mp4") + "?..."
    near = run_aqa("-C", str(dives), "score", str(learned), "--json")
    far = run_aqa("-C", str(dives), "score", url, server.url("gone.mp4"), "--json", code=1)
    (one,), (other,) = (json.loads(said.stdout)["scores"] for said in (near, far))
    assert other["video"] == shown
    assert other["score"] == pytest.approx(one["score"], abs=1e-4)
    assert "the head has learned from this very video" in far.stderr  # by its content
    assert f"failed: {server.url('gone.mp4')}: the server answers 404" in far.stderr
    page, picture = tmp_path / "page.html", tmp_path / "why.png"
    told = run_aqa("-C", str(dives), "report", url, "-o", str(page))
    assert "new dive.mp4?..." in page.read_text(encoding="utf-8")
    why = run_aqa("-C", str(dives), "feedback", url, "--picture", str(picture))
    assert picture.stat().st_size > 1000
    for text in (far.output, told.output, why.output, page.read_text(encoding="utf-8")):
        assert SECRET not in text
        assert "me:pw" not in text


def test_a_page_shows_exemplars_that_are_at_addresses(
    server, dives: Path, tmp_path: Path, run_aqa: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files = {path.name: path.read_bytes() for path in (dives / "videos").iterdir()}
    manifest = dives / "manifest.csv"
    moved = tmp_path / "manifest.csv"
    moved.write_text(manifest.read_text().replace("videos/", server.url("")))
    page = tmp_path / "page.html"
    command = ("report", "dive_0003", "--manifest", str(moved), "-o", str(page))
    run_aqa("-C", str(dives), *command)
    assert page.read_text(encoding="utf-8").count("data:video/mp4") > 1
    monkeypatch.setenv("AQA_OFFLINE", "1")
    monkeypatch.setenv(FOLDER, str(tmp_path / "empty"))
    run_aqa("-C", str(dives), *command)  # as where a video is not there
    assert "data:video/mp4" not in page.read_text(encoding="utf-8")
