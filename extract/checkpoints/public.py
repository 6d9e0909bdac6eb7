"""Public checkpoints: which are known, fetch one, tell what a file is. Prints nothing."""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import filelock

from aqa.errors import UnknownNameError
from aqa.extract.backbones import backbone_names, get_architecture
from aqa.extract.backbones.base import identify, tuned_layout
from aqa.extract.checkpoints.files import (
    Checkpoint,
    WeightsError,
    read_fitted_on,
    read_state,
    sha256_of,
)
from aqa.extract.checkpoints.tuned import read_tuned

# Told the bytes that are there and, where the server says so, how many it will be.
Progress = Callable[[int, int | None], None]

_TIMEOUT = 30.0
_BLOCK = 1 << 18


def known_checkpoints() -> tuple[Checkpoint, ...]:
    """The records of all public checkpoints, as the backbones' files hold them."""
    architectures = map(get_architecture, backbone_names())
    return tuple(known for one in architectures for known in one.checkpoints)


def find_checkpoint(name: str) -> Checkpoint:
    """The record of that name; `UnknownNameError` where there is none."""
    records = {known.name: known for known in known_checkpoints()}
    if name not in records:
        raise UnknownNameError("checkpoint", name, list(records))
    return records[name]


def default_cache() -> Path:
    """Where checkpoints are kept: `$AQA_CACHE`, else `aqa` in the user's cache folder."""
    if "AQA_CACHE" in os.environ:
        return Path(os.environ["AQA_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aqa"


def fetch(name: str, cache_dir: Path | None = None, progress: Progress | None = None) -> Path:
    """Download a checkpoint into the cache, or find it there; its path.

    A download grows in a `.part` file, which the next call goes on with; it gets its name when it
    is whole and what it should be: by its hash or, where that is not known, by its tensors.
    Raises `WeightsError` that says what to download by hand and where to put it.
    """
    checkpoint = find_checkpoint(name)
    target = (cache_dir or default_cache()) / checkpoint.file
    if target.is_file():
        _check(checkpoint, target)
        return target
    if checkpoint.by_hand:
        raise WeightsError(
            f"{checkpoint.url} has no direct link to it: {_by_hand(checkpoint, target)}"
        )
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(target.with_name(target.name + ".lock")):
            if not target.is_file():
                _download(checkpoint.url, part, progress)
                _check_download(checkpoint, part)
                part.replace(target)
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(
            f"{checkpoint.url}: {_cause(error)}; what has come so far is kept for the next try, "
            f"or {_by_hand(checkpoint, target)}"
        ) from None
    return target


def _cause(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return f"cannot be downloaded ({reason})"


def _by_hand(checkpoint: Checkpoint, target: Path) -> str:
    return (
        f"download {checkpoint.file} from {checkpoint.url} by hand, put it at {target} and use it "
        f"with `aqa extract --backbone {checkpoint.backbone} --weights {target}`"
    )


def _download(url: str, part: Path, progress: Progress | None) -> None:
    """Fill `part` up from where it ends."""
    there = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "aqa"})
    if there:
        request.add_header("Range", f"bytes={there}-")
    try:
        reply = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        # 416: nothing comes after what is there, so it is whole, or not ours at all.
        if error.code == 416 and there == _total(error.headers.get("Content-Range")):
            return
        if error.code == 416:
            part.unlink()
        raise
    with reply:
        if reply.status != 206:
            there = 0  # the server sends it from the beginning
        elif _start(reply.headers.get("Content-Range")) != there:
            raise OSError(f"the server did not go on at byte {there}")
        length = reply.headers.get("Content-Length")
        total = there + int(length) if length else None
        with part.open("r+b" if there else "wb") as file:
            file.seek(there)
            while block := reply.read(_BLOCK):
                file.write(block)
                there += len(block)
                if progress:
                    progress(there, total)
    if total is not None and there < total:
        raise OSError(f"the connection ended at {there} of {total} bytes")


def _start(content_range: str | None) -> int | None:
    """First byte of `bytes 100-199/200`."""
    found = re.match(r"bytes (\d+)-", content_range or "")
    return int(found[1]) if found else None


def _total(content_range: str | None) -> int | None:
    """Size of the whole in `bytes */200`."""
    found = re.search(r"/(\d+)$", content_range or "")
    return int(found[1]) if found else None


def _check_download(checkpoint: Checkpoint, part: Path) -> None:
    try:
        _check(checkpoint, part)
    except WeightsError as error:
        # What is wrong cannot be gone on with.
        part.unlink()
        raise WeightsError(f"{checkpoint.url}: deleted what it gave: {error}") from None


def _check(checkpoint: Checkpoint, path: Path) -> None:
    """Is this file that checkpoint?"""
    if checkpoint.sha256:
        digest = sha256_of(path)
        if not digest.startswith(checkpoint.sha256):
            raise WeightsError(
                f"{path}: not {checkpoint.name}: its SHA-256 is {digest}, "
                f"that of {checkpoint.file} {_stated(checkpoint.sha256)}"
            )
        return
    found = identify(read_state(path))
    name = found[0].name if found else "none"
    if name != checkpoint.backbone:
        raise WeightsError(
            f"{path}: not {checkpoint.name}: a checkpoint of {name}, not of {checkpoint.backbone}"
        )


def _stated(sha256: str) -> str:
    return f"is {sha256}" if len(sha256) == 64 else f"begins with {sha256}"


def verify(path: Path) -> Checkpoint:
    """Which known checkpoint a file is, by its hash.

    Raises `WeightsError` where it is none of those whose hash is known, with the hash it has.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    digest = sha256_of(path)
    known = known_checkpoints()
    for checkpoint in known:
        if checkpoint.sha256 and digest.startswith(checkpoint.sha256):
            return checkpoint
    named = next((checkpoint for checkpoint in known if checkpoint.file == path.name), None)
    if named and named.sha256:
        raise WeightsError(
            f"{path}: named as {named.name}, whose SHA-256 {_stated(named.sha256)}; "
            f"its own is {digest}"
        )
    why = "whose publisher gives none" if named else "of no checkpoint known here"
    raise WeightsError(
        f"{path}: SHA-256 {digest}, {why}; `aqa weights inspect {path}` says what is in it"
    )


@dataclass(frozen=True)
class Inspection:
    """What a checkpoint file holds.

    sha256: of the file. backbone, layout: what it loads as. last_layer: the deepest layer it has
    weights for. clip_lengths: frames a clip it is for, several where the file does not tell.
    classes: outputs of its classifier, None without one. fitted_on: the videos that it was
    fitted on, None where it does not say so. parameters: numbers it holds, the
    classifier's among them, counters and running statistics not. checkpoint: the known one it
    is, by its hash.
    """

    path: Path
    sha256: str
    backbone: str
    layout: str
    last_layer: str
    clip_lengths: tuple[int, ...]
    classes: int | None
    fitted_on: tuple[str, ...] | None
    parameters: int
    checkpoint: Checkpoint | None


_NOT_LEARNED = ("running_mean", "running_var", "num_batches_tracked")


def inspect(path: Path) -> Inspection:
    """Look into a checkpoint file; `WeightsError` where it is of no backbone."""
    state, tuned = read_state(path), read_tuned(path)
    if tuned is None:
        found = identify(state)
    else:
        known = get_architecture(tuned.backbone)
        found = known, tuned_layout(known, tuned, state, path)
    if found is None:
        keys = ", ".join(list(state)[:3])
        raise WeightsError(
            f"{path}: {len(state)} tensors ({keys}, ...) that are no backbone's; "
            f"known: {', '.join(backbone_names())}"
        )
    architecture, layout = found
    sha256, classes = sha256_of(path), layout.classes(state)
    same = (one for one in architecture.checkpoints if one.sha256 and sha256.startswith(one.sha256))
    return Inspection(
        path=path,
        sha256=sha256,
        backbone=architecture.name,
        layout=layout.name,
        last_layer=layout.last_layer,
        clip_lengths=(
            (tuned.clip_length,) if tuned else architecture.clip_lengths(sha256, classes)
        ),
        classes=classes,
        fitted_on=read_fitted_on(path),
        parameters=sum(v.numel() for k, v in state.items() if not k.endswith(_NOT_LEARNED)),
        checkpoint=next(same, None),
    )
