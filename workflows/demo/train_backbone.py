"""Trains Tiny3D, the backbone that the demo ships: `python -m aqa.workflows.demo.train_backbone`.

It learns to see what is in a clip of a drawn dive (type, stages, turn, bends, faults), never the
score. Its dives are of seeds that no demo uses, so it has seen none of the demo's videos.
"""

from __future__ import annotations

import datetime
import itertools
import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from aqa.extract.backbones.tiny3d import LAYERS, PREPROCESS, Tiny3D, pool
from aqa.extract.video.decode import open_video
from aqa.features.clips import ClipRule
from aqa.files import replacing
from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.diver import Joint
from aqa.workflows.demo.filming import film
from aqa.workflows.demo.motion import move
from aqa.workflows.demo.panel import FAULT_COSTS, Fault
from aqa.workflows.demo.program import DIVE_TYPES
from aqa.workflows.demo.sampling import sample_dive

LENGTH = 16
FIRST_SEED = 1_000_000
"""Seeds below this are left to the demo's users."""

STAGES = ("stand", "takeoff", "flight", "entry", "ending")
BODY = ("turn", "knee", "hip", *(f"{wave}_{at}" for at in (0, 8, 15) for wave in ("sin", "cos")))
MEASURES = (
    *(f"seen_{name}" for name in FAULT_COSTS),
    *(f"share_{name}" for name in FAULT_COSTS),
    *STAGES,
    *BODY,
)
"""What is regressed, a column each of `Film.measure`."""

WEIGHTS = (3.0,) * 4 + (3.0,) * 4 + (0.5,) * len(STAGES) + (0.5,) * len(BODY)

Frames = NDArray[np.uint8]
Floats = NDArray[np.float64]


# The dives -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Film:
    """One dive as it is trained on.

    frames: uint8 (n_frames, height, width, 3), preprocessed. body: (n_frames, 3), see
    `body_angles`.
    """

    dive: Dive
    frames: Frames
    body: Floats

    def measure(self, start: int) -> list[float]:
        """The values of `MEASURES` for the clip that begins at `start`."""
        stop = start + LENGTH
        faults = {fault.name: fault for fault in self.dive.faults}
        seen = [_seen(faults.get(name), start, stop) for name in FAULT_COSTS]
        share = [_share(faults.get(name), start, stop) for name in FAULT_COSTS]
        bounds = (0, *self.dive.stages)
        spans = itertools.pairwise(bounds)
        stages = [_overlap(start, stop, *span) / LENGTH for span in spans]
        angle, knee, hip = self.body[start:stop].T
        body = [abs(angle[-1] - angle[0]), knee.mean(), hip.mean()]
        phases = [turned(angle[at]) for at in (0, 8, 15) for turned in (np.sin, np.cos)]
        return [*seen, *share, *stages, *map(float, body), *map(float, phases)]


def _overlap(start: int, stop: int, other_start: int, other_stop: int) -> int:
    return max(0, min(stop, other_stop) - max(start, other_start))


def _seen(fault: Fault | None, start: int, stop: int) -> float:
    """The severity, where the clip shows enough of the fault to tell it."""
    if fault is None:
        return 0.0
    return fault.severity * min(1.0, _overlap(start, stop, fault.start, fault.stop) / 8.0)


def _share(fault: Fault | None, start: int, stop: int) -> float:
    """The part of the severity that falls to the clip: over a video's clips it adds up."""
    if fault is None:
        return 0.0
    overlap = _overlap(start, stop, fault.start, fault.stop)
    return fault.severity * overlap / (fault.stop - fault.start)


def body_angles(dive: Dive) -> Floats:
    """(n_frames, 3), radians: turn of the trunk, unwrapped, bends of the knee and of the hip."""
    joints, _ = move(dive.type, dive.timing, dive.faults)
    trunk = joints[:, Joint.NECK] - joints[:, Joint.PELVIS]
    knee_to = joints[:, Joint.KNEE_LEFT]
    thigh = knee_to - joints[:, Joint.HIP_LEFT]
    shin = joints[:, Joint.ANKLE_LEFT] - knee_to
    turn = np.unwrap(np.arctan2(trunk[:, 0], trunk[:, 1]))
    return np.stack([turn, _between(thigh, shin), _between(-trunk, thigh)], axis=1)


