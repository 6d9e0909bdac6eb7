"""Tiny3D as it ships, and the script that trained it, end to end on a handful of dives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open

from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.tiny3d import PREPROCESS, architecture
from aqa.workflows.demo import train_backbone
from aqa.workflows.demo.panel import FAULT_COSTS
from aqa.workflows.demo.sampling import sample_dive
from aqa.workflows.demo.train_backbone import LENGTH, MEASURES, Film, Pupil, body_angles


def film_of(**faults: float) -> Film:
    """A forward dive in pike with the given faults, in black pictures."""
    dive = sample_dive(5, 0, type="103B", faults=faults)
    return Film(dive, PREPROCESS.blank_clip(dive.n_frames), body_angles(dive))


def measured(film: Film, start: int) -> dict[str, float]:
    return dict(zip(MEASURES, film.measure(start), strict=True))


def test_shipped_weights() -> None:
    path = architecture("tiny3d").shipped
    assert path is not None
    assert path.stat().st_size < 2_000_000
    with safe_open(path, "pt") as file:
        record = file.metadata()
    # The file is older than the folder of the script; written anew, it would be other weights.
    assert record["script"] == "aqa.demo.train_backbone"
    assert int(record["seed"]) >= train_backbone.FIRST_SEED
    backbone = load_backbone("tiny3d")
    assert backbone.weights.name == "shipped"
    clips = torch.randint(256, (3, 16, 64, 64, 3), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = backbone(PREPROCESS.normalise(clips.to(torch.uint8)))
    assert features.shape == (3, *backbone.shape) == (3, 128)
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()


def test_script_writes_loadable_weights(tmp_path: Path) -> None:
    def trained(name: str) -> dict[str, torch.Tensor]:
        out = tmp_path / f"{name}.safetensors"
        args = ["--out", str(out), "--cache", str(tmp_path), "--workers", "0"]
        result = CliRunner().invoke(
            train_backbone.main, [*args, "--dives=2", "--held-out=1", "--epochs=1"]
        )
        assert result.exit_code == 0, result.output
        assert "accuracy of the type" in result.output
        return load_backbone("tiny3d", out).state_dict()

    first, again = trained("first"), trained("again")
    for name, value in first.items():
        torch.testing.assert_close(again[name], value)


def test_seeds_of_the_demo_are_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        train_backbone.main, ["--out", str(tmp_path / "x.safetensors"), "--seed=0"]
    )
    assert result.exit_code == 2
    assert "--seed" in result.output


@torch.no_grad()
def test_folding_changes_nothing() -> None:
    torch.manual_seed(0)
    pupil = Pupil()
    x = torch.randn(2, 3, 16, 64, 64)
    pupil(x)  # moves the statistics away from where they begin
    pupil.eval()
    wanted = pupil.features(x)
    torch.testing.assert_close(pupil.folded()(x), wanted, rtol=1e-4, atol=1e-5)


def test_a_fault_is_measured_where_it_shows() -> None:
    film = film_of(over_rotation=0.8)
    (fault,) = film.dive.faults
    before = measured(film, fault.start - LENGTH)
    assert before["seen_over_rotation"] == before["share_over_rotation"] == 0.0
    assert measured(film, fault.start)["seen_over_rotation"] == pytest.approx(0.8)
    shares = [
        measured(film, start)["share_over_rotation"]
        for start in range(fault.start % LENGTH, film.dive.n_frames - LENGTH + 1, LENGTH)
    ]
    assert sum(shares) == pytest.approx(0.8)
    others = FAULT_COSTS.keys() - {"over_rotation"}
    assert all(measured(film, fault.start)[f"seen_{name}"] == 0.0 for name in others)


def test_bends_follow_the_knees() -> None:
    straight, bent = film_of(), film_of(bent_legs=1.0)
    (fault,) = bent.dive.faults
    middle = (fault.start + fault.stop) // 2
    assert bent.body[middle, 1] - straight.body[middle, 1] == pytest.approx(
        np.radians(115), abs=0.1
    )
    np.testing.assert_array_equal(bent.body[: fault.start], straight.body[: fault.start])


def test_stages_fill_the_clip() -> None:
    film = film_of()
    found = measured(film, film.dive.stages.flight - 8)
    assert sum(found[name] for name in train_backbone.STAGES) == pytest.approx(1.0)
    assert found["flight"] == pytest.approx(0.5)
