"""Packs that are damaged, or made to do harm: one line each, and nothing outside is touched."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from aqa.cli import main
from aqa.models.saved.hashes import hash_of
from aqa.workflows.pack import PackError, open_pack, pack_runs
from aqa.workflows.pack.layout import FORMAT

RECORD = "runs/wd/split-1/run.json"


@pytest.fixture(scope="module")
def good(dives: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of a sound pack."""
    path = pack_runs([dives / "runs/wd/split-1"], tmp_path_factory.mktemp("good") / "p.aqa").path
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def listed(members: dict[str, bytes], **more: Any) -> dict[str, bytes]:
    """The members with a pack.json that lists them as they are."""
    record = json.loads(members["pack.json"]) | more
    record["files"] = {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in members.items()
        if name != "pack.json"
    }
    return members | {"pack.json": json.dumps(record).encode()}


def zipped(
    members: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] | None = None
) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            if change is not None:
                change(info)
            archive.writestr(info, data)
    return file.getvalue()


def refused(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(PackError) as caught, open_pack(path):
        pass
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert len(text) < 500
    return text


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.txt", "/tmp/evil.txt", "runs/../../evil", "C:/evil.txt", "weights/a:b"),
        *("runs\\wd\\split-1\\run.json", "runs/wd/split-1/head.py", "weights/../x", "weights/.h"),
        *("setup.py", "videos/", "videos/a/b.mp4", "runs/wd/other/run.json", "weights/con.pt"),
        *("videos/a\nb", "videos/" + "x" * 300, "stores/other.h5", "weights/a."),
    ],
)
def test_names_that_no_pack_holds(name: str, good: dict[str, bytes], tmp_path: Path) -> None:
    assert "is no file of a pack" in refused(
        tmp_path / "p.aqa", zipped(listed(good | {name: b"x"}))
    )
    assert [path.name for path in tmp_path.iterdir()] == ["p.aqa"]


def test_a_zero_byte_in_a_name(good: dict[str, bytes], tmp_path: Path) -> None:
    data = zipped(listed(good | {"weights/a_b": b"x"})).replace(b"weights/a_b", b"weights/a\0b")
    assert "is no file of a pack" in refused(tmp_path / "p.aqa", data)


def test_links_and_special_files(good: dict[str, bytes], tmp_path: Path) -> None:
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR):

        def change(info: zipfile.ZipInfo, kind: int = kind) -> None:
            if info.filename == "card.md":
                info.create_system, info.external_attr = 3, (kind | 0o777) << 16

        assert "a link or a special file" in refused(tmp_path / "p.aqa", zipped(good, change))


def test_compressed_members_are_no_bombs(good: dict[str, bytes], tmp_path: Path) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        if info.filename == "weights/tiny3d.safetensors":
            info.compress_type = zipfile.ZIP_DEFLATED

    bomb = good | {"weights/tiny3d.safetensors": bytes(50 << 20)}
    data = zipped(listed(bomb), change)
    assert len(data) < 4 << 20
    assert "is compressed" in refused(tmp_path / "p.aqa", data)


def test_members_that_lie_over_each_other(good: dict[str, bytes], tmp_path: Path) -> None:
    """The directory says that one member takes as much as the whole file."""
    data = bytearray(zipped(good))
    entry = data.rindex(b"card.md") - 46
    assert data[entry : entry + 4] == b"PK\x01\x02"
    data[entry + 20 : entry + 28] = struct.pack("<II", len(data), len(data))
    assert "its members say that they take" in refused(tmp_path / "p.aqa", bytes(data))


def test_members_that_are_there_twice(good: dict[str, bytes], tmp_path: Path) -> None:
    assert "is in it twice" in refused(
        tmp_path / "p.aqa", zipped(good | {"CARD.md": b""}).replace(b"CARD.md", b"card.md")
    )
    upper = {RECORD.replace("wd", "WD"): b"{}"}
    assert "is in it twice" in refused(tmp_path / "p.aqa", zipped(listed(good | upper)))