def _between(one: Floats, other: Floats) -> Floats:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    angles: Floats = np.arccos(np.clip((one * other).sum(axis=1) / lengths, -1.0, 1.0))
    return angles


def shoot(seed: int, index: int) -> Film:
    """Draw, encode and decode one dive: the frames that an extraction would see."""
    cv2.setNumThreads(1)
    dive = sample_dive(seed, index)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dive.mp4"
        film(dive, path)
        frames = np.stack([PREPROCESS.resize_and_crop(f) for f in open_video(path).frames()])
    return Film(dive, frames, body_angles(dive))


def shoot_all(seed: int, n_dives: int, workers: int) -> list[Film]:
    """The dives 0 to `n_dives` of a seed; `workers` processes, 0 for none but this."""
    if not workers:
        return [shoot(seed, index) for index in range(n_dives)]
    with multiprocessing.get_context("spawn").Pool(workers) as processes:
        return processes.map(partial(shoot, seed), range(n_dives), chunksize=8)


def cached(folder: Path | None, seed: int, n_dives: int, workers: int) -> list[Film]:
    """As `shoot_all`; frames are kept in `folder`, where one is given."""
    path = folder and folder / f"dives-{seed}-{n_dives}.npy"
    if path is None:
        return shoot_all(seed, n_dives, workers)
    if not path.exists():
        frames = [film.frames for film in shoot_all(seed, n_dives, workers)]
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate(frames))
    dives = [sample_dive(seed, index) for index in range(n_dives)]
    stops = np.cumsum([dive.n_frames for dive in dives])
    parts = np.split(np.load(path), stops[:-1])
    return [Film(d, p, body_angles(d)) for d, p in zip(dives, parts, strict=True)]


# Clips -----------------------------------------------------------------------------------------


class DiveBatch(NamedTuple):
    """clips: uint8 (n, 16, 64, 64, 3), types (n,) int64, measures (n, len(MEASURES))."""

    clips: Tensor
    types: Tensor
    measures: Tensor


Place = tuple[Film, int]


def grid(films: Sequence[Film]) -> list[Place]:
    """The clips of an extraction, (film, first frame) each."""
    rule = ClipRule(LENGTH, LENGTH)
    return [(film, clip.start) for film in films for clip in rule.clips(len(film.frames))]


