"""The page on videos: what it says, that it needs nothing else, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.models.runs import load_run
from aqa.report.page.sentences import headline, sentence_of, worst_first
from aqa.report.page.videos_page import copies_of, videos_page
from aqa.serve.child import Answers, facts, opened
from aqa.serve.settings import Limits, ServedModel
from aqa.workflows.feedback import from_store, written_on
from aqa.workflows.true_faults import faults_of
from aqa.workflows.trust import Trust
from aqa.workflows.video_reports import VideoReporter, VideosReport, report_videos
from aqa.workspace import run_folders


@pytest.fixture(scope="module")
def report(dives: Path) -> VideosReport:
    runs = [load_run(folder) for folder in run_folders(dives / "runs", ("wd",))]
    manifest = Manifest.read(dives / "manifest.csv")
    return report_videos(["dive_0003", "dive_0001"], runs, manifest)


def test_the_page_needs_no_network(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    addresses = re.findall(r"(?:src|href)=\"([^\"]{0,40})", text)
    assert addresses
    assert all(a.startswith(("data:image/jpeg;base64,", "#")) for a in addresses)
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text).replace("http-equiv", "")


def test_both_videos_are_ranked_and_explained(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "2 videos, the highest score first" in text
    assert text.count('<article class="video"') == 2
    assert "learned from 6 videos" in text
    assert "The judges gave" in text  # of the stored one
    assert "aqa -C" in text or "<code>aqa" in text


def test_moments_carry_stages_and_seconds(report: VideosReport) -> None:
    dive = next(video for video in report.videos if video.name == "dive_0003")
    assert dive.moments[0].stage == "start"
    assert {"flight", "entry"} <= {moment.stage for moment in dive.moments}
    assert dive.copy is not None
    assert dive.copy.fps == 30
    first = dive.moments[0]
    assert (first.start, round(first.stop, 3)) == (0.0, 0.533)
    assert all(len(moment.matched) == len(dive.exemplars) for moment in dive.moments)
    assert all(a.start <= b.start for a, b in zip(dive.moments, dive.moments[1:], strict=False))


def test_exemplars_are_the_best_training_videos_of_the_type_but_never_the_video(
    report: VideosReport, dives: Path
) -> None:
    manifest = Manifest.read(dives / "manifest.csv")
    for video in report.videos:
        learned = [manifest.by_id[i] for i in video.run.record["split"]["train"]]
        same = [v for v in learned if v.type == video.type and v.id != video.name]
        pool = same or [v for v in learned if v.id != video.name]
        assert video.exemplars[0].score == max(v.score for v in pool)
        assert video.name not in {exemplar.id for exemplar in video.exemplars}


def test_a_file_of_the_manifest_is_that_video(report: VideosReport, dives: Path) -> None:
    runs = [load_run(folder) for folder in run_folders(dives / "runs", ("wd",))]
    manifest = Manifest.read(dives / "manifest.csv")
    twice = [str(dives / "videos/dive_0003.mp4"), "dive_0003"]
    (found,) = report_videos(twice, runs, manifest).videos
    dive = next(video for video in report.videos if video.name == "dive_0003")
    assert (found.name, found.type, found.truth) == ("dive_0003", dive.type, dive.truth)
    assert found.score == dive.score
    (other,) = report_videos(["dive_0003"], runs, manifest, type="no such type").videos
    assert other.type == "no such type"


def test_the_score_is_that_of_aqa_score(report: VideosReport, dives: Path, run_aqa) -> None:
    said = json.loads(
        run_aqa("-C", str(dives), "score", "videos/dive_0003.mp4", "--head", "wd", "--json").stdout
    )
    dive = next(video for video in report.videos if video.name == "dive_0003")
    assert said["scores"][0]["score"] == pytest.approx(dive.score, abs=1e-3)


def test_score_says_why_without_a_page(report: VideosReport, dives: Path, run_aqa) -> None:
    asked = ("-C", str(dives), "score", "videos/dive_0003.mp4", "--type", "107B", "--why")
    why = json.loads(run_aqa(*asked, "--json").stdout)["scores"][0]["why"]
    assert why["run"].endswith("wd/split-1")
    assert why["sentences"] == [why["headline"]] or not why["headline"].startswith("Nothing")
    dive = next(video for video in report.videos if video.name == "dive_0003")
    assert [one["value"] for one in why["moments"]] == pytest.approx(
        [moment.value for moment in dive.moments], abs=1e-3
    )
    text = " ".join(run_aqa(*asked).stdout.split())
    assert f"why videos/dive_0003.mp4: {why['sentences'][0]}" in text
    assert text.index("why videos/dive_0003.mp4") < text.index("model: wd")


def test_sentences_name_place_points_and_company(report: VideosReport) -> None:
    for video in report.videos:
        for moment in worst_first(video):
            said = sentence_of(moment, video)
            assert re.match(
                r"[A-Z][a-z]+, \d\.\d to \d\.\d s: (as in|about \d+\.\d points (below|above)) ",
                said,
            )
            assert video.beside in said
        assert headline(video)


def test_names_are_text_and_never_markup(report: VideosReport) -> None:

    hostile = replace(report.videos[0], name="<script>alert(1)</script>", commentary="<img src=x>")
    text = videos_page(replace(report, videos=(hostile,)), "aqa report '</script><b>'")
    assert "<script>alert(1)" not in text
    assert "<img src=x>" not in text
    assert "<b>" not in text


def test_linked_videos_lie_beside_the_page(dives: Path, tmp_path: Path, run_aqa) -> None:
    out = tmp_path / "dive.html"
    run_aqa("-C", str(dives), "report", "dive_0003", "--link", "-o", str(out))
    text = out.read_text(encoding="utf-8")
    linked = set(re.findall(r"dive_videos/\d\.mp4", text))
    assert linked == {f"dive_videos/{p.name}" for p in (tmp_path / "dive_videos").iterdir()}
    assert "data:video" not in text


def test_a_folder_gets_a_page_of_each_video_and_an_index(
    dives: Path, tmp_path: Path, run_aqa
) -> None:
    run_aqa("-C", str(dives), "report", "dive_0003", "new dive.mp4", "-o", str(tmp_path / "pages"))
    found = sorted(path.name for path in (tmp_path / "pages").iterdir())
    assert found == ["dive_0003.html", "index.html", "new_dive.html"]
    index = (tmp_path / "pages/index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'href="([^"]+)"', index)) == {"dive_0003.html", "new_dive.html"}
    assert "data:video" not in index


def test_the_page_holds_each_video_once(page: Path) -> None:
    held = re.findall(r"data:video/mp4;base64,[A-Za-z0-9+/=]+", page.read_text(encoding="utf-8"))
    assert len(held) == len(set(held)) >= 2  # one encoder need not write the same bytes twice


def test_equal_copies_are_one(report: VideosReport) -> None:

    one = report.videos[0]
    assert one.copy is not None
    twice = replace(report, videos=(one, replace(one, name="again", copy=replace(one.copy))))
    assert len(copies_of(twice)) == len(copies_of(replace(report, videos=(one,))))
    text = videos_page(twice, "aqa report")
    held = re.findall(r"data:video/mp4;base64,[A-Za-z0-9+/=]+", text)
    assert len(held) == len(copies_of(twice))


def test_a_failed_video_is_told_and_the_others_are_shown(
    dives: Path, tmp_path: Path, run_aqa
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    out = tmp_path / "page.html"
    names = ("dive_0003", str(broken), "nothing.mp4")
    said = run_aqa("-C", str(dives), "report", *names, "-o", str(out), code=1)
    assert said.stderr.count("broken.mp4") == 1
    assert "failed: nothing.mp4: no id of manifest.csv and no file" in said.stderr
    text = out.read_text(encoding="utf-8")
    assert "Not scored" in text
    assert f"<strong>{broken}</strong>: not a video" in text


def test_a_warning_names_its_video(
    dives: Path, tmp_path: Path, run_aqa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "aqa.workflows.video_reports.trust_in", lambda *_: Trust(None, "unlike them")
    )
    out = tmp_path / "page.html"
    said = run_aqa("-C", str(dives), "report", "dive_0003", "new dive.mp4", "-o", str(out))
    assert "warning: dive_0003: unlike them\n" in said.stderr
    assert "warning: new dive.mp4: unlike them\n" in said.stderr


@pytest.mark.parametrize(
    ("arguments", "expected", "code"),
    [
        (["nothing.mp4"], "unknown video 'nothing.mp4'", 2),
        (["dive_0003", "--head", "svr"], "unknown fitted head 'svr'", 2),
        (["dive_0003", "-o", "manifest.csv"], "manifest.csv: a file; name a page", 2),
        (["dive_0003", "-o", "p.txt"], "p.txt: a page's name ends in .html", 2),
    ],
)
def test_what_is_refused(
    dives: Path, run_aqa, arguments: list[str], expected: str, code: int
) -> None:
    before = (dives / "manifest.csv").read_bytes()
    assert expected in run_aqa("-C", str(dives), "report", *arguments, code=code).stderr
    assert (dives / "manifest.csv").read_bytes() == before


def test_without_a_head_that_explains_it_says_which_to_fit(
    dives: Path, tmp_path: Path, run_aqa
) -> None:
    folder = tmp_path / "dives"
    shutil.copytree(dives, folder)
    shutil.rmtree(folder / "runs")
    for head in ("svr", "usdl"):
        quick = ("-p", "epochs=1") if head == "usdl" else ("-p", "C=1", "-p", "gamma=0.1")
        run_aqa("-C", str(folder), "fit", "--head", head, "--split", "1", *quick)
    said = run_aqa("-C", str(folder), "report", "dive_0003", code=1).stderr
    assert "fit a head that does: aqa fit --head wd" in said


def test_another_head_writes_its_line_on_the_page(dives: Path, tmp_path: Path, run_aqa) -> None:
    folder, out = tmp_path / "dives", tmp_path / "page.html"
    shutil.copytree(dives, folder)
    quick = ("-p", "epochs=1", "-p", "device=cpu", "--split", "1", "--no-ranges")
    run_aqa("-C", str(folder), "fit", "--head", "mtl", *quick)
    asked = ("-C", str(folder), "report", "dive_0003", "--head", "wd", "-o", str(out))
    run_aqa(*asked, "--writer", "mtl")
    wd, mtl = (load_run(folder / f"runs/{head}/split-1") for head in ("wd", "mtl"))
    manifest = Manifest.read(folder / "manifest.csv")
    said = written_on(mtl, from_store(manifest.by_id["dive_0003"], mtl, mtl.store, {}))
    assert said.commentary
    written = f"In words, by the head mtl: {said.commentary}"
    assert written in out.read_text(encoding="utf-8")
    file = {"name": "dive.mp4", "path": str(folder / "videos/dive_0003.mp4")}
    job = {"kind": "report", "files": [file], "told": {}}
    with opened(ServedModel(folder, head="wd", writer="mtl")) as scorer:
        assert facts(scorer, {})["writer"] == "mtl"
        _, page = Answers(scorer, {}, Limits()).answer(job, lambda name, number: None)
    assert "In words, by the head mtl:" in page.decode()
    assert "aqa serve --head wd --writer mtl" in page.decode()
    with pytest.raises(AqaError, match="wd writes nothing; name a head that does"):
        VideoReporter([wd], manifest, writers=[wd])


def test_true_faults_stand_beside_those_found(report: VideosReport, dives: Path) -> None:
    manifest = Manifest.read(dives / "manifest.csv")
    for video in report.videos:
        told = manifest.by_id[video.name].row["faulty_clips"]
        assert bool(video.true_faults) == bool(told)
        for fault in video.true_faults:
            assert fault.name == "fault"
            assert 0 <= fault.start < fault.stop
    assert any(video.true_faults for video in report.videos)
    text = videos_page(report, "aqa report")
    assert "True faults: fault, " in text
    bare = replace(report, videos=tuple(replace(v, true_faults=()) for v in report.videos))
    assert "True faults" not in videos_page(bare, "aqa report")


def test_faults_that_touch_are_one() -> None:
    class Copy:
        def seconds(self, frame: int) -> float:
            return frame / 10

    named = [("fault", 0, 16), ("fault", 16, 32), ("splash", 20, 30), ("fault", 48, 64)]
    found = faults_of(named, Copy())  # type: ignore[arg-type]
    assert [(f.name, f.start, f.stop) for f in found] == [
        *(("fault", 0.0, 3.2), ("splash", 2.0, 3.0), ("fault", 4.8, 6.4)),
    ]
