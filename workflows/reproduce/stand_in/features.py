"""Drawn features, fewer of them than a store's backbone gives, cut into clips by its options."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.extract.augment import make_augmentations
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStoreWriter
from aqa.features.store.spec import Spec

# A stand-in has so many times fewer channels than the backbone gives: no head depends on how many.
NARROWER = 16
# (backbone, layer) -> shape of a clip's feature, channels first; the layer is "" where the options
# name none.
SHAPES: dict[tuple[str, str], tuple[int, ...]] = {
    ("c3d", ""): (4096,),
    ("c3d", "pool5"): (8192,),
    ("c3d", "conv5b"): (512, 2, 7, 7),
    ("p3d-199", ""): (2048,),
    ("i3d", ""): (1024,),
    ("video-swin-base", ""): (1024,),
    **{(f"{kind}-{depth}", ""): (512,) for kind in ("r3d", "r2plus1d") for depth in (18, 34)},
    **{(f"{kind}-{depth}", ""): (2048,) for kind in ("r3d", "r2plus1d") for depth in (50, 101)},
    ("r2plus1d-34-ig65m", ""): (512,),
}
JOINTS = tuple(f"joint{k:02d}" for k in range(17))
# A store of many augmentations is drawn with so many; they are other numbers, no other pictures.
MOST_AUGMENTATIONS = 3
FRAMES = (96, 110)


def draw_store(path: Path, options: str, manifest: Manifest, seed: int = 0) -> None:
    """Write the store that `aqa extract OPTIONS` would write, with features that follow scores.

    The first number of a clip's feature is the video's score, standardised among its action's;
    the others are noise. The response to a blank clip is zero.
    """
    asked = _parsed(options)
    rng = np.random.default_rng(seed)
    shape = _shape(asked)
    names = asked.augmentations.split(",")[:MOST_AUGMENTATIONS]
    rule = _rule(asked)
    skills = _skills(manifest)
    spec = _spec(asked, shape, rule, names)
    blank = None if asked.backbone == "pose" else np.zeros(shape, np.float32)
    with FeatureStoreWriter(path, spec, blank=blank, ids=manifest.ids, durable=False) as writer:
        for video_id in manifest.ids:
            n_frames = int(rng.integers(*FRAMES))
            cuts = [
                one.rule.clips(n_frames) for one in make_augmentations(names, rule, video_id, seed)
            ]
            drawn = [(_drawn(skills[video_id], len(clips), shape, rng), clips) for clips in cuts]
            writer.append(video_id, drawn, n_frames=n_frames)


def _parsed(options: str) -> argparse.Namespace:
    """Those of the options of `aqa extract` that say what a store holds."""
    parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--backbone")
    parser.add_argument("--layer", default="")
    parser.add_argument("--clip-length", type=int, default=16)
    parser.add_argument("--stride", type=int)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--tail", default="shift")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--augmentations", default="original")
    return parser.parse_known_args(shlex.split(options))[0]


def _shape(asked: argparse.Namespace) -> tuple[int, ...]:
    if asked.backbone == "pose":
        return (2 * len(JOINTS),)
    if (asked.backbone, asked.layer) not in SHAPES:
        raise AqaError(
            f"no shape is known of {asked.backbone} {asked.layer}, so features of it cannot be "
            "drawn; rehearse on a store, with --stand-in-store"
        )
    channels, *size = SHAPES[asked.backbone, asked.layer]
    return (channels // NARROWER, *size)


def _rule(asked: argparse.Namespace) -> ClipRule:
    if asked.backbone == "pose":
        return ClipRule(length=1, stride=1)
    return ClipRule(
        length=asked.clip_length,
        stride=asked.stride or asked.clip_length,
        video_length=asked.frames,
        tail=asked.tail,
    )


def _spec(
    asked: argparse.Namespace, shape: tuple[int, ...], rule: ClipRule, names: Sequence[str]
) -> Spec:
    spec: Spec = {
        "backbone": asked.backbone,
        "weights": {"name": "drawn stand-in", "sha256": None, "fitted_on": None},
        **{"layer": asked.layer or None, "shape": list(shape), "dtype": asked.dtype},
        **{"clip_length": rule.length, "stride": rule.stride, "frames": rule.video_length},
        **{"padding": rule.pad, "tail": rule.tail, "preprocess": None},
        **{"views": list(names), "view_seed": 0 if len(names) > 1 else None},
    }
    return {**spec, "joints": list(JOINTS)} if asked.backbone == "pose" else spec


def _skills(manifest: Manifest) -> dict[str, float]:
    """Each video's score, standardised among the videos of its action."""
    skills: dict[str, float] = {}
    for action in {video.action for video in manifest}:
        of_action = [video for video in manifest if video.action == action]
        scores = np.array([video.score for video in of_action])
        scaled = (scores - scores.mean()) / (scores.std() or 1.0)
        skills |= {v.id: float(s) for v, s in zip(of_action, scaled, strict=True)}
    return skills


def _drawn(
    skill: float, n_clips: int, shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.float32]:
    features = rng.standard_normal((n_clips, *shape), np.float32)
    features.reshape(n_clips, -1)[:, 0] = skill
    return features