def scattered(films: Sequence[Film], rng: np.random.Generator) -> list[Place]:
    """As many clips as an extraction has, anywhere in their videos, in random order."""
    places = [
        (film, int(start))
        for film in films
        for start in rng.integers(0, len(film.frames) - LENGTH + 1, -(-len(film.frames) // LENGTH))
    ]
    return [places[i] for i in rng.permutation(len(places))]


def batches(places: Sequence[Place], size: int) -> Iterator[DiveBatch]:
    """Cut places into batches."""
    names = list(DIVE_TYPES)
    for i in range(0, len(places), size):
        chosen = places[i : i + size]
        clips = np.stack([film.frames[start : start + LENGTH] for film, start in chosen])
        types = [names.index(film.dive.type.name) for film, _ in chosen]
        measures = [film.measure(start) for film, start in chosen]
        yield DiveBatch(torch.from_numpy(clips), torch.tensor(types), torch.tensor(measures))


def lit(clips: Tensor, generator: torch.Generator) -> Tensor:
    """`PREPROCESS.normalise` in another light: each clip has its own contrast and tint.

    uint8 (n, 16, 64, 64, 3) -> float32 (n, 3, 16, 64, 64).
    """
    n = len(clips)
    contrast = 1.0 + 0.12 * torch.randn(n, 1, 1, 1, 1, generator=generator)
    tint = 0.15 * torch.randn(n, 1, 1, 1, 3, generator=generator)
    mean, std = torch.tensor(PREPROCESS.mean), torch.tensor(PREPROCESS.std)
    # One pass over the frames: (v * scale - mean) / std * contrast + tint.
    gain, offset = contrast * PREPROCESS.scale / std, tint - contrast * mean / std
    return torch.addcmul(offset, clips.float(), gain).permute(0, 4, 1, 2, 3)


# The network -----------------------------------------------------------------------------------


class Pupil(nn.Module):
    """Tiny3D with batch normalisation behind each convolution, and a linear layer a task."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Tiny3D()
        (dim,) = LAYERS["pool"]
        convolutions = self.convolutions()
        self.norms = nn.ModuleList(nn.BatchNorm3d(c.out_channels) for c in convolutions)
        self.types = nn.Linear(dim, len(DIVE_TYPES))
        self.measures = nn.Linear(dim, len(MEASURES))
        for convolution in convolutions:
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")

    def convolutions(self) -> list[nn.Conv3d]:
        """The convolutions of the network, in order."""
        return [module for module in self.net.children() if isinstance(module, nn.Conv3d)]

    def features(self, x: Tensor) -> Tensor:
        """Normalised (n, 3, 16, 64, 64) -> (n, 128), as Tiny3D's."""
        for convolution, norm in zip(self.convolutions(), self.norms, strict=True):
            x = norm(convolution(x)).relu_()
        return pool(x)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised (n, 3, 16, 64, 64) -> logits of types, standardised measures."""
        features = functional.dropout(self.features(x), 0.1, self.training)
        return self.types(features), self.measures(features)

    def folded(self) -> Tiny3D:
        """Tiny3D with the batch normalisation in its convolutions."""
        net = Tiny3D()
        self.eval()
        names = [name for name, _ in net.named_children()]
        for name, convolution, norm in zip(names, self.convolutions(), self.norms, strict=True):
            assert isinstance(norm, nn.BatchNorm3d)
            setattr(net, name, fuse_conv_bn_eval(convolution, norm))
        return net.eval()


@dataclass(frozen=True)
class TrainingPlan:
    """How the network is trained."""

    epochs: int
    batch_size: int = 32
    lr: float = 3e-3
    weight_decay: float = 1e-3
    seed: int = FIRST_SEED


class Scale(NamedTuple):
    """Mean and standard deviation of the measures, (len(MEASURES),) each."""

    mean: Tensor
    std: Tensor


def scale_of(films: Sequence[Film]) -> Scale:
    """The scale of the measures over the clips of an extraction."""
    measures = torch.tensor([film.measure(start) for film, start in grid(films)])
    return Scale(measures.mean(dim=0), measures.std(dim=0).clamp_min(1e-3))


def train(
    films: Sequence[Film], scale: Scale, recipe: TrainingPlan
) -> Iterator[tuple[Pupil, float]]:
    """Train; yields the network and the mean loss after each epoch."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    pupil = Pupil()
    optimizer = torch.optim.AdamW(pupil.parameters(), weight_decay=recipe.weight_decay)
    n_steps = -(-len(scattered(films, np.random.default_rng(0))) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.lr, total_steps=recipe.epochs * n_steps, pct_start=0.2
    )
    for _ in range(recipe.epochs):
        pupil.train()
        total, seen = 0.0, 0
        for batch in batches(scattered(films, rng), recipe.batch_size):
            x = lit(batch.clips, generator)
            logits, measures = pupil(x)
            loss = loss_of(logits, measures, batch, scale)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(batch.types)
            seen += len(batch.types)
        yield pupil, total / seen


def loss_of(logits: Tensor, measures: Tensor, batch: DiveBatch, scale: Scale) -> Tensor:
    """Cross entropy of the type and weighted squared errors of the standardised measures."""
    wanted = (batch.measures - scale.mean) / scale.std
    errors = (measures - wanted).square().mean(dim=0)
    weights = torch.tensor(WEIGHTS)
    return functional.cross_entropy(logits, batch.types) + (errors * weights).mean() * 4.0


# What it has learned ---------------------------------------------------------------------------


@torch.no_grad()
def evaluate(pupil: Pupil, films: Sequence[Film], scale: Scale) -> dict[str, float]:
    """On clips as extracted: accuracy of the type per clip and per video, and R2 of measures."""
    pupil.eval()
    logits, types, measures, wanted = [], [], [], []
    votes = []
    for video in films:  # a batch is the clips of one video
        (batch,) = batches(grid([video]), len(video.frames))
        likely, measured = pupil(PREPROCESS.normalise(batch.clips))
        votes.append(likely.log_softmax(dim=1).mean(dim=0).argmax() == batch.types[0])
        logits.append(likely)
        types.append(batch.types)
        measures.append(measured * scale.std + scale.mean)
        wanted.append(batch.measures)
    hits = torch.cat(logits).argmax(dim=1) == torch.cat(types)
    truth = torch.cat(wanted)
    error = (torch.cat(measures) - truth).square().mean(dim=0)
    fit = 1.0 - error / truth.var(dim=0, correction=0).clamp_min(1e-6)
    return {
        "accuracy of the type, a clip": float(hits.float().mean()),
        "accuracy of the type, a video": float(torch.stack(votes).float().mean()),
        **{f"R2 of {name}": float(value) for name, value in zip(MEASURES, fit, strict=True)},
    }


def save(net: Tiny3D, path: Path, record: dict[str, str]) -> None:
    """Write the weights in float16 with `record` as the file's metadata."""
    tensors = {name: value.half().contiguous() for name, value in net.state_dict().items()}
    with replacing(path) as temporary:
        temporary.write_bytes(to_bytes(tensors, {"format": "pt", **record}))


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--seed", type=click.IntRange(FIRST_SEED), default=FIRST_SEED, show_default=True)
@click.option("--dives", type=click.IntRange(1), default=1200, show_default=True)
@click.option("--held-out", type=click.IntRange(1), default=80, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=8, show_default=True)
@click.option("--workers", type=int, default=2, show_default=True, help="Processes that draw.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to keep the drawn frames in, for the next run.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Threads that PyTorch uses.",
)
def main(
    out: Path,
    seed: int,
    dives: int,
    held_out: int,
    epochs: int,
    workers: int,
    cache: Path | None,
    threads: int,
) -> None:
    """Draw dives, train Tiny3D on them and write its weights to --out.

    What it has learned is shown on dives of the seed after --seed.
    """
    torch.set_num_threads(threads)
    films = cached(cache, seed, dives, workers)
    others = cached(cache, seed + 1, held_out, workers)
    click.echo(f"{len(films)} dives of seed {seed}, {len(others)} of seed {seed + 1} held out")
    scale = scale_of(films)
    started = time.perf_counter()
    recipe = TrainingPlan(epochs=epochs, seed=seed)
    for epoch, (pupil, loss) in enumerate(train(films, scale, recipe), start=1):
        seconds = time.perf_counter() - started
        click.echo(f"epoch {epoch}/{epochs}: loss {loss:.3f}, {seconds:.0f} s")
        save(pupil.folded(), out, _record(seed, dives, epoch))
    for name, value in evaluate(pupil, others, scale).items():
        click.echo(f"  {name}: {value:.3f}")
    click.echo(f"wrote {out}")


def _record(seed: int, dives: int, epochs: int) -> dict[str, str]:
    return {
        "what": "Tiny3D, trained on drawn platform dives (aqa.workflows.demo) to see type, stages "
        "and faults",
        "script": "aqa.workflows.demo.train_backbone",
        "seed": str(seed),
        "dives": str(dives),
        "epochs": str(epochs),
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__,
    }


if __name__ == "__main__":
    main()
