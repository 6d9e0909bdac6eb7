"""Importers that were written from descriptions alone, on files made here in these layouts."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Request
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.testing import check_importer

Files = dict[str, Any]
EVENT = "WorldChampionship2019_free"


def imported(folder: Path, name: str, source: Path, **more: Any) -> tuple[Manifest, str]:
    manifest = folder / "out" / "manifest.csv"
    manifest.parent.mkdir(exist_ok=True)
    request = Request((source,), **more)
    lines = import_dataset(name, find_importer(name).importer, request, manifest)
    return Manifest.read(manifest), "\n".join(lines)


def write(folder: Path, files: Files) -> Path:
    """Lines as text, everything else pickled."""
    for name, content in files.items():
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("\n".join(content), encoding="utf-8")
        else:
            path.write_bytes(pickle.dumps(content))
    return folder / "in"


def logo() -> Files:
    """As its README says; numbers as NumPy writes them."""
    keys = [(event, number) for event in (EVENT, "Tokyo2020_tech") for number in range(100)]
    labels = list(np.array([12, 12, 12, 9, 9, 12]))
    routines = {
        (event, number): [event.rpartition("_")[2], 80 + number / 8, 0.0, [2, 4, 5], labels]
        for event, number in keys
    }
    folder = "LOGO Anno&Split/"
    return {
        f"{folder}anno_dict.pkl": routines,
        f"{folder}train_split3.pkl": [key for key in keys if key[1] % 4],
        f"{folder}test_split3.pkl": [key for key in keys if key[1] % 4 == 0],
    }


def fs1000(release: str = "fs1000_new") -> Files:
    names = [f"2018_Final_MF_Skater{n}" for n in range(8)] + ["2021_R_PF_7", "practice"]
    lines = [f"{name} {50 + n} 80.0 8 8 8 8 8 2.0" for n, name in enumerate(names)]
    return {f"train_{release}.txt": lines[:7], f"val_{release}.txt": lines[7:]}


TRIALS = {"Suturing": 39, "Knot_Tying": 36, "Needle_Passing": 28}


def trials(task: str) -> list[str]:
    """So many names of a task's trials, as published: surgeons B to I, trials 1 to 5."""
    names = [f"{task}_{surgeon}{number:03d}" for surgeon in "BCDEFGHI" for number in range(1, 6)]
    return [name for name in names if name != "Suturing_H002"][: TRIALS[task]]


def jigsaws() -> Files:
    files: Files = {
        f"{task}/meta_file_{task}.txt": [
            f"{name}\t\tN\t18\t\t3\t3\t3\t{2 + n % 3}\t{4 - n % 3}\t3"
            for n, name in enumerate(trials(task))
        ]
        for task in TRIALS
    }
    files["info/splits.pkl"] = {task: [trials(task)[n::4] for n in range(4)] for task in TRIALS}
    return files


def labels() -> Files:
    """What MUSDL publishes, without the authors' tables."""
    return {
        "info/splits.pkl": jigsaws()["info/splits.pkl"],
        "info/label.pkl": {name: [3] * 6 for task in TRIALS for name in trials(task)},
    }


@pytest.mark.parametrize(
    ("name", "make"),
    [("logo", logo), ("fs1000", fs1000), ("jigsaws", jigsaws), ("jigsaws", labels)],
)
def test_they_keep_the_contract(tmp_path: Path, name: str, make: Callable[[], Files]) -> None:
    check_importer(name, write(tmp_path, make()))


def test_a_routine_of_logo(tmp_path: Path) -> None:
    frames = tmp_path / "frames" / EVENT / "3"
    frames.mkdir(parents=True)
    (frames / "00000.jpg").touch()
    table, lines = imported(tmp_path, "logo", write(tmp_path, logo()), videos=tmp_path / "frames")
    routine = table.by_id[f"{EVENT}_3"]
    assert (routine.score, routine.type, routine.event) == (80.375, "free", EVENT)
    assert routine.path == frames
    assert routine.row["elements"] == "none 0-3; upper 3-5; none 5-6"
    assert routine.row["annotated_frames"] == "6"
    split = table.split("published")
    assert (len(split.train), len(split.test)) == (150, 50)
    assert "neither in train nor in test" not in lines


