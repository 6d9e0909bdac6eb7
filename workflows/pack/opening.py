"""Opens a pack: every member is checked, unpacked into a private folder, and checked again.

Nothing in a pack is ever run. What it holds is read by the code that reads a workspace.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.files import make_folder, replacing
from aqa.models.saved.record import read_record
from aqa.workflows.pack.layout import (
    CARD,
    FORMAT,
    MANIFEST,
    NETWORK_CONFIG,
    PACK,
    STORE,
    PackError,
    check_members,
    check_whole,
)
from aqa.workspace import Workspace, every_run_folder

_BLOCK = 1 << 20


@dataclass(frozen=True)
class OpenedPack:
    """A pack as a workspace in a private folder, which goes when the pack is closed.

    path: the pack. weights: of the network that features come from; None where they are not inside.
    card: Markdown. record: its pack.json.
    """

    path: Path
    workspace: Workspace
    weights: Path | None
    card: str
    record: Mapping[str, Any]


@contextmanager
def open_pack(path: Path) -> Iterator[OpenedPack]:
    """Unpack a pack while the context lasts; `PackError` in one line for what is none."""
    with tempfile.TemporaryDirectory(prefix="aqa-pack-") as private:
        root = Path(private) / path.name
        record = _unpack(path, root)
        _check_contents(path, root)
        inside = [one for one in (root / "weights").glob("*") if one != root / NETWORK_CONFIG]
        card = (root / CARD).read_text(encoding="utf-8", errors="replace")
        yield OpenedPack(path, Workspace(root), inside[0] if inside else None, card, record)


# The archive --------------------------------------------------------------------------------------


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A checked archive; whatever goes wrong while it is read is a `PackError` of its file."""
    try:
        if not path.is_file():
            raise ValueError("it is a folder" if path.is_dir() else "no such file")
        with zipfile.ZipFile(path) as archive:
            check_members(archive.infolist(), path.stat().st_size)
            yield archive
    except AqaError:
        raise
    except Exception as error:  # zipfile raises almost anything on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PackError(
            f"{path}: not a whole pack of `aqa pack`: {reason}; ask for the file again"
        ) from None


def _unpack(path: Path, root: Path) -> dict[str, Any]:
    with _archive(path) as archive:
        record = _read_record(archive)
        for name, listed in record["files"].items():
            target = root / name
            make_folder(target.parent)
            with replacing(target, new=True) as temporary, temporary.open("wb") as file:
                for block in _blocks(archive, name, listed):
                    file.write(block)
    return record


def _read_record(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The checked pack.json; the format first, as a newer one may hold other things."""
    names = archive.namelist()
    if PACK not in names:
        raise ValueError(f"it lacks {PACK}")
    record = json.loads(archive.read(PACK).decode("utf-8"))
    if not isinstance(record, dict) or not isinstance(record.get("format"), int):
        raise ValueError(f"its {PACK} tells no format")
    if record["format"] > FORMAT:
        raise PackError(
            f"{archive.filename}: a pack of format {record['format']}, made by a newer aqa "
            f"({str(record.get('aqa'))[:20]}); this one reads format {FORMAT}: install a newer aqa"
        )
    files = record.get("files")
    if not isinstance(files, dict) or not all(map(_is_listed, files.values())):
        raise ValueError(f"its {PACK} lists no files with their sizes and SHA-256")
    check_whole(names, files)
    return record


def _is_listed(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("size"), int)
        and isinstance(value.get("sha256"), str)
    )


def _blocks(archive: zipfile.ZipFile, name: str, listed: Mapping[str, Any]) -> Iterator[bytes]:
    """The bytes of a member; an error where they are not those that the pack lists."""
    info = archive.getinfo(name)
    if info.file_size != listed["size"]:
        raise ValueError(f"{name} has {info.file_size} bytes, not {listed['size']}")
    digest = hashlib.sha256()
    with archive.open(info) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            yield block
    if digest.hexdigest() != listed["sha256"]:
        raise ValueError(f"{name} is not what was packed: its SHA-256 is another")


# What was unpacked --------------------------------------------------------------------------------


def _check_contents(path: Path, root: Path) -> None:
    """Refuse records that lead out of the pack, to files of whoever opens it."""
    try:
        for folder in every_run_folder(root / "runs"):
            _check_record(folder, root)
        allowed = {root / "videos" / one.name for one in (root / "videos").glob("*")}
        for video in Manifest.read(root / MANIFEST):
            is_inside = video.file is None or video.file in allowed
            if video.poses is not None or not is_inside:
                raise ValueError(f"{MANIFEST} names a file that is not inside, of {video.id!r}")
    except (AqaError, ValueError) as error:
        text = str(error).replace(f"{root}/", "").partition("\n")[0]
        raise PackError(f"{path}: {text}; ask for the file again") from None


def _check_record(folder: Path, root: Path) -> None:
    record, place = read_record(folder), folder.relative_to(root).as_posix()
    back = "../../../"
    expected = {"manifest": back + MANIFEST, "store.path": back + STORE}
    found = {"manifest": record.get("manifest"), "store.path": record["store"]["path"]}
    for key, value in found.items():
        if value != expected[key]:
            raise ValueError(f"{place}/run.json: {key} is {value!r}, which is not inside")
    if record["store"]["spec"]["weights"].get("path") is not None:
        raise ValueError(f"{place}/run.json: it names a file of weights by its path")
    if "pairs" in record:
        raise ValueError(f"{place}/run.json: it names a table of pairs, which is not inside")
