"""Public checkpoints, from the cache or downloaded into it. Prints nothing itself."""

from __future__ import annotations

from pathlib import Path

from aqa.extract.checkpoints.cache import default_cache, offline, read_note, write_note
from aqa.extract.checkpoints.catalogue import find_checkpoint
from aqa.extract.checkpoints.hub import CONFIG, PREPROCESSORS
from aqa.extract.checkpoints.progress import DownloadProgress, in_bytes
from aqa.extract.checkpoints.recognition import identify
from aqa.extract.checkpoints.records import Checkpoint, WeightsError
from aqa.extract.checkpoints.state_files import read_state
from aqa.extract.checkpoints.transfer import TransferError, download
from aqa.files import lock_of, make_folder, publish, sha256_of


def fetch(
    name: str, cache_dir: Path | None = None, progress: DownloadProgress | None = None
) -> Path:
    """Find a checkpoint in the cache, or download it there; its path.

    A file is checked by its hash and size, where these are known, and otherwise by its tensors;
    what it is is recorded beside it. A download grows in a `.part` file, which the next call goes
    on with. Raises `WeightsError` that says what to download by hand and where to put it.
    """
    return fetch_record(find_checkpoint(name), cache_dir, progress)


def fetch_record(
    checkpoint: Checkpoint,
    cache_dir: Path | None = None,
    progress: DownloadProgress | None = None,
) -> Path:
    """Find the checkpoint of a record in the cache, or download it there; see `fetch`."""
    target = (cache_dir or default_cache()) / checkpoint.file
    progress = progress or DownloadProgress()
    if target.is_file():
        _check_cached(checkpoint, target)
        return target
    if checkpoint.by_hand:
        raise WeightsError(f"{_missing(checkpoint)}: {_by_hand(checkpoint, target)}")
    if offline():
        raise WeightsError(
            f"{_missing(checkpoint)}, and AQA_OFFLINE forbids to download it: "
            f"{_by_hand(checkpoint, target)}"
        )
    try:
        make_folder(target.parent)
        _fetch_locked(checkpoint, target, progress)
    except OSError as error:
        where = error.filename or target.parent
        raise WeightsError(
            f"{where}: {error.strerror or error}; AQA_CACHE names another folder for checkpoints"
        ) from None
    finally:
        progress.close()
    return target


def _fetch_locked(checkpoint: Checkpoint, target: Path, progress: DownloadProgress) -> None:
    """Download a checkpoint, or wait for the process that does so."""
    import filelock

    lock = lock_of(target)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        progress.line(f"{target}: another process is downloading it and is waited for")
        lock.acquire()
    try:
        if not target.is_file():
            if checkpoint.of_hub:
                _fetch_beside(checkpoint, target, progress)
            _fetch(checkpoint, target, progress)
    finally:
        lock.release()


def _fetch(checkpoint: Checkpoint, target: Path, progress: DownloadProgress) -> None:
    partial = target.with_name(target.name + ".part")
    begun = False

    def on_bytes(done: int, total: int | None) -> None:
        nonlocal begun
        if not begun:
            progress.start(checkpoint, target, done, total)
            begun = True
        progress.bytes(done)

    try:
        source = download(checkpoint.url, partial, checkpoint.size, on_bytes)
    except TransferError as error:
        kept = partial.stat().st_size if partial.is_file() else 0
        raise WeightsError(_why_not(checkpoint, target, error, kept)) from None
    try:
        sha256 = _check(checkpoint, partial)
    except WeightsError as error:
        partial.unlink()  # what is wrong cannot be gone on with
        raise WeightsError(
            f"{checkpoint.url}: deleted what it gave: {error}; {_by_hand(checkpoint, target)}"
        ) from None
    publish(partial, target)
    write_note(target, checkpoint, sha256, source)
    progress.line(f"{target}: SHA-256 {sha256}, {_compared(checkpoint.sha256)}")


