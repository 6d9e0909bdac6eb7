"""A pack scores and explains where nothing of its workspace is; its card says what is recorded."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aqa import api
from aqa.annotations.manifest import Manifest
from aqa.cli import main
from aqa.errors import AqaError
from aqa.models.runs import load_run
from aqa.workflows.model_places import places_for
from aqa.workflows.pack import open_pack, pack_runs
from aqa.workflows.scorer import Scorer
from aqa.workflows.training_files import TrainingFiles, training_files
from aqa.workspace import Workspace, run_folders


@pytest.fixture(scope="module")
def packed(dives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of the fitted wd, in a folder of its own."""
    out = tmp_path_factory.mktemp("pack") / "diving.aqa"
    pack_runs([dives / "runs/wd/split-1"], out)
    return out


@pytest.fixture
def elsewhere(dives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with one video, worked in; it knows nothing of the workspace."""
    shutil.copy(dives / "videos" / "dive_0003.mp4", tmp_path / "new.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def members(pack: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_scores_as_the_workspace_does_where_nothing_of_that_is(
    dives: Path, packed: Path, elsewhere: Path, run_aqa: Callable[..., Result]
) -> None:
    here = json.loads(run_aqa("score", "new.mp4", "--model", str(packed), "--json").stdout)
    there = json.loads(
        run_aqa("-C", str(dives), "score", str(elsewhere / "new.mp4"), "--json").stdout
    )
    assert here["scores"][0]["score"] == there["scores"][0]["score"]
    assert here["scores"][0]["by_split"].keys() == {"1"}


def test_it_explains_and_writes_a_page_there(
    packed: Path, elsewhere: Path, run_aqa: Callable[..., Result]
) -> None:
    said = run_aqa("feedback", "new.mp4", "--model", str(packed), "--type", "107B").stdout
    assert "by diving.aqa/runs/wd/split-1" in said
    assert "points added to a base" in said
    run_aqa("report", "new.mp4", "--model", str(packed), "-o", "page.html")
    page = (elsewhere / "page.html").read_text(encoding="utf-8")
    assert "learned from 6 videos" in page
    assert "aqa-pack-" not in page  # where it was unpacked
    assert "data:video/mp4" in page
    assert sorted(path.name for path in elsewhere.iterdir()) == ["new.mp4", "page.html"]


def test_python_takes_a_pack_too(
    packed: Path, elsewhere: Path, run_aqa: Callable[..., Result]
) -> None:
    said = run_aqa("score", "new.mp4", "--model", str(packed), "--json").stdout
    wanted = json.loads(said)["scores"][0]["score"]
    scored = api.score("new.mp4", model=packed)
    assert [row["score"] for row in scored] == [wanted]
    assert scored.model is not None
    assert scored.model["head"] == "wd"
    explained = api.explain("new.mp4", model=packed, type="107B")
    assert len(explained) > 4
    with Scorer.open(model=packed) as scorer:
        assert scorer.score("new.mp4").score == wanted
        unpacked = scorer.runs[0].folder
        assert unpacked.exists()
    assert not unpacked.exists()
    with ExitStack() as stack:
        places = places_for(stack, Workspace(elsewhere), packed)
        assert places.videos(["https://host/new.mp4"]) == ["https://host/new.mp4"]
    with pytest.raises(AqaError, match="leave these out"):
        api.explain("new.mp4", model=packed, manifest="manifest.csv")
    with pytest.raises(AqaError, match=r"nothing\.mp4: no such file"):
        api.explain("nothing.mp4", model=packed)


def test_a_pack_of_pairs_answers_without_their_table(
    dives: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    folder = tmp_path / "dives"
    shutil.copytree(dives, folder, ignore=shutil.ignore_patterns("runs"))
    ids = Manifest.read(folder / "manifest.csv").ids
    pairs = "".join(f"{ids[i]},{ids[j]}\n" for i in (0, 1, 3) for j in (4, 6, 7))
    (folder / "pairs.csv").write_text(f"better,worse\n{pairs}")
    quick = ("-p", "epochs=2", "-p", "device=cpu", "--no-ranges")
    run_aqa("-C", str(folder), "fit", "--head", "average", "--target", "pairs", *quick)
    out, video = tmp_path / "pairs.aqa", str(folder / "new dive.mp4")
    pack_runs(run_folders(folder / "runs", ("average@pairs",)), out)
    (folder / "pairs.csv").unlink()
    for command in ("score", "feedback"):
        assert "rank value" in run_aqa(command, video, "--model", str(out)).stdout


def test_the_same_runs_give_the_same_bytes(dives: Path, tmp_path: Path) -> None:
    for name in ("a.aqa", "b.aqa"):
        pack_runs([dives / "runs/wd/split-1"], tmp_path / name, n_exemplars=1)
    assert (tmp_path / "a.aqa").read_bytes() == (tmp_path / "b.aqa").read_bytes()


def test_it_holds_no_video_and_no_path(dives: Path, packed: Path) -> None:
    held = members(packed)
    assert set(held) == {
        *("pack.json", "card.md", "manifest.csv", "weights/tiny3d.safetensors"),
        *(f"runs/wd/split-1/{n}" for n in ("run.json", "model.safetensors", "metrics.json")),
    }
    texts = b"".join(data for name, data in held.items() if not name.endswith(".safetensors"))
    assert str(dives).encode() not in texts
    assert b"commentary" not in texts
    assert set(json.loads(held["runs/wd/split-1/metrics.json"])) == {"test"}
    assert held["manifest.csv"].count(b"\n") == 1 + 6  # the training videos alone


def test_exemplars_are_copied_where_asked_for_and_play_beside(
    dives: Path, elsewhere: Path, run_aqa: Callable[..., Result]
) -> None:
    run = str(dives / "runs/wd/split-1")
    run_aqa("pack", run, "--exemplars", "1", "-o", "with.aqa")
    with open_pack(elsewhere / "with.aqa") as pack:
        shown = [video for video in Manifest.read(pack.workspace.manifest) if video.path]
        assert shown
        assert len({video.type for video in shown}) == len(shown)
        for video in shown:
            assert video.path.read_bytes() == (dives / f"videos/{video.id}.mp4").read_bytes()
        folder = pack.workspace.root
    assert not folder.exists()
    kind = shown[0].type
    run_aqa("report", "new.mp4", "--model", "with.aqa", "--type", kind, "-o", "page.html")
    assert shown[0].id in (elsewhere / "page.html").read_text(encoding="utf-8")


def test_the_card_says_what_is_recorded(
    dives: Path, packed: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    card = run_aqa("pack", "--show", str(packed)).stdout
    metrics = json.loads((dives / "runs/wd/split-1/metrics.json").read_text())["test"]
    assert f"| 1 | {metrics['n']} | " in card
    assert f"{metrics['med']:.2f}" in card
    scores = [video.score for video in Manifest.read(dives / "manifest.csv")]
    found = re.search(r"their scores: ([\d.]+) to ([\d.]+) points", card)
    assert found is not None
    assert min(scores) <= float(found[1]) < float(found[2]) <= max(scores)
    assert "6 videos in all" in card
    assert "of real videos its scores mean" in card
    assert "no licence for the heads" in card
    (tmp_path / "words.md").write_text("For *club* evenings.")
    (tmp_path / "terms.txt").write_text("Do as you like.")
    options = ["--card", str(tmp_path / "words.md"), "--licence", str(tmp_path / "terms.txt")]
    out = tmp_path / "own.aqa"
    run_aqa("pack", str(dives / "runs/wd"), "-o", str(out), *options)
    assert "For *club* evenings." in run_aqa("pack", "--show", str(out)).stdout
    assert members(out)["licence.txt"] == b"Do as you like."


def test_a_run_that_was_not_evaluated_has_no_made_up_results(dives: Path, tmp_path: Path) -> None:
    shutil.copytree(dives, tmp_path / "w")
    (tmp_path / "w/runs/wd/split-1/metrics.json").unlink()
    card = pack_runs([tmp_path / "w/runs/wd/split-1"], tmp_path / "x.aqa").card
    assert "was not evaluated on test videos of split 1" in card
    assert "Spearman" not in card


def test_a_training_video_is_known_by_its_content(
    dives: Path, packed: Path, tmp_path: Path
) -> None:
    with open_pack(packed) as pack:
        (run,) = [load_run(folder) for folder in run_folders(pack.workspace.runs)]
        assert set(training_files(run)) == run.learned_from
        files = TrainingFiles([run])
        video = min(run.learned_from)
        copy = shutil.copy(dives / "videos" / f"{video}.mp4", tmp_path / "other name.mp4")
        assert files.ids_of(Path(copy)) == [video]
        assert f"learned from this very video ({video})" in files.warning(Path(copy))
        tested = next(v for v in Manifest.read(dives / "manifest.csv") if v.splits["1"] == "test")
        assert files.warning(tested.path) == ""
        assert files.warning(tmp_path / "none.mp4") == ""
    stored = load_run(dives / "runs/wd/split-1")
    assert training_files(stored) == training_files(run)


def test_a_training_video_is_told_where_it_is_scored(
    dives: Path, packed: Path, elsewhere: Path, run_aqa: Callable[..., Result]
) -> None:
    manifest = Manifest.read(dives / "manifest.csv")
    learned = next(video for video in manifest if video.splits["1"] == "train")
    shutil.copy(learned.path, "mine.mp4")
    for command in (["score"], ["feedback"], ["report", "-o", "x.html"]):
        said = run_aqa(*command, "mine.mp4", "--model", str(packed)).stderr
        assert (
            f"warning: mine.mp4: the head has learned from this very video ({learned.id})" in said
        )
    in_workspace = run_aqa("-C", str(dives), "score", str(learned.path), "--head", "wd")
    assert f"learned from this very video ({learned.id})" in in_workspace.stderr
    tested = next(video for video in manifest if video.splits["1"] == "test")
    shutil.copy(tested.path, "new.mp4")
    assert "learned from" not in run_aqa("score", "new.mp4", "--model", str(packed)).stderr


def test_weights_that_are_outside_are_named_by_their_hash(
    dives: Path, elsewhere: Path, run_aqa: Callable[..., Result]
) -> None:
    run_aqa("pack", str(dives / "runs/wd"), "--without-backbone", "-o", "light.aqa")
    held = members(elsewhere / "light.aqa")
    assert not any(name.startswith("weights/") for name in held)
    network = json.loads(held["pack.json"])["backbone"]
    assert network["inside"] is None
    assert len(network["sha256"]) == 64
    run_aqa("score", "new.mp4", "--model", "light.aqa")  # tiny3d comes with aqa


def test_weights_that_have_changed_are_not_packed(dives: Path, tmp_path: Path) -> None:
    from aqa.errors import AqaError
    from aqa.models.saved.hashes import hash_of

    shutil.copytree(dives, tmp_path / "w")
    path = tmp_path / "w/runs/wd/split-1/run.json"
    record = json.loads(path.read_text())
    (tmp_path / "mine.safetensors").write_bytes(b"changed")
    made = {"name": "mine.safetensors", "path": str(tmp_path / "mine.safetensors")}
    record["store"]["spec"]["weights"] |= made
    record["hashes"]["spec"] = hash_of(record["store"]["spec"])
    path.write_text(json.dumps(record))
    with pytest.raises(AqaError, match=r"not the weights that .* was fitted on"):
        pack_runs([path.parent], tmp_path / "x.aqa")
    (tmp_path / "mine.safetensors").unlink()
    with pytest.raises(AqaError, match="not there any more"):
        pack_runs([path.parent], tmp_path / "x.aqa")
    assert not (tmp_path / "x.aqa").exists()


def test_weights_of_the_hub_keep_their_config(dives: Path, tmp_path: Path) -> None:
    from aqa.files import sha256_of
    from aqa.models.saved.hashes import hash_of

    run = tmp_path / "w/runs/wd/split-1"
    shutil.copytree(dives, tmp_path / "w")
    weights = tmp_path / "hub/model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"tensors")
    weights.with_name("config.json").write_text("{}")
    record = json.loads((run / "run.json").read_text())
    made = {"name": weights.name, "path": str(weights), "sha256": sha256_of(weights)}
    record["store"]["spec"]["weights"] |= {**made, "layout": "hub"}
    record["hashes"]["spec"] = hash_of(record["store"]["spec"])
    (run / "run.json").write_text(json.dumps(record))
    pack_runs([run], tmp_path / "x.aqa")
    with open_pack(tmp_path / "x.aqa") as pack:
        assert pack.weights is not None
        assert pack.weights.read_bytes() == b"tensors"
        assert pack.weights.with_name("config.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["pack"], "name the runs to pack", 2),
        (["pack", "runs/no-such"], "no run, and no folder of runs", 2),
        (["pack", "runs/wd", "runs/wd/split-1"], "another of the runs is of wd/split-1", 1),
        (["pack", "--show", "manifest.csv"], "not a whole pack", 1),
        (["score", "new dive.mp4", "--model", "no-such.aqa"], "no such file", 1),
        (["score", "new dive.mp4", "--model", "manifest.csv"], "not a whole pack", 1),
        (["report", "dive_0003", "--model", "PACK"], "dive_0003: no such file", 1),
        (["score", "new dive.mp4", "--model", "PACK", "--runs", "runs"], "--runs and --model", 2),
        (["report", "new dive.mp4", "--model", "PACK", "--store", "x.h5"], "--store and", 2),
        (["score", "new dive.mp4", "--model", "PACK", "--head", "svr"], "unknown fitted head", 2),
    ],
)
def test_mistakes_end_in_one_line(
    arguments: list[str], said: str, code: int, dives: Path, packed: Path
) -> None:
    typed = [str(packed) if one == "PACK" else one for one in arguments]
    result = CliRunner().invoke(main, ["-C", str(dives), *typed])
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) <= (4 if code == 2 else 1)
    assert not (dives / "model.aqa").exists()
