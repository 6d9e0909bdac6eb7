"""Networks that lie inside packages of PyPI or npm: where, how large, and which hash."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wheel:
    """A wheel of PyPI. size: in bytes. python, platform: of the one that is taken, for pip."""

    package: str
    version: str
    size: int
    python: str
    platform: str

    @property
    def url(self) -> str:
        """The page that lists the package's files."""
        return f"https://pypi.org/project/{self.package}/{self.version}/#files"

    @property
    def told(self) -> str:
        """What it is, for people."""
        return f"{self.package} {self.version} on PyPI"


@dataclass(frozen=True)
class NpmPackage:
    """A package of npm: a tarball. size: in bytes. sha256: of the tarball."""

    package: str
    version: str
    size: int
    sha256: str

    @property
    def url(self) -> str:
        """The tarball itself."""
        base = self.package.rpartition("/")[2]
        return f"https://registry.npmjs.org/{self.package}/-/{base}-{self.version}.tgz"

    @property
    def told(self) -> str:
        """What it is, for people."""
        return f"{self.package} {self.version} on npm"


@dataclass(frozen=True)
class PackagedFile:
    """A file of a package. member: where it lies in it. size: in bytes."""

    name: str
    member: str
    size: int
    sha256: str
    package: Wheel | NpmPackage


@dataclass(frozen=True)
class PackagedNetworks:
    """Networks that belong together.

    name: short, unique among these and the checkpoints. licence, pretraining: as far as they are
    known.
    """

    name: str
    files: tuple[PackagedFile, ...]
    licence: str
    pretraining: str

    @property
    def packages(self) -> tuple[Wheel | NpmPackage, ...]:
        """The packages that the files lie in, each once."""
        return tuple(dict.fromkeys(file.package for file in self.files))

    def paths(self, cache: Path) -> list[Path]:
        """Where the files are kept."""
        return [cache / file.name for file in self.files]


_WHEEL = Wheel("mediapipe", "0.10.14", 35_664_771, "3.11", "manylinux2014_x86_64")
_NPM = NpmPackage(
    "@mediapipe/pose",
    "0.5.1675469404",
    40_985_403,
    "8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84",
)
_DETECTOR = PackagedFile(
    "pose_detection.tflite",
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    2_959_046,
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    _WHEEL,
)


def _blazepose(size: str, landmarks: PackagedFile) -> PackagedNetworks:
    """The one detector, with the network for joints of this size."""
    return PackagedNetworks(
        f"blazepose-{size}",
        (_DETECTOR, landmarks),
        "Apache 2.0",
        "Google's pictures of people (bazarevsky2020)",
    )


BLAZEPOSE = _blazepose(
    "full",
    PackagedFile(
        "pose_landmark_full.tflite",
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        6_440_512,
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        _WHEEL,
    ),
)
_LITE = _blazepose(
    "lite",
    PackagedFile(
        "pose_landmark_lite.tflite",
        "package/pose_landmark_lite.tflite",
        2_819_824,
        "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        _NPM,
    ),
)
_HEAVY = _blazepose(
    "heavy",
    PackagedFile(
        "pose_landmark_heavy.tflite",
        "package/pose_landmark_heavy.tflite",
        27_709_200,
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        _NPM,
    ),
)
PACKAGED = {known.name: known for known in (BLAZEPOSE, _LITE, _HEAVY)}
"""The networks that are known, by name."""