def test_a_program_of_fs1000_has_seven_scores(tmp_path: Path) -> None:
    files = fs1000()
    files["val_fs1000_new.txt"][0] = "2018_Final_MF_Skater7 57 90.0 8 8 8 8 8 2.0"
    table, lines = imported(tmp_path, "fs1000", write(tmp_path, files))
    program = table.by_id["2018_Final_MF_Skater1"]
    assert dict(program.row) == {
        **{"video_id": program.id, "path": "", "score": "131.0", "score_tes": "51.0"},
        **{"score_pcs": "40.0", **dict.fromkeys(("score_ss", "score_tr", "score_pe"), "8.0")},
        **{"score_co": "8.0", "score_in": "8.0", "pcs_factored": "80.0", "factor": "2.0"},
        **{"action": "figure_skating", "type": "MF", "event": "Final 2018"},
        **{"athlete": "Skater1", "split_published": "train"},
    }
    assert table.by_id["2021_R_PF_7"].athlete == "7"
    assert table.split("published").test == ("2018_Final_MF_Skater7", "2021_R_PF_7", "practice")
    assert "1 ids do not tell year, competition, program and skater: practice" in lines
    assert "1 PCS are not the sum of the five components times the factor: 2018_Final" in lines


def test_the_newer_lists_go_before_the_older(tmp_path: Path) -> None:
    source = write(tmp_path, fs1000())
    write(tmp_path, {"train_fs800.txt": ["a 1 1 1 1 1 1 1 1"], "val_fs800.txt": ["b"]})
    table, lines = imported(tmp_path, "fs1000", source)
    assert len(table) == 10
    assert "read from train_fs1000_new.txt, val_fs1000_new.txt" in lines
    older, _ = imported(tmp_path / "in", "fs1000", write(tmp_path / "old", fs1000("fs800")))
    assert older.ids == table.ids


def test_a_trial_of_jigsaws_has_six_elements_and_splits_of_its_task(tmp_path: Path) -> None:
    files = jigsaws()
    files["Suturing/meta_file_Suturing.txt"][1] = "Suturing_B002\t\tE\t20\t\t3\t3\t3\t3\t3\t3"
    files["info/label.pkl"] = {"Suturing_B001": [1, 1, 1, 1, 1, 1]}
    table, lines = imported(tmp_path, "jigsaws", write(tmp_path, files))
    assert len(table) == 103
    trial = table.by_id["Suturing_B002"]
    assert (trial.score, trial.action, trial.athlete) == (18, "suturing", "B")
    assert (trial.row["stated_total"], trial.row["skill"]) == ("20", "expert")
    assert (trial.row["trial"], trial.row["score_flow_of_operation"]) == ("2", "3")
    assert "1 stated totals are not that sum: Suturing_B002 (20, not 18)" in lines
    assert "1 trials have other elements in MUSDL's labels" in lines
    fold = table.split("suturing-fold-2")
    assert fold.test == tuple(sorted(trials("Suturing")[1::4]))
    assert len(fold.train) + len(fold.test) == 39
    left_out = table.split("knot_tying-louo-C")
    assert left_out.test == tuple(f"Knot_Tying_C{n:03d}" for n in range(1, 6))
    # The surgeons that a task has, and no other: each split has test trials.
    assert all(table.split(name).test for name in table.split_names)


def test_one_task_of_jigsaws_is_enough(tmp_path: Path) -> None:
    meta = "Suturing/meta_file_Suturing.txt"
    table, lines = imported(tmp_path, "jigsaws", write(tmp_path, {meta: jigsaws()[meta]}))
    assert {video.action for video in table} == {"suturing"}
    assert len(table.split_names) == 8
    assert "no splits.pkl" in lines
    check_importer("jigsaws", tmp_path / "in")


def test_musdls_labels_stand_for_the_tables(tmp_path: Path) -> None:
    table, _ = imported(tmp_path, "jigsaws", write(tmp_path, labels()))
    trial = table.by_id["Knot_Tying_B001"]
    assert (trial.score, trial.row["skill"], trial.row["stated_total"]) == (18, "", "")
    assert len(table.split("needle_passing-fold-4").test) == 7