def _fetch_beside(checkpoint: Checkpoint, target: Path, progress: DownloadProgress) -> None:
    """Download the JSON files of a hub's folder: the one that must be there, and one that may."""
    folder = checkpoint.url.rpartition("/")[0]
    found = False
    for name in (CONFIG, *PREPROCESSORS):
        beside = target.with_name(name)
        if beside.is_file() or (found and name in PREPROCESSORS):
            found = found or name in PREPROCESSORS
            continue
        partial = beside.with_name(name + ".part")
        try:
            download(f"{folder}/{name}", partial, None, lambda done, total: None)
        except TransferError as error:
            partial.unlink(missing_ok=True)
            if name == CONFIG or not error.absent:
                raise WeightsError(_why_not(checkpoint, target, error, 0)) from None
            continue
        publish(partial, beside)
        found = name in PREPROCESSORS
    if not found:
        progress.line(
            f"{target.parent}: no {PREPROCESSORS[0]} there; frames are prepared as `--preprocess "
            "hub` says"
        )


# Checks -----------------------------------------------------------------------------------------


def _check_cached(checkpoint: Checkpoint, path: Path) -> None:
    """Refuse, with `WeightsError`, a file of the cache that is wrong or has changed.

    One that has no note was put there by hand: it gets one.
    """
    note = read_note(path)
    if note is None:
        write_note(path, checkpoint, _check(checkpoint, path), "by hand")
        return
    sha256 = sha256_of(path)
    if note.get("sha256") != sha256:
        raise WeightsError(
            f"{path}: has changed: its SHA-256 is {sha256}, and {path.name}.json recorded "
            f"{note.get('sha256')}; delete both files to get it anew, or {path.name}.json alone "
            "where you have put another file there"
        )
    _check_hash(checkpoint, path, sha256)


def _check(checkpoint: Checkpoint, path: Path) -> str:
    """The SHA-256 of a file; `WeightsError` where it is not the checkpoint."""
    sha256 = sha256_of(path)
    if checkpoint.sha256:
        _check_hash(checkpoint, path, sha256)
        return sha256
    identified = identify(read_state(path))
    name = identified[0].name if identified else "none"
    if name != checkpoint.backbone:
        raise WeightsError(
            f"{path}: not {checkpoint.name}: a checkpoint of {name}, not of {checkpoint.backbone}"
        )
    return sha256


def _check_hash(checkpoint: Checkpoint, path: Path, sha256: str) -> None:
    if checkpoint.sha256 and not checkpoint.has_hash(sha256):
        raise WeightsError(
            f"{path}: not {checkpoint.name}: its SHA-256 is {sha256}, "
            f"that of {checkpoint.file} {checkpoint.stated_hash}"
        )


def _compared(published: str | None) -> str:
    """With what a hash was compared."""
    if published is None:
        return "recorded; nobody publishes it, so the tensors were checked"
    return "as published" if len(published) == 64 else f"which begins as published, {published}"


# What is said of what is not there --------------------------------------------------------------


def _missing(checkpoint: Checkpoint) -> str:
    return f"the weights {checkpoint.name} of {checkpoint.backbone} are not here"


def _by_hand(checkpoint: Checkpoint, target: Path) -> str:
    """What to download from where to which place."""
    size = f"{in_bytes(checkpoint.size)}, " if checkpoint.size else ""
    beside = f", with its {CONFIG} beside it," if checkpoint.of_hub else ""
    return (
        f"download {checkpoint.file} ({size}licence: {checkpoint.told_licence}) by hand "
        f"from {checkpoint.url} to {target}{beside} and give the command again, or name other "
        "weights with --weights"
    )


def _why_not(checkpoint: Checkpoint, target: Path, error: TransferError, kept: int) -> str:
    part = f"the {in_bytes(kept)} that have come are kept for the next try; " if kept else ""
    if error.here:
        return f"{error}; {part}make room, or name another folder with AQA_CACHE"
    return f"{checkpoint.name}: {error}; {part}try again, or {_by_hand(checkpoint, target)}"
