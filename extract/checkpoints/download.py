"""Fetches public checkpoints into a cache. Prints nothing."""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from aqa.extract.checkpoints.catalogue import find_checkpoint
from aqa.extract.checkpoints.recognition import identify
from aqa.extract.checkpoints.records import Checkpoint, WeightsError
from aqa.extract.checkpoints.state_files import read_state, sha256_of
from aqa.files import lock_of, make_folder, publish

# Is told how many bytes have come and, where the server says so, how many there will be.
DownloadProgress = Callable[[int, int | None], None]

_TIMEOUT = 30.0
_BLOCK = 1 << 18


def default_cache() -> Path:
    """Where checkpoints are kept: `$AQA_CACHE`, else `aqa` in the user's cache folder."""
    if "AQA_CACHE" in os.environ:
        return Path(os.environ["AQA_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aqa"


def fetch(
    name: str, cache_dir: Path | None = None, progress: DownloadProgress | None = None
) -> Path:
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
    partial = target.with_name(target.name + ".part")
    try:
        make_folder(target.parent)
        with lock_of(target):
            if not target.is_file():
                _download(checkpoint.url, partial, progress)
                _check_download(checkpoint, partial)
                publish(partial, target)
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


def _download(url: str, partial: Path, progress: DownloadProgress | None) -> None:
    """Append to a partial file from where it ends."""
    there = partial.stat().st_size if partial.exists() else 0
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
            partial.unlink()
        raise
    with reply:
        if reply.status != 206:
            there = 0  # the server sends it from the beginning
        elif _start(reply.headers.get("Content-Range")) != there:
            raise OSError(f"the server did not go on at byte {there}")
        length = reply.headers.get("Content-Length")
        total = there + int(length) if length else None
        with partial.open("r+b" if there else "wb") as file:
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
    match = re.match(r"bytes (\d+)-", content_range or "")
    return int(match[1]) if match else None


def _total(content_range: str | None) -> int | None:
    """Size of the whole in `bytes */200`."""
    match = re.search(r"/(\d+)$", content_range or "")
    return int(match[1]) if match else None


def _check_download(checkpoint: Checkpoint, partial: Path) -> None:
    try:
        _check(checkpoint, partial)
    except WeightsError as error:
        # What is wrong cannot be gone on with.
        partial.unlink()
        raise WeightsError(f"{checkpoint.url}: deleted what it gave: {error}") from None


def _check(checkpoint: Checkpoint, path: Path) -> None:
    """Refuse, with `WeightsError`, a file that is not the checkpoint."""
    if checkpoint.sha256:
        digest = sha256_of(path)
        if not checkpoint.has_hash(digest):
            raise WeightsError(
                f"{path}: not {checkpoint.name}: its SHA-256 is {digest}, "
                f"that of {checkpoint.file} {checkpoint.stated_hash}"
            )
        return
    identified = identify(read_state(path))
    name = identified[0].name if identified else "none"
    if name != checkpoint.backbone:
        raise WeightsError(
            f"{path}: not {checkpoint.name}: a checkpoint of {name}, not of {checkpoint.backbone}"
        )
