"""Section a: what a GPU computes, against what a CPU does."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from aqa.annotations.manifest import Video
from aqa.extract.backbones import backbone_names, get_architecture, load_backbone
from aqa.extract.encode import Encoder
from aqa.extract.run import extract
from aqa.features.store import FeatureStore
from aqa.models.examples import Examples
from aqa.models.heads import get_head

if TYPE_CHECKING:
    from aqa.benchmarks.gpu import Bench

# The largest relative L2 distance from the CPU's float32 features.
TOLERANCE = {"float32": 1e-4, "bfloat16": 1e-2}
# Where training on another device ends is not settled: rounding grows with every step.
HEADS = ("average", "lstm", "usdl", "mtl")
# Weights of a backbone that is measured after all else.
_LARGE = 500e6
# How the names of those begin that see single frames, so that two of a clip tell all.
_OF_FRAMES = ("dinov2", "clip")


def run(bench: Bench) -> None:
    """Features of every backbone, a store that is gone on with, heads, and the GPU's tests."""
    every = sorted(filter(has_random, backbone_names()), key=n_weights)
    names = ["tiny3d"] if bench.quick else every
    large = [name for name in names if n_weights(name) > _LARGE]
    for name in names[: len(names) - len(large)]:
        bench.measure(partial(drift, name, bench), what="features", backbone=name)
    bench.measure(partial(resumed, bench), what="resumed store")
    for name in HEADS[:1] if bench.quick else HEADS:
        bench.measure(partial(head_moves, name, bench), what="head", head=name)
    if bench.device.type == "cuda":
        bench.measure(partial(gpu_tests, bench), what="pytest -m gpu")
    # Last: making their random weights alone takes long, and where time runs out, it is for them.
    for name in large:
        bench.measure(partial(drift, name, bench), what="features", backbone=name)


def has_random(name: str) -> bool:
    """Whether a backbone can be made without a file."""
    return name == "tiny3d" or bool(get_architecture(name).layouts)


def n_weights(name: str) -> int:
    """How many numbers a backbone has."""
    architecture = get_architecture(name)
    return sum(map(math.prod, architecture.expected(architecture.default_layer).values()))


def weights_of(name: str) -> str | None:
    """What `load_backbone` takes for it without a file."""
    return None if name == "tiny3d" else "random"


def drift(name: str, bench: Bench) -> dict[str, Any]:
    """How far a backbone's features are from the CPU's, if that is in bounds, and its speed."""
    backbone = load_backbone(name, weights_of(name))
    length = 2 if name.startswith(_OF_FRAMES) else backbone.clip_length
    size = (2, length, *backbone.preprocess.crop, 3)
    frames = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    expected = Encoder(backbone, "cpu")(frames).numpy()
    found: dict[str, Any] = {"frames": length}
    for precision, most in TOLERANCE.items():
        encoder = Encoder(backbone, str(bench.device), precision=precision)  # type: ignore[arg-type]
        features = encoder(frames)  # the first warms up
        synchronise(bench.device)
        started = time.perf_counter()
        encoder(frames)
        synchronise(bench.device)
        rate = len(frames) / (time.perf_counter() - started)
        apart = np.linalg.norm(features.cpu().numpy() - expected) / np.linalg.norm(expected)
        found |= {precision: float(apart), f"{precision}_ok": bool(apart < most)}
        found[f"{precision}_clips_per_s"] = rate
    return found


def resumed(bench: Bench) -> dict[str, Any]:
    """Whether a store that was made in two goes holds the bytes of one made at once."""
    backbone = load_backbone("tiny3d" if bench.quick else "c3d", "random")
    videos = [Video(str(i), bench.video, 0.0) for i in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = Path(folder) / "whole.h5", Path(folder) / "parts.h5"
        for store, goes in ((whole, [videos]), (parts, [videos[:1], videos])):
            for some in goes:
                extract(some, backbone, store, device=str(bench.device))
        with FeatureStore.open(whole) as one, FeatureStore.open(parts) as other:
            alike = all(one[v.id].tobytes() == other[v.id].tobytes() for v in videos)
    return {"bytes_equal": alike}


def head_moves(name: str, bench: Bench) -> dict[str, Any]:
    """By how many standard deviations of the scores predictions move, fitted on each device."""
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(6, 64)).astype(np.float32) for _ in range(80)]
    scores = [float(60 + 20 * np.tanh(one[:, :4].mean())) for one in clips]
    columns = (
        {"attributes": [{"position": "abc"[i % 3]} for i in range(80)]} if name == "mtl" else {}
    )
    ids = tuple(map(str, range(80)))
    examples = Examples(ids, clips, np.array(scores), columns)
    predicted = [
        get_head(name)(device=device, epochs=3 if bench.quick else 30)
        .fit_examples(examples)
        .predict_examples(examples)
        for device in ("cpu", str(bench.device))
    ]
    moved = np.abs(predicted[0] - predicted[1]).max() / np.std(scores)
    return {"largest_move": float(moved), "ok": bool(moved < 0.02)}


def gpu_tests(bench: Bench) -> dict[str, Any]:
    """The tests that need a GPU; their output goes to pytest.txt."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-x", "-p", "no:cacheprovider"]
    root = Path(__file__).resolve().parents[1]
    try:
        done = subprocess.run(
            [*command, str(root / "tests")],
            timeout=max(bench.left, 1),
            capture_output=True,
            text=True,
            check=False,
            cwd=root,
        )
    except subprocess.TimeoutExpired:
        return {"ok": False, "said": "not ended in the section's time"}
    (bench.out / "pytest.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    return {"ok": done.returncode == 0, "said": (done.stdout.strip().splitlines() or [""])[-1]}


def synchronise(device: torch.device) -> None:
    """Wait for what a GPU has been told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
