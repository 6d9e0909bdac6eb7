"""Addresses in a manifest: which are taken, and that none shows its keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest, ManifestError, write_manifest
from aqa.annotations.urls import is_url, local_path, shown_url, without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://dives/a@b/1.mp4", "s3://dives/a@b/1.mp4"),
        ("https://me:secret@host.org:80/1.mp4?sig=abcdef#x", "https://host.org:80/1.mp4?..."),
        ("https://token@host.org/1.mp4", "https://host.org/1.mp4"),
        ("s3://KEY:SEC/RET@dives/1.mp4", "s3://dives/1.mp4"),  # the keys of S3 hold slashes
        ("https://me:p?w@host/1.mp4", "https://host/1.mp4"),
        ("http://[::1]:8000/1.mp4", "http://[::1]:8000/1.mp4"),
        ("https://host/1\n.mp4", "https://host/1?.mp4"),
    ],
)
def test_what_is_shown(url: str, shown: str) -> None:
    assert is_url(url)
    assert shown_url(url) == shown


def test_what_others_say_of_an_address_is_shown_without_its_keys() -> None:
    url = "https://me:s%20cret@host/1.mp4?sig=abcdef"
    said = f"GET {url} bad signature 'abcdef'\nfor 's cret' at ftp://you:pw@other/x?y=z"
    assert without_secrets(said, url) == (
        "GET https://host/1.mp4?... bad signature '...' for '...' at ftp://other/x?..."
    )


@pytest.mark.parametrize("text", ["videos/1.mp4", "/a/b.mp4", "C:\\1.mp4", "a:b", "", None, Path()])
def test_what_is_no_address(text: object) -> None:
    assert not is_url(text)


def test_a_manifest_holds_addresses_and_paths(tmp_path: Path) -> None:
    paths = {
        "web": "https://me:secret@host/1.mp4",
        "bucket": "S3://dives/1.mp4",
        "here": "file:///a%20b/1.mp4",
        "relative": "1.mp4",
        "none": "",
    }
    rows = [{"video_id": name, "path": path, "score": 1} for name, path in paths.items()]
    write_manifest(tmp_path / "manifest.csv", rows)
    videos = Manifest.read(tmp_path / "manifest.csv").by_id
    assert (videos["web"].path, videos["web"].url) == (None, "https://me:secret@host/1.mp4")
    assert videos["web"].where == "https://host/1.mp4"
    assert "secret" not in repr(videos["web"])
    assert videos["bucket"].where == "s3://dives/1.mp4"
    assert (videos["here"].path, videos["here"].url) == (Path("/a b/1.mp4"), None)
    assert videos["relative"].where == str(tmp_path / "1.mp4")
    assert videos["none"].file is None
    assert local_path("file://host/1.mp4") is None


def test_addresses_that_are_not_read_are_told_without_their_keys(tmp_path: Path) -> None:
    rows = [
        {"video_id": "a", "path": "zip://1.mp4::https://me:pw@host/all.zip", "poses": ""},
        {"video_id": "b", "path": "file://host/1.mp4", "poses": ""},
        {"video_id": "c", "path": "", "poses": "https://me:pw@host/1.json"},
    ]
    write_manifest(tmp_path / "manifest.csv", [{**row, "score": 1} for row in rows])
    with pytest.raises(ManifestError) as caught:
        Manifest.read(tmp_path / "manifest.csv")
    first, second, third = caught.value.problems
    assert "row 2, column path: zip://" in first
    assert "an address within another" in first
    assert "row 3, column path: file://host/1.mp4 is a file of another machine" in second
    assert "row 4, column poses: https://host/1.json is not a file" in third
    assert "pw" not in str(caught.value)


def test_an_imported_table_keeps_addresses(tmp_path: Path, run_aqa: Callable[..., Result]) -> None:
    (tmp_path / "table.csv").write_text(
        "video_id,path,score\na,s3://dives/1.mp4,3\nb,films/2.mp4,4\n"
    )
    run_aqa("-C", str(tmp_path), "import", "csv", str(tmp_path / "table.csv"))
    table = Manifest.read(tmp_path / "manifest.csv")
    assert table.by_id["a"].url == "s3://dives/1.mp4"
    assert table.by_id["b"].path == tmp_path / "films" / "2.mp4"
