"""What is known of weights: a published checkpoint, and the weights that a network carries."""

from __future__ import annotations

from dataclasses import dataclass

from aqa.errors import AqaError


class WeightsError(AqaError):
    """A checkpoint that cannot be used; names the file and what is wrong with it."""


@dataclass(frozen=True)
class Weights:
    """Which weights a network carries.

    name: a file's name, `random`, or `shipped`. sha256: of the file, or of the tensors of random
    weights. path: where the file was. layout: the checkpoint layout it was recognised as.
    seed: of random weights. fitted_on: ids of the videos that they were fitted on, where known.
    """

    name: str
    sha256: str
    path: str | None = None
    layout: str | None = None
    seed: int | None = None
    fitted_on: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that somebody published.

    name: short, unique among all. backbone: the network that it is for. layout: how its tensors
    are named. profile: how the frames were preprocessed that it was trained on, as
    `--preprocess` takes it. file: its name where it is published. url: of the file itself or,
    where `by_hand`, of the page that leads to it. sha256: the 64 hexadecimal digits or the first
    ones, where anybody states them; None: not known. size: of the file in bytes, None: not known.
    licence: as far as it is known. pretraining: data it was trained on. classes: outputs of its
    classifier. clip_length: frames per clip.
    """

    name: str
    backbone: str
    layout: str
    profile: str
    file: str
    url: str
    pretraining: str
    classes: int | None
    clip_length: int
    licence: str | None = None
    sha256: str | None = None
    size: int | None = None
    by_hand: bool = False

    @property
    def of_hub(self) -> bool:
        """Whether JSON files that belong to it lie beside it."""
        return self.layout.startswith("hub")

    @property
    def told_licence(self) -> str:
        """The licence; where it is not known, where it stands."""
        if self.licence:
            return self.licence
        page = self.url.partition("/resolve/")[0]
        return f"not known here: read it at {page}" if self.of_hub else "not known"

    def has_hash(self, sha256: str) -> bool:
        """Whether a file with this SHA-256, in full, is the checkpoint; False where not known."""
        return bool(self.sha256) and sha256.startswith(str(self.sha256))

    @property
    def stated_hash(self) -> str:
        """What is known of the hash, in words: all of it, or how it begins."""
        if self.sha256 is None:
            return "is not known"
        return f"is {self.sha256}" if len(self.sha256) == 64 else f"begins with {self.sha256}"
