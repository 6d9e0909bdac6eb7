"""`aqa transfer` and the tables of parmar2019action, as typed, on six drawn sports."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.cli import main
from aqa.errors import AqaWarning
from aqa.features.store import FeatureStore, FeatureStoreWriter
from aqa.workflows.reproduce.cells import LAST, ReproducedCell
from aqa.workflows.reproduce.declared import PublishedTable
from aqa.workflows.reproduce.run import reproduce
from aqa.workflows.reproduce.tables import TABLES
from aqa.workflows.transfer.run import stored_examples, transfer
from aqa.workspace import Workspace

SPORTS = tuple(TABLES["parmar2019action-3"].cases)
N, DIM = 36, 6
QUICK = ("-p", "hidden=4", "-p", "epochs=2", "-p", "device=cpu")


@pytest.fixture(scope="module")
def sports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Quality shows alike in all sports, on scales of their own; a third is tested."""
    root = tmp_path_factory.mktemp("sports")
    rng = np.random.default_rng(0)
    quality = rng.normal(size=(len(SPORTS), N))
    scale = np.geomspace(1, 20, len(SPORTS))[:, None]
    scores = np.round(5 * scale + scale * quality, 3)
    rows = [
        {
            "video_id": f"{sport}_{k}",
            "path": "",
            "score": scores[i, k],
            "action": sport,
            "split_published": "test" if k % 3 == 0 else "train",
        }
        for i, sport in enumerate(SPORTS)
        for k in range(N)
    ]
    write_manifest(root / "manifest.csv", rows)
    clips = quality.reshape(-1, 1, 1) * np.linspace(-1, 1, DIM)
    clips = clips + rng.normal(scale=0.3, size=(len(rows), 3, DIM))
    np.save(root / "f.npy", clips.astype(np.float32))
    (root / "ids.txt").write_text("\n".join(row["video_id"] for row in rows))
    command = ["store", "import", "f.npy", "--ids", "ids.txt", "--store", "stores/f.h5"]
    paths = [str(root / w) if "." in w else w for w in command]
    assert CliRunner().invoke(main, ["-C", str(root), *paths]).exit_code == 0
    return root


