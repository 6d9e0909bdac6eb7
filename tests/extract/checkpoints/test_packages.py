"""Networks inside a package of PyPI: only the named files, checked, and nothing half done."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.extract.checkpoints import packages
from aqa.extract.checkpoints.packaged_networks import (
    BLAZEPOSE,
    PACKAGED,
    NpmPackage,
    PackagedFile,
    PackagedNetworks,
    Wheel,
)
from aqa.extract.checkpoints.packages import fetch_packaged
from aqa.extract.checkpoints.progress import DownloadProgress
from aqa.extract.checkpoints.records import WeightsError
from aqa.extract.checkpoints.transfer import TransferError

(WHEEL,) = BLAZEPOSE.packages
CONTENTS = {"a.tflite": b"first network", "b.tflite": b"second"}


def _known(contents: dict[str, bytes], package: Wheel | NpmPackage = WHEEL) -> PackagedNetworks:
    files = tuple(
        PackagedFile(name, f"net/{name}", len(data), hashlib.sha256(data).hexdigest(), package)
        for name, data in contents.items()
    )
    return dataclasses.replace(BLAZEPOSE, files=files)


class Lines(DownloadProgress):
    def __init__(self) -> None:
        self.told: list[str] = []

    def line(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """Stands in for pip: leaves a wheel with these members, or fails; gives what it was told."""
    monkeypatch.delenv("AQA_OFFLINE")

    def stand_in(members: dict[str, bytes] | None, error: str = "") -> list[list[str]]:
        asked: list[list[str]] = []

        def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
            asked.append(command)
            folder = Path(command[command.index("--dest") + 1])
            # Python looks for modules where it runs: there may be none of the user's.
            assert folder.is_absolute()
            assert folder == cwd
            assert not list(cwd.iterdir())
            if members is not None:
                with zipfile.ZipFile(folder / "some.whl", "w") as archive:
                    for name, data in members.items():
                        archive.writestr(name, data)
            return subprocess.CompletedProcess(command, 1 if error else 0, "", error)

        monkeypatch.setattr(packages.subprocess, "run", run)
        return asked

    return stand_in


def test_the_named_files_alone_are_kept(
    pip: Callable[..., list[list[str]]], tmp_path: Path
) -> None:
    members = {f"net/{name}": data for name, data in CONTENTS.items()}
    asked = pip({**members, "net/setup.py": b"harm", "../escaped": b"harm"})
    lines = Lines()
    paths = fetch_packaged(_known(CONTENTS), tmp_path / "cache", lines)
    assert {path.name: path.read_bytes() for path in paths} == CONTENTS
    left = {p.name for p in tmp_path.rglob("*") if p.is_file() and not p.name.endswith(".lock")}
    assert left == set(CONTENTS)
    assert "Apache 2.0" in lines.told[0]
    assert "not installed" in lines.told[0]
    command = " ".join(asked[0])
    assert "pip download" in command
    assert "--no-deps" in command
    assert "--only-binary=:all:" in command
    assert command.endswith("mediapipe==0.10.14")
    fetch_packaged(_known(CONTENTS), tmp_path / "cache")
    assert len(asked) == 1  # the second time they are there


def test_other_files_are_refused_and_nothing_is_left(
    pip: Callable[..., list[list[str]]], tmp_path: Path
) -> None:
    for members, problem in (
        ({"net/a.tflite": b"first network", "net/b.tflite": b"other!"}, "is not the file that is"),
        ({"net/a.tflite": b"first network", "net/b.tflite": b"x" * 9999}, "is not the file that"),
        ({"net/a.tflite": b"first network"}, "net/b.tflite cannot be read from it"),
        ({}, "net/a.tflite cannot be read from it.*download the wheel"),
        (None, "it left no wheel"),
    ):
        pip(members)
        with pytest.raises(WeightsError, match=problem):
            fetch_packaged(_known(CONTENTS), tmp_path)
        assert not list(tmp_path.glob("*.tflite"))


def test_a_damaged_wheel_is_told_in_one_line(tmp_path: Path) -> None:
    (file,) = _known({"a.tflite": bytes(9999)}).files
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(file.member, bytes(9999))
    data = bytearray(wheel.read_bytes())
    data[30 + len(file.member)] ^= 0xFF  # the first byte of what was compressed
    wheel.write_bytes(data)
    with pytest.raises(packages._PackageError, match=r"some.whl: net/a.tflite cannot be read"):
        packages._member(wheel, file)


def _tarball(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def test_a_package_of_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AQA_OFFLINE")
    members = {f"net/{name}": data for name, data in CONTENTS.items()}
    tarball = _tarball({"net/index.js": b"harm", "../escaped": b"harm", **members})
    asked: list[str] = []

    def download(url: str, partial: Path, size: int, on_bytes: object) -> str:
        asked.append(url)
        partial.write_bytes(tarball)
        return url

    monkeypatch.setattr(packages, "download", download)
    sha256 = hashlib.sha256(tarball).hexdigest()
    package = NpmPackage("@some/pose", "1.2", len(tarball), sha256)
    paths = fetch_packaged(_known(CONTENTS, package), tmp_path / "cache")
    assert {path.name: path.read_bytes() for path in paths} == CONTENTS
    assert asked == ["https://registry.npmjs.org/@some/pose/-/pose-1.2.tgz"]
    left = {p.name for p in tmp_path.rglob("*") if p.is_file() and not p.name.endswith(".lock")}
    assert left == set(CONTENTS)

    other = dataclasses.replace(package, sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"its SHA-256 is .*download https:.* and unpack net/a"):
        fetch_packaged(_known(CONTENTS, other), tmp_path / "other")
    absent = {**CONTENTS, "c.tflite": b"not there"}
    with pytest.raises(WeightsError, match=r"pose-1.2.tgz: net/c.tflite cannot be read from it"):
        fetch_packaged(_known(absent, package), tmp_path / "third")


def test_what_the_server_of_npm_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AQA_OFFLINE")

    def download(*_: object) -> str:
        raise TransferError("the server answers 503 Busy")

    monkeypatch.setattr(packages, "download", download)
    package = NpmPackage("@some/pose", "1.2", 10, "0" * 64)
    with pytest.raises(WeightsError, match=r"pose-1.2.tgz: the server answers 503 Busy; download"):
        fetch_packaged(_known(CONTENTS, package), tmp_path)
    assert not list(tmp_path.glob("*.tflite"))


def test_what_pip_says_and_what_to_do_by_hand(
    pip: Callable[..., list[list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip(None, "ERROR: a long story\nERROR: No matching distribution found")
    with pytest.raises(WeightsError, match=r"No matching distribution found; download the wheel"):
        fetch_packaged(_known(CONTENTS), tmp_path)
    monkeypatch.setenv("AQA_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"AQA_OFFLINE.*unzip net/a.tflite and net/b.tflite"):
        fetch_packaged(_known(CONTENTS), tmp_path)


def test_a_file_that_has_changed_is_refused(
    pip: Callable[..., list[list[str]]], tmp_path: Path
) -> None:
    pip({f"net/{name}": data for name, data in CONTENTS.items()})
    first, _ = fetch_packaged(_known(CONTENTS), tmp_path)
    first.write_bytes(b"changed")
    with pytest.raises(WeightsError, match=r"a.tflite: not a.tflite of blazepose-full.*delete it"):
        fetch_packaged(_known(CONTENTS), tmp_path)


def test_a_file_is_told_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> None:
    monkeypatch.setitem(PACKAGED, "blazepose-full", _known(CONTENTS))
    (tmp_path / "some.bin").write_bytes(CONTENTS["b.tflite"])
    told = run_aqa("weights", "verify", str(tmp_path / "some.bin")).stdout
    assert "b.tflite of blazepose-full, by its SHA-256" in told
    (tmp_path / "some.bin").write_bytes(b"other")
    run_aqa("weights", "verify", str(tmp_path / "some.bin"), code=1)


def test_the_commands_know_them(run_aqa: Callable[..., Result]) -> None:
    told = run_aqa("weights", "list", "pose").stdout
    for part in ("blazepose-full", "Apache 2.0", "mediapipe 0.10.14 on PyPI", "6.4 MB"):
        assert part in told
    for known in PACKAGED.values():
        assert known.name in told
        assert known.files[1].sha256 in told
    assert told.count("https://registry.npmjs.org/@mediapipe/pose/-/pose-0.5.1675469404.tgz") == 2
    assert '"backbone": "pose"' in run_aqa("weights", "show", "blazepose-full").stdout
    assert "blazepose-full" in run_aqa("weights", "list").stdout
    problem = run_aqa("weights", "fetch", "blazepose-ful", code=2).stderr
    assert "did you mean 'blazepose-full'" in problem
    for name in PACKAGED:
        problem = run_aqa("weights", "fetch", name, code=1).stderr
        assert "AQA_OFFLINE forbids" in problem
