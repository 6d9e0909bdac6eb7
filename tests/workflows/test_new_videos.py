"""New videos scored and explained: what cannot be taken as it is said travels with the result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.errors import AqaError, UnknownNameError
from aqa.extract.video.clip_reader import ClipReader
from aqa.models.runs import load_run
from aqa.workflows import new_videos
from aqa.workflows.feedback import clip_frames, explain
from aqa.workflows.score import score_videos

COMPLAINT = "4 frames were promised and did not come"


class ComplainingReader(ClipReader):
    """Reads a video, and says that it was not all there."""

    def __iter__(self):
        yield from super().__iter__()
        self.warnings = (COMPLAINT,)


@pytest.fixture
def workspace(
    tmp_path: Path,
    numbered_video: Callable[..., Path],
    run_aqa: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Six videos, their features, and a head that explains, fitted on two splits."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "video_id": f"v{i}",
            "path": numbered_video(32 + i, f"v{i}.avi").name,
            "score": 10 * i,
            "split_1": "test" if i == 0 else "train",
            "split_2": "test" if i == 1 else "train",
        }
        for i in range(6)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    run_aqa("extract", "--backbone", "tiny3d", "--quiet")
    run_aqa("fit", "--head", "wd", "-p", "epochs=2", "-p", "device=cpu")
    return tmp_path


@pytest.fixture
def complaining(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_videos, "ClipReader", ComplainingReader)


def runs(workspace: Path) -> list[Path]:
    return [workspace / f"runs/wd/split-{name}" for name in "12"]


def test_scores_failures_and_warnings(workspace: Path, complaining: None) -> None:
    (workspace / "bad.mp4").write_bytes(b"x")
    paths = [workspace / name for name in ("v3.avi", "bad.mp4", "v4.avi")]
    outcome = score_videos(paths, [load_run(folder) for folder in runs(workspace)])
    assert [video.path for video in outcome.done] == [paths[0], paths[2]]
    assert [video.path for video in outcome.failed] == [paths[1]]
    learned = "the head has learned from this very video ({}): its score says nothing of how well"
    assert [line.removesuffix(" others are scored") for line in outcome.warnings] == [
        *(f"{paths[0]}: {learned.format('v3')}", f"{paths[0]}: {COMPLAINT}"),
        *(f"{paths[2]}: {learned.format('v4')}", f"{paths[2]}: {COMPLAINT}"),
    ]
    for video in outcome.done:
        assert list(video.by_split) == ["1", "2"]
        assert video.score == pytest.approx(sum(video.by_split.values()) / 2)


def test_a_new_file_is_explained_as_the_stored_video_is(workspace: Path, complaining: None) -> None:
    manifest = Manifest.read(workspace / "manifest.csv")
    stored = explain("v0", runs(workspace), manifest)
    copied = shutil.copy(workspace / "v0.avi", workspace / "copy.avi")
    new = explain(str(copied), runs(workspace), manifest)
    assert stored.warnings == ()
    assert new.warnings == (f"{copied}: {COMPLAINT}",)
    for ours, theirs in zip(new.feedback.clips, stored.feedback.clips, strict=True):
        assert ours.value == pytest.approx(theirs.value, abs=1e-4)
        assert (ours.start_seconds, ours.stop) == (theirs.start_seconds, theirs.stop)


def test_a_file_of_the_manifest_is_the_stored_video_until_it_changes(
    workspace: Path, complaining: None
) -> None:
    manifest, file = Manifest.read(workspace / "manifest.csv"), workspace / "v0.avi"
    same = explain(str(file), runs(workspace), manifest)
    assert (same.feedback.video, same.warnings) == ("v0", ())
    shutil.copy(workspace / "v5.avi", file)
    other = explain(str(file), runs(workspace), manifest)
    assert other.feedback.video == str(file)
    assert any(COMPLAINT in line for line in other.warnings)


def test_the_run_that_has_not_learned_from_the_video_is_taken(workspace: Path) -> None:
    manifest = Manifest.read(workspace / "manifest.csv")
    assert explain("v1", runs(workspace), manifest).run.split == "2"
    learned = explain("v3", runs(workspace), manifest)
    assert learned.run.split == "1"
    assert learned.warnings == (
        f"{runs(workspace)[0]} has learned from v3: its score says nothing of how well others are "
        "scored",
    )
    with pytest.raises(UnknownNameError, match="unknown video 'v9'"):
        explain("v9", runs(workspace), manifest)


def test_frames_are_those_in_the_middle_of_each_clip(workspace: Path) -> None:
    """Frame i of a numbered video is red = i."""
    manifest = Manifest.read(workspace / "manifest.csv")
    explained = explain("v0", runs(workspace), manifest)
    shown = clip_frames(explained)
    reds = [int(frame[-1, -1, 0]) for frame in shown.video]
    assert reds == pytest.approx([7, 23], abs=1)
    assert (shown.exemplar_frames, shown.exemplar) == ([], "")


def test_runs_of_other_features_are_not_averaged(workspace: Path, run_aqa) -> None:
    run_aqa("extract", "--backbone", "tiny3d", "--stride", "8", "--store", "s8.h5", "--quiet")
    other = ("--store", "s8.h5", "--runs", "other", "--split", "2", "-p", "epochs=1")
    run_aqa("fit", "--head", "wd", *other)
    mixed = [load_run(f) for f in (runs(workspace)[0], workspace / "other/wd/split-2")]
    with pytest.raises(AqaError, match=r"fitted on different features: .*stride.*--split"):
        score_videos([workspace / "v0.avi"], mixed)


def test_commands_print_the_warnings(workspace: Path, complaining: None, run_aqa) -> None:
    scored = run_aqa("score", "v3.avi", "--json")
    assert f"warning: v3.avi: {COMPLAINT}" in scored.stderr
    assert json.loads(scored.stdout)["scores"][0]["warning"].endswith(f"; {COMPLAINT}")
    assert f"warning: v3.avi: {COMPLAINT}" in run_aqa("score", "v3.avi").stderr
    shutil.copy("v3.avi", "copy.avi")
    told = run_aqa("feedback", "copy.avi", "--head", "wd")
    assert f"warning: copy.avi: {COMPLAINT}" in told.stderr
    assert "runs/wd/split-1 has learned from v3" in run_aqa("feedback", "v3", "--head", "wd").stderr


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_feedback_is_drawn_by_the_ending(workspace: Path, run_aqa, ending: str) -> None:
    run_aqa("feedback", "v0", "--head", "wd", "--picture", f"why.{ending}")
    assert (workspace / f"why.{ending}").stat().st_size > 1000


def test_another_ending_is_refused_before_anything_is_computed(workspace: Path, run_aqa) -> None:
    for command in (("feedback", "v0", "--head", "wd"), ("embed",), ("fragments",)):
        refused = run_aqa(*command, "--picture", "why.gif", code=2)
        assert "name a file that ends in .png, .svg or .pdf" in refused.output


def test_matplotlib_is_imported_for_pictures_only(workspace: Path, run_aqa) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from aqa.cli import main\n"
        "try: main(['feedback', 'v0', '--head', 'wd'], prog_name='aqa')\n"
        "except SystemExit: pass\n"
        "assert 'matplotlib' not in sys.modules and 'sklearn.manifold' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