def test_members_that_are_not_listed_or_not_there(good: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "p.aqa"
    assert "is not listed" in refused(path, zipped(good | {"licence.txt": b""}))
    for name in good:
        rest = {key: data for key, data in good.items() if key != name}
        assert name in refused(path, zipped(rest))
        needed = not name.startswith("weights/") and not name.endswith("metrics.json")
        if name != "pack.json" and needed:
            assert "lacks" in (said := refused(path, zipped(listed(rest)))) or "no run" in said
    two = good | {"weights/other.safetensors": b"x"}
    assert "several files of weights" in refused(path, zipped(listed(two)))


def test_bytes_that_are_others(good: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "p.aqa"
    other = good["card.md"][:-1] + b"!"
    assert "is not what was packed" in refused(path, zipped(good | {"card.md": other}))
    assert "bytes, not" in refused(path, zipped(good | {"card.md": other + b"!"}))
    damaged = bytearray(zipped(good))
    damaged[damaged.index(good["card.md"]) + 5] ^= 1
    assert "CRC" in refused(path, bytes(damaged))


def test_the_card_of_a_damaged_pack_is_not_shown(good: dict[str, bytes], tmp_path: Path) -> None:
    path, model = tmp_path / "p.aqa", "runs/wd/split-1/model.safetensors"
    data = bytearray(zipped(good))
    data[data.index(good[model]) + len(good[model]) // 2] ^= 1
    path.write_bytes(data)
    result = CliRunner().invoke(main, ["pack", "--show", str(path)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{path}: not a whole pack" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_newer_format_is_told(good: dict[str, bytes], tmp_path: Path) -> None:
    said = refused(tmp_path / "p.aqa", zipped(listed(good, format=FORMAT + 1, aqa="9.0")))
    assert f"format {FORMAT + 1}, made by a newer aqa (9.0)" in said
    assert "install a newer aqa" in said


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 1}',
        b'{"format": 1, "files": {"a": 1}}',
        b"\xff",
        b"[" * 10**5,
    ],
)
def test_records_that_say_nothing(data: bytes, good: dict[str, bytes], tmp_path: Path) -> None:
    refused(tmp_path / "p.aqa", zipped(good | {"pack.json": data}))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("store", "path"), "../../../../../etc/passwd", "not inside"),
        (("store", "path"), "/etc/passwd", "not inside"),
        (("manifest",), "/home/someone/manifest.csv", "not inside"),
        (("pairs",), "/etc/passwd", "not inside"),
        (("store", "spec", "weights", "path"), "/etc/shadow", "names a file of weights"),
        (("split",), [], "split"),
        (("learned_files",), {"a": 1}, "learned_files"),
    ],
)
def test_records_that_lead_elsewhere(
    path: tuple[str, ...], value: Any, said: str, good: dict[str, bytes], tmp_path: Path
) -> None:
    record = json.loads(good[RECORD])
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    record["hashes"]["spec"] = hash_of(record["store"]["spec"])
    changed = listed(good | {RECORD: json.dumps(record).encode()})
    assert said in refused(tmp_path / "p.aqa", zipped(changed))


@pytest.mark.parametrize(
    "table",
    [
        "video_id,path,score\na,/etc/passwd,1\n",
        "video_id,path,score\na,../../secret.mp4,1\n",
        "video_id,path,score\na,videos/none.mp4,1\n",
        "video_id,path,score,poses\na,,1,/etc/passwd\n",
        "video_id,path,score\na,,many\n",
        "",
    ],
)
def test_a_manifest_that_names_files_of_whoever_opens_it(
    table: str, good: dict[str, bytes], tmp_path: Path
) -> None:
    assert "manifest.csv" in refused(
        tmp_path / "p.aqa", zipped(listed(good | {"manifest.csv": table.encode()}))
    )


def test_a_network_or_a_head_that_is_another(
    good: dict[str, bytes], dives: Path, tmp_path: Path
) -> None:
    """What is listed rightly but is none of ours ends in a line when it is used."""
    path = tmp_path / "p.aqa"
    for name, data in (
        ("weights/tiny3d.safetensors", b"cos\nsystem\n(S'touch evil'\ntR."),
        ("runs/wd/split-1/model.safetensors", b"\x80\x04."),
    ):
        path.write_bytes(zipped(listed(good | {name: data})))
        video = str(dives / "videos/dive_0001.mp4")
        result = CliRunner().invoke(
            main, ["-C", str(tmp_path), "score", video, "--model", str(path)]
        )
        assert result.exit_code == 1, result.output
        assert isinstance(result.exception, SystemExit)
        assert len(result.stderr.strip().splitlines()) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["p.aqa"]


def test_random_damage_is_refused_or_harmless(good: dict[str, bytes], tmp_path: Path) -> None:
    """Cut, and changed at random: a line, or the pack as it was where a byte bears on nothing."""
    data, rng = zipped(good), np.random.default_rng(5)
    path, lines = tmp_path / "p.aqa", []
    for number in range(60):
        changed = bytearray(data)
        if number % 3 == 0:
            changed = changed[: int(rng.integers(len(data)))]
        else:  # the directory and the texts are where a change tells most
            where = rng.integers(2) * (len(data) - 2000) + rng.integers(2000, size=3)
            for place in where.tolist():
                changed[place] = int(rng.integers(256))
        path.write_bytes(bytes(changed))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with open_pack(path) as pack:
                    assert pack.card.encode() == good["card.md"]
        except PackError as error:
            lines.append(str(error))
    assert len(lines) > 20
    assert not any("\n" in line for line in lines)


def test_nothing_stays_behind(
    good: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = tmp_path / "p.aqa"
    path.write_bytes(zipped(good))
    with open_pack(path) as pack:
        root = pack.workspace.root
        assert stat.S_IMODE(root.parent.stat().st_mode) == 0o700
    refused(path, zipped(good | {"card.md": b"?"}))
    assert not any((tmp_path / "temporary").iterdir())
    shutil.rmtree(tmp_path / "temporary")
