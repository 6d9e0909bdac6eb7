"""`aqa demo` refuses folders that are not its own; the whole of it runs in `.ci/run`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from aqa.annotations.manifest import Manifest, Video
from aqa.cli import main
from aqa.extract.backbones import load_backbone
from aqa.extract.run import extract
from aqa.models.runs import Run
from aqa.workflows.demo.run import BACKBONE, NEW_SEED_OFFSET, fit_writer
from aqa.workflows.demo.train_backbone import FIRST_SEED
from aqa.workflows.score import score_videos
from aqa.workspace import Workspace


def refused(folder: Path, *options: str) -> str:
    result = CliRunner().invoke(main, ["demo", str(folder), *options], prog_name="aqa")
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    return result.output


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("notes.txt", "mine", "holds other files"),
        ("demo.json", '{"videos": 99, "seed": 0}', "holds a demo of"),
        ("demo.json", "{", "not the record of a demo"),
    ],
)
def test_other_folders_are_left_alone(
    tmp_path: Path, name: str, content: str, expected: str
) -> None:
    (tmp_path / name).write_text(content)
    assert expected in refused(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == content


def test_the_network_has_seen_no_dive_of_any_demo(tmp_path: Path) -> None:
    assert "not in the range" in refused(tmp_path, "--seed", str(NEW_SEED_OFFSET))
    assert 2 * NEW_SEED_OFFSET <= FIRST_SEED


def test_a_head_learns_to_say_what_it_sees_beside_those_that_are_compared(
    tmp_path: Path, drawn_dives: Path
) -> None:
    manifest, place = Manifest.read(drawn_dives / "manifest.csv"), Workspace(tmp_path)
    extract(manifest.videos, load_backbone(BACKBONE), place.store(BACKBONE))
    told: list[str] = []
    run = fit_writer(place, manifest, 0, told.append)
    assert isinstance(run, Run)
    assert len(told) == 1
    assert not place.runs.exists()  # `aqa compare` keeps to the splits that all heads have
    path = manifest.videos[0].path
    assert path is not None
    (scored,) = score_videos([path], [run]).done
    assert set(scored.commentary["all"].split()) <= {*run.head.vocabulary.words}
    assert {"somersault", "splash"} < {*run.head.vocabulary.words}


def test_dives_without_commentary_are_not_written_of(tmp_path: Path) -> None:
    """Of a demo that an earlier version began."""
    manifest = Manifest([Video("a", None, 1.0)], tmp_path / "manifest.csv")
    assert fit_writer(Workspace(tmp_path), manifest, 0, pytest.fail) is None