def test_curves_are_written_and_drawn(
    sports: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    picture = tmp_path / "curves.png"
    shown = run_aqa(
        *("-C", str(sports), "transfer", "--action", "gym_vault", "--samples", "6"),
        *("--test", "20", "--draws", "2", "--picture", str(picture), *QUICK),
    ).output
    with (sports / "runs" / "transfer" / "gym_vault.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["iteration"] for row in rows} == {"0", "100", "200", "300"}
    assert len(rows) == 2 * 2 * 4
    result = json.loads((sports / "runs" / "transfer" / "gym_vault.json").read_text())
    assert result["n_others"] == 5 * N
    assert "gym_vault" not in result["others"]
    for reading in result["readings"]:
        assert f"{reading['last']:.3f} +- {reading['last_std']:.3f}" in shown
        own = [r for r in rows if (int(r["samples"]), r["start"]) == _key(reading)]
        last = [float(r["spearman"]) for r in own if r["iteration"] == "300"]
        assert reading["last"] == pytest.approx(np.mean(last))
    assert "chosen on the test videos" in shown
    image = cv2.imread(str(picture))
    assert image is not None
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 4


def test_an_action_is_no_folder(
    sports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> None:
    monkeypatch.setattr("aqa.workflows.transfer.learning.iterations_for", lambda samples: (2, 1))
    manifest = tmp_path / "manifest.csv"
    text = (sports / "manifest.csv").read_text().replace(",gym_vault,", ",../gym/vault,")
    manifest.write_text(text)
    run_aqa(
        *("-C", str(sports), "transfer", "--action", "../gym/vault", "--manifest", str(manifest)),
        *("--samples", "6", "--test", "20", "--draws", "1", *QUICK),
        *("--runs", str(tmp_path / "runs")),
    )
    written = sorted(path.name for path in (tmp_path / "runs" / "transfer").iterdir())
    assert written == ["..-gym-vault.csv", "..-gym-vault.json"]


def _key(reading: dict) -> tuple[int, str]:
    return reading["samples"], reading["start"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--action gymvault", "unknown action 'gymvault'; did you mean 'gym_vault'?"),
        ("--action gym_vault", "36 videos of gym_vault, too few to fine-tune on 35 and test 50"),
        ("--action gym_vault --head svr --samples 5 --test 9", "svr trains no network from"),
        ("--action gym_vault --head lstm-svr --samples 5 --test 9", "lstm-svr trains no network"),
        ("--action gym_vault --seed 1 -p seed=5", "--seed and -p seed=5 say the same thing"),
        ("--action gym_vault --samples 5 --test 9 -p hiden=3", "did you mean 'hidden'?"),
    ],
)
def test_what_cannot_be_is_one_line(
    sports: Path, run_aqa: Callable[..., Result], arguments: str, message: str
) -> None:
    code = 1 if "too few" in message else 2
    result = run_aqa("-C", str(sports), "transfer", *arguments.split(), code=code)
    assert message in result.output


def test_features_that_know_the_action_are_refused(
    sports: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    (tmp_path / "known.txt").write_text("gym_vault_0\ngym_vault_7")
    store = tmp_path / "known.h5"
    run_aqa(
        *("store", "import", str(sports / "f.npy"), "--ids", str(sports / "ids.txt")),
        *("--store", str(store), "--fitted-on", str(tmp_path / "known.txt")),
    )
    arguments = ("--action", "gym_vault", "--samples", "5", "--test", "9", "--store", str(store))
    result = run_aqa("-C", str(sports), "transfer", *arguments, code=1)
    assert "has learned from 2 videos of gym_vault" in result.output


def test_a_stores_views_come_with_the_videos(sports: Path, tmp_path: Path) -> None:
    video = Manifest.read(sports / "manifest.csv")[5]
    with FeatureStore.open(sports / "stores" / "f.h5") as plain:
        spec = plain.spec | {"views": ["original", "shift1", "shift2"], "view_seed": 0}
        own, clips = plain[video.id], plain.clips(video.id)
        assert stored_examples([video], plain).views == []
    with FeatureStoreWriter(tmp_path / "v.h5", spec) as writer:
        writer.append(video.id, [(own + k, clips) for k in range(3)], n_frames=48, fps=25.0)
    with FeatureStore.open(tmp_path / "v.h5") as store:
        found = stored_examples([video], store)
    assert found.scores.tolist() == [video.score]
    for k, shown in enumerate([found.features, *found.views]):
        np.testing.assert_array_equal(shown[0], own + k)


def quick(table: PublishedTable) -> PublishedTable:
    more = ("hidden=4", "epochs=6", "lr=0.02", "device=cpu")
    recipes = {
        system: tuple(replace(r, params=(*r.params, *more)) for r in own if r.head == "lstm")
        for system, own in table.recipes.items()
    }
    return replace(table, recipes={system: own for system, own in recipes.items() if own})


def run(table: PublishedTable, root: Path) -> dict[tuple[str, str], ReproducedCell]:
    with FeatureStore.open(root / "stores" / "f.h5") as store:
        found = reproduce(quick(table), Workspace(root), stand_in=store)
    assert not [line for line in found.failed if "no video" in line or "too few" in line]
    return {(cell.figure.system, cell.figure.case): cell for cell in found.cells}


def value(cells: dict[tuple[str, str], ReproducedCell], system: str, case: str) -> float:
    measured = cells[system, case].measured
    assert measured is not None
    assert measured.value is not None
    return measured.value


def test_single_and_all_action_models_run(sports: Path) -> None:
    cells = run(TABLES["parmar2019action-2"], sports)
    for system in ("C3D-LSTM single-action", "C3D-LSTM all-action"):
        values = [
            value(cells, system, case) for case in TABLES["parmar2019action-2"].cases.values()
        ]
        fisher = np.tanh(np.mean(np.arctanh(values)))
        assert value(cells, system, "mean") == pytest.approx(fisher)
    assert value(cells, "C3D-LSTM all-action", "mean") > 0.5


def test_new_actions_run_and_untrained_networks_know_nothing(sports: Path) -> None:
    with pytest.warns(AqaWarning, match="no training video is of the action"):
        cells = run(TABLES["parmar2019action-3"], sports)
    printed = list(TABLES["parmar2019action-3"].cases.values())
    multi, blind = (f"C3D-LSTM zero-shot: {s}" for s in ("multi-action (5 others)", "random init"))
    assert value(cells, multi, "mean") > 0.5
    assert abs(value(cells, blind, "mean")) < 0.5
    measured = cells[blind, "Diving"].measured
    assert measured is not None
    assert (measured.splits, measured.over) == (10, "networks")
    for one in printed:
        system = f"C3D-LSTM zero-shot: trained on {one}"
        others = [value(cells, system, case) for case in printed if case != one]
        assert value(cells, system, "mean") == pytest.approx(np.mean(others))  # errata E22
    run_json = sports / "runs/reproduce/c3d-lstm-zero-shot-multi-action-5-others/lstm"
    split = json.loads((run_json / "split-published-gym_vault/run.json").read_text())["split"]
    assert not [i for i in split["train"] if i.startswith("gym_vault")]
    assert len(split["train"]) == 5 * N * 2 // 3


def test_fine_tuning_prints_both_readings(sports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqa.workflows.transfer.learning.iterations_for", lambda samples: (2, 1))
    monkeypatch.setattr("aqa.workflows.transfer.learning.EVERY", 1)
    given = []

    def few(*arguments, samples, **options):
        given.append(tuple(samples))
        found = transfer(*arguments, samples=(4, 6, 8), draws=2, tested=20, **options)
        as_printed = dict(zip((4, 6, 8), samples, strict=True))
        curves = [row | {"samples": as_printed[row["samples"]]} for row in found.curves]
        return replace(found, curves=curves)

    monkeypatch.setattr("aqa.workflows.reproduce.runner.transfer", few)
    cells = run(TABLES["parmar2019action-4"], sports)
    assert given == [(25, 75, 125)] * 4 + [(15, 25, 35)] * 2
    assert len(cells) == 2 * 2 * 6 * 3
    for (system, case), cell in cells.items():
        assert cell.measured is not None
        assert (cell.measured.splits, cell.measured.over) == (2, "draws")
        assert value(cells, system, case.removesuffix(LAST)) >= value(cells, system, case)
