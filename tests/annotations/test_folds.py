"""Folds of training videos: each is held out once, and no athlete is on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from aqa.annotations.folds import Folds, draw_folds
from aqa.annotations.manifest import Manifest, write_manifest
from aqa.errors import AqaError

N = 24


def manifest_of(folder: Path, **columns: Sequence[str]) -> Manifest:
    """Of 24 videos, the last six of which are tested, with these labels."""
    rows = [
        {
            "video_id": f"v{k:02d}",
            "path": "",
            "score": k,
            **{name: values[k] for name, values in columns.items()},
            "split_1": "train" if k < 18 else "test",
        }
        for k in range(N)
    ]
    write_manifest(folder / "manifest.csv", rows)
    return Manifest.read(folder / "manifest.csv")


def folds_of(manifest: Manifest, **more: object) -> Folds:
    return draw_folds(manifest.split("1"), manifest, 3, 0, **more)  # type: ignore[arg-type]


def shared(folds: Folds, labels: Mapping[str, str]) -> set[str]:
    """Labels that a fold's held-out videos share with those that it learns from."""
    return {
        label
        for kept, out in folds
        for label in {labels[i] for i in kept} & {labels[i] for i in out}
    } - {""}


def labels_in(manifest: Manifest, column: str) -> dict[str, str]:
    return {video.id: video.row[column] for video in manifest}


def check_each_once(folds: Folds) -> None:
    assert sorted(i for _, out in folds for i in out) == sorted(folds.ids)
    assert all({*kept}.isdisjoint(out) and len(kept) + len(out) == 18 for kept, out in folds)


def test_each_video_is_held_out_once_and_never_learned_from_then(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    split, folds = manifest.split("1"), folds_of(manifest)
    check_each_once(folds)
    assert [len(out) for out in folds.held_out] == [6, 6, 6]
    assert folds == folds_of(manifest) != draw_folds(split, manifest, 3, 1)
    assert (folds.kept_apart, folds.said) == ((), "")


def test_athletes_are_kept_apart_and_a_video_without_one_is_a_group_by_itself(
    tmp_path: Path,
) -> None:
    athletes = ["ann", "bo", "cy", "", "dee", "eve"] * 4
    manifest = manifest_of(tmp_path, athlete=athletes)
    folds = folds_of(manifest)
    check_each_once(folds)
    assert shared(folds, labels_in(manifest, "athlete")) == set()
    assert max(len(out) for out in folds.held_out) - min(len(out) for out in folds.held_out) <= 3
    assert folds.said == "no athlete in two of them"
    assert shared(folds_of(manifest, by=()), labels_in(manifest, "athlete")) != set()


def test_where_no_athlete_is_there_twice_folds_are_those_of_no_athletes(tmp_path: Path) -> None:
    plain = folds_of(manifest_of(tmp_path))
    named = folds_of(manifest_of(tmp_path, athlete=[f"a{k}" for k in range(N)]))
    assert named.held_out == plain.held_out
    assert named.kept_apart == ("athlete",)


@pytest.mark.parametrize("tested", ["of their own", "as trained"])
def test_events_are_kept_apart_where_the_split_does(tmp_path: Path, tested: str) -> None:
    events = [f"e{k % 5}" for k in range(18)] + ["e0" if tested == "as trained" else "e9"] * 6
    manifest = manifest_of(tmp_path, event=events)
    folds = folds_of(manifest)
    check_each_once(folds)
    apart = tested == "of their own"
    assert folds.kept_apart == (("event",) if apart else ())
    assert (shared(folds, labels_in(manifest, "event")) == set()) == apart
    assert shared(folds_of(manifest, by=("event",)), labels_in(manifest, "event")) == set()


def test_views_of_one_performance_are_kept_together(tmp_path: Path) -> None:
    keys = [f"p{k // 2};other{k // 2}" if k % 2 else f"p{k // 2}" for k in range(N)]
    folds = folds_of(manifest_of(tmp_path, performance=keys))
    assert folds.kept_apart == ("performance",)
    pairs = [(f"v{k:02d}", f"v{k + 1:02d}") for k in range(0, 18, 2)]
    assert all((a in out) == (b in out) for a, b in pairs for out in folds.held_out)


def test_what_too_few_groups_cannot_keep_apart_is_said(tmp_path: Path) -> None:
    athletes = ["ann", "bo"] * 12
    manifest = manifest_of(tmp_path, athlete=athletes)
    folds = folds_of(manifest)
    check_each_once(folds)
    assert (folds.kept_apart, folds.shared) == ((), ("athlete",))
    assert folds.said == "the same athlete in several"
    with pytest.raises(AqaError, match="share no athlete are too few groups for 3 folds"):
        folds_of(manifest, by=("athlete",))


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match="unknown column 'evnt'"):
        folds_of(manifest_of(tmp_path, event=["e"] * N), by=("evnt",))