class Trap:
    """A pickle that would run something."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("executed",))


def _changed(files: Files, name: str, change: Callable[[Any], Any]) -> Files:
    """The files with one of them changed in place, or replaced by what the change gives."""
    files[name] = change(files[name]) or files[name]
    return files


def _set(key: Any, value: Any) -> Callable[[Any], None]:
    return lambda content: content.__setitem__(key, value)


ANNO, TRAIN, TEST = (
    f"LOGO Anno&Split/{name}" for name in ("anno_dict.pkl", "train_split3.pkl", "test_split3.pkl")
)
META, FOLDS = "Suturing/meta_file_Suturing.txt", "info/splits.pkl"


@pytest.mark.parametrize(
    ("make", "file", "change", "message"),
    [
        (logo, ANNO, lambda _: Trap(), "refused: it asks for builtins.print"),
        (logo, ANNO, lambda _: [1], "no dictionary of routines"),
        (logo, ANNO, lambda c: c.popitem() and None, "199 routines where 200 were published"),
        (logo, ANNO, _set("a", 1), "'a' is not a routine's (event, number)"),
        (logo, ANNO, _set((EVENT, 0), ["free", 80]), "['free', 80], not a list of five"),
        (logo, ANNO, _set((EVENT, 0), ["solo", 80, 0, [], [1]]), "'solo', not tech or free"),
        (logo, ANNO, _set((EVENT, 0), ["free", 180, 0, [], [1]]), "180, not a number from 0"),
        (logo, ANNO, _set((EVENT, 0), ["free", float("nan"), 0, [], [1]]), "nan, not a number"),
        (logo, ANNO, _set((EVENT, 0), ["free", 80, 0, [], []]), "not a list of whole numbers"),
        (logo, TRAIN, _set(0, (EVENT, 999)), f"routine {EVENT}_999 has no annotation"),
        (logo, TRAIN, _set(0, (EVENT, 0)), f"{EVENT}_0 is in train and in test"),
        (logo, TEST, _set(0, (EVENT, 4)), "1 routines are listed twice"),
        (logo, TEST, lambda _: {1: 2}, "no list of routines"),
        (fs1000, "train_fs1000_new.txt", _set(0, "a 50 80 8 8 8 8 8"), "row 1: 8 values, not 9"),
        (
            fs1000,
            "train_fs1000_new.txt",
            _set(0, "a 50 80 8 8 8 8 18 2"),
            "'18' is not from 0 to 10",
        ),
        (
            fs1000,
            "train_fs1000_new.txt",
            _set(0, "a x 80 8 8 8 8 8 2"),
            "'x' is not a finite number",
        ),
        (fs1000, "train_fs1000_new.txt", _set(0, "a 5 80 8 8 8 8 8 0"), "'0' is not from 0.1 to 4"),
        (
            fs1000,
            "train_fs1000_new.txt",
            _set(0, "practice 5 80 8 8 8 8 8 2"),
            "in train and in test",
        ),
        (jigsaws, META, _set(0, "Suturing_B001 N 18 3 3 3"), "row 1: 6 values, not 9"),
        (jigsaws, META, _set(0, "Suturing_B001 N 18 3 3 3 3 3 6"), "6], not six whole numbers"),
        (jigsaws, META, _set(0, "Suturing_B001 X 18 3 3 3 3 3 3"), "'X' is not one of N, I, E"),
        (jigsaws, META, _set(0, "Suturing_B1 N 18 3 3 3 3 3 3"), "not the name of a trial"),
        (jigsaws, META, _set(0, "Knot_Tying_B001 N 18 3 3 3 3 3 3"), "is of another task"),
        (jigsaws, META, _set(0, "Suturing_B002 N 18 3 3 3 3 3 3"), "Suturing_B002 is there twice"),
        (jigsaws, META, lambda c: c.pop() and None, "38 trials of Suturing where 39 were"),
        (jigsaws, FOLDS, _set("Suturing", [["Suturing_B001"]] * 3), "has not 4 lists of trials"),
        (jigsaws, FOLDS, _set("Suturing", [["Suturing_H002"]] * 4), "no rating of 'Suturing_H002'"),
        (jigsaws, FOLDS, _set("Suturing", [["Suturing_B001"]] * 4), "a trial is in two folds"),
        (jigsaws, FOLDS, _set("Suturing", [[["a"]]] * 4), "no rating of ['a']"),
        (jigsaws, FOLDS, lambda _: Trap(), "refused: it asks for builtins.print"),
        (labels, "info/label.pkl", _set("Suturing_B001", 3), "3 is no list of six elements"),
        (labels, "info/label.pkl", _set("Suturing_B001", [3.5] * 6), "not six whole numbers"),
    ],
)
def test_what_was_not_described_is_refused(
    tmp_path: Path,
    make: Callable[[], Files],
    file: str,
    change: Callable[[Any], Any],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = write(tmp_path, _changed(make(), file, change))
    name = {"logo": "logo", "fs1000": "fs1000"}.get(make.__name__, "jigsaws")
    with pytest.raises(AqaError) as caught:
        imported(tmp_path, name, source)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out" / "manifest.csv").exists()
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("logo", "no anno_dict.pkl there, nor in 3 folders"),
        ("fs1000", "no train_fs1000_new.txt"),
        ("jigsaws", "no meta_file_Suturing.txt, nor that of another task, nor label.pkl"),
    ],
)
def test_an_empty_folder_is_told_what_is_missing(tmp_path: Path, name: str, expected: str) -> None:
    with pytest.raises(AqaError) as caught:
        imported(tmp_path, name, tmp_path)
    assert expected in str(caught.value)
