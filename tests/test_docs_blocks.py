"""Every block of code in the documentation is run as it stands, or says why not and is parsed.

The blocks of a page are run by `test_a_page_runs`, one after the other, in a workspace of drawn
dives, with less work where `QUICK` and `SMALLER` say so. Exempt are blocks of `ELSEWHERE`, which
others run, and those below a comment `<!-- not run: REASON -->`, whose commands are parsed. `text`
is what a command prints.
"""

from __future__ import annotations

import configparser
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from aqa.annotations.manifest import Manifest
from aqa.cli import main
from aqa.features.aspects.read import parse_aspects

REASONS = {
    "gpu": "needs a GPU, or hours",
    "slurm": "needs a Slurm cluster",
    "docker": "needs Docker",
    "ray": "needs a Ray cluster",
    "data": "needs files that are not distributed with the project",
    "extra": "needs an extra, whose own tests run the like",
    "server": "waits for requests, or needs a server that does",
    "benchmark": "takes minutes, and its numbers are no test",
}
LANGUAGES = {"console", "sh", "python", "csv", "toml", "text"}
# (page, language) -> who runs all of its blocks.
ELSEWHERE = {
    ("README.md", "console"): ".ci/run",
    ("CONTRIBUTING.md", "console"): ".ci/run",
    ("docs/demo.md", "console"): ".ci/run",
    ("docs/files.md", "console"): "tests/test_docs_files.py",
    ("docs/store.md", "python"): "tests/test_readme.py",
    ("docs/workbench.md", "sh"): "tests/test_study.py",
    ("docs/tutorial-coach.md", "console"): "tests/test_tutorials.py",
    ("docs/tutorial-student.md", "console"): "tests/test_tutorials.py",
    ("docs/tutorial-student.md", "python"): "tests/test_tutorials.py",
    ("docs/tutorial-engineer.md", "console"): "tests/test_tutorials.py",
    ("docs/tutorial-engineer.md", "python"): "tests/test_tutorials.py",
}
# On all pages: a network of few weights, and heads that are fitted in no time.
QUICK = {
    "--backbone c3d": "--backbone tiny3d",
    "fit --head svr": "fit --head svr -p C=1 -p epsilon=1 -p gamma=1",
    "fit --head lstm": "fit --head lstm -p epochs=1 -p device=cpu --no-ranges",
    "--seeds 5": "--seeds 2",
    "hidden=64": "hidden=3 -p epochs=1 -p device=cpu --folds 2 --split 1 --no-ranges",
    "hidden=256": "hidden=4",
}
# Their commands are run on features without videos.
STUDIES = ("docs/workbench.md",)
# What else stands for what is shown on one page; each must be there.
SMALLER = {
    "docs/extend.md": {
        "--weights FILE.pth": "--weights random --store stores/net.h5",
        "--videos videos": "--videos videos --manifest club.csv",
    },
    "docs/measure.md": {
        "dive_0009": "dive_0007",
        "--aspects diving": "--aspects diving --no-pixels",
        "--head aspects --store": "--head aspects -p resamples=2 --store",
    },
    "docs/poses.md": {"coco17": "legs"},
    "docs/python.md": {
        '"c3d", weights="c3d.pickle"': '"tiny3d"',
        '{"kernel"': '{"C": 1, "epsilon": 1, "kernel"',
    },
    "docs/serve.md": {'"dives", "svr"': '".", "wd"'},
    "examples/README.md": {
        "--videos videos": "--videos videos --force",
        "fit --head": "fit --store stores/slim3d.h5 --head",
        '"club_scores.py"': '"examples/club_scores.py"',
    },
}


def pages(root: Path) -> list[str]:
    """All pages with blocks that a reader may try."""
    folders = ("", "docs/", "examples/", "benchmarks/")
    found = [path for folder in folders for path in root.glob(f"{folder}*.md")]
    return sorted(path.relative_to(root).as_posix() for path in found)


def commands(code: str) -> Iterator[list[str]]:
    """The words of each command of a block, without comments."""
    for line in code.replace("\\\n", " ").splitlines():
        for part in line.split(" && "):
            if words := shlex.split(part, comments=True):
                yield words


PAGES = pages(Path(__file__).parents[1])


def in_other(block: Any) -> bool:
    return (block.page, block.language) in ELSEWHERE


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_classified(root: Path, blocks: Callable[..., Any], page: str) -> None:
    for block in blocks(page):
        where = f"{page}:{block.line}"
        assert block.language in LANGUAGES, f"{where}: fence it, and name one of {LANGUAGES}"
        assert not block.not_run or block.not_run in REASONS, f"{where}: no reason"
        programs = [line.split(" ")[0] for line in block.code.splitlines() if line]
        if block.language == "text":
            assert not {"aqa", "pip", "python", "import", "from"} & {*programs}, where
        elif block.language in ("console", "sh") and not block.not_run and not in_other(block):
            others = {*programs} - {"aqa", "pip"}
            assert not others, f"{where}: {others} are not run, so say <!-- not run: REASON -->"


def test_no_exemption_is_left_over(root: Path, blocks: Callable[..., Any]) -> None:
    seen = [block for page in PAGES for block in blocks(page)]
    assert {block.not_run for block in seen} - {""} == REASONS.keys()
    assert {(block.page, block.language) for block in seen} >= ELSEWHERE.keys()
    for (page, _), file in ELSEWHERE.items():
        said = (root / file).read_text(encoding="utf-8")
        name = "study.sh" if page == "docs/workbench.md" else Path(page).stem.partition("-")[0]
        assert file == ".ci/run" or name in said, f"{file} says nothing of {page}"


# Shown only -------------------------------------------------------------------------------------


def parse(root: Path, words: list[str]) -> None:
    """Fails where a command would be refused before it begins."""
    program, *rest = words
    if program.startswith("job=$("):
        program, rest = "sbatch", [one.rstrip(")") for one in rest]
    if program == "aqa":
        group: click.Command = main
        while isinstance(group, click.Group) and not rest[0].startswith("-"):
            name = rest.pop(0)
            found = group.get_command(click.Context(group), name)
            assert found is not None, words
            group = found
        if not isinstance(group, click.Group):
            group.make_context("aqa", rest)
    elif program == "pip":
        _parse_pip(root, rest)
    elif program == "docker":
        _parse_docker(root, rest)
    elif program == "sbatch":
        script = next(one for one in rest if not one.startswith("-"))
        assert (root / "examples" / script).exists()
        if script == "slurm_extract.sh":
            parse(root, ["aqa", "extract", *rest[rest.index(script) + 1 :]])
    elif program == "curl":
        path = rest[-1].partition("127.0.0.1:8765")[2]
        assert f'"{path}"' in "".join(one.read_text() for one in (root / "serve").glob("*.py"))
    elif program in ("python", "benchmarks/gpu.sh"):
        file = program if program != "python" else rest.pop(0)
        text = (root / file).read_text(encoding="utf-8")
        options = {one.strip("[]") for one in rest if one.strip("[]").startswith("--")}
        assert not [one for one in options - {"--help"} if f'"{one}"' not in text], words
    else:
        assert program == "tensorboard", f"who parses {program}?"


def _parse_pip(root: Path, rest: list[str]) -> None:
    read = configparser.ConfigParser()
    read.read(root / "setup.cfg", encoding="utf-8")
    assert rest.pop(0) == "install"
    while rest:
        word = rest.pop(0)
        if word in ("-c", "-r"):
            assert (root / rest.pop(0)).exists()
        elif not word.startswith("-"):
            name, _, extras = word.partition("[")
            assert name in (".", read["metadata"]["name"])
            for extra in filter(None, extras.rstrip("]").split(",")):
                assert extra in read["options.extras_require"], extra


def _parse_docker(root: Path, rest: list[str]) -> None:
    if rest[0] == "build":
        file = rest[rest.index("-f") + 1] if "-f" in rest else "Dockerfile"
        assert (root / file).exists()
    else:
        image = next(number for number, one in enumerate(rest) if one in ("aqa", "aqa-cuda"))
        parse(root, ["aqa", *rest[image + 1 :]])


@pytest.mark.parametrize("page", PAGES)
def test_what_is_only_shown_is_parsed(
    root: Path, blocks: Callable[..., Any], page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files need not be there."""
    monkeypatch.setattr(click.Path, "convert", lambda self, value, param, context: value)
    for block in blocks(page):
        if block.not_run and block.language in ("console", "sh"):
            for words in commands(block.code):
                parse(root, words)


# Run --------------------------------------------------------------------------------------------


def given(page: str) -> dict[str, Any]:
    """What the Python blocks of a page take for granted."""
    drawn = np.random.default_rng(0)
    if page == "docs/heads.md":
        clips = drawn.normal(size=(12, 3, 4))
        return {"sequences": clips, "scores": 50 + clips[:, :, 0].mean(1), "new_sequences": clips}
    if page == "docs/serve.md":
        import aqa

        return {"aqa": aqa, "array": np.load("new.npy")}
    return {}


@pytest.fixture
def dives_and_more(
    root: Path, dives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The drawn dives, and all the files that the pages name, under the same names."""
    from aqa.features.store import FeatureStore

    folder = tmp_path / "dives"
    shutil.copytree(dives, folder)
    monkeypatch.chdir(folder)
    for name in ("new.mp4", "dive.mp4"):
        shutil.copy("videos/dive_0003.mp4", name)
    for name in ("new.npz", "poses/squat.npz"):
        shutil.copy("poses/dive_0003.npz", name)
    with FeatureStore.open("stores/tiny3d.h5") as store:
        np.save("new.npy", store["dive_0003"])
    Path("scores.txt").write_text("".join(f"dive_000{k} {50 + 3 * k} A\n" for k in range(1, 9)))
    shutil.copytree(root / "examples", "examples")
    monkeypatch.syspath_prepend("examples")
    Path("path/to").mkdir(parents=True)
    shutil.copy("examples/slim3d.py", "path/to/net.py")
    shutil.copy("examples/club_scores.py", "path/to/club.py")
    text = (root / "docs/tutorial-student.md").read_text(encoding="utf-8")
    Path("path/to/topk.py").write_text(text.split("```python\n")[1].split("```")[0])
    return folder


@pytest.fixture
def study(evaluated_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Features and fitted heads, without a video."""
    folder = tmp_path / "study"
    shutil.copytree(evaluated_runs, folder)
    monkeypatch.chdir(folder)
    return folder


def to_run(blocks: Callable[..., Any], page: str) -> list[Any]:
    kept = [one for one in blocks(page) if one.language != "text" and not one.not_run]
    return [one for one in kept if (page, one.language) not in ELSEWHERE]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs(
    root: Path,
    blocks: Callable[..., Any],
    page: str,
    request: pytest.FixtureRequest,
    run_aqa: Callable[..., Any],
) -> None:
    found = to_run(blocks, page)
    if not found:
        return
    if any("aqa" in block.code for block in found):
        request.getfixturevalue("study" if page in STUDIES else "dives_and_more")
    seen = given(page)
    for block in found:
        code = block.code
        for shown, instead in SMALLER.get(page, {}).items():
            code = code.replace(shown, instead)
        if block.language == "python":
            exec(compile(code, f"{page}:{block.line}", "exec"), seen)
        elif block.language == "console":
            for shown, instead in QUICK.items():
                code = code.replace(shown, instead)
            for words in commands(code):
                if words[0] == "aqa":
                    run_aqa(*words[1:])
                else:
                    parse(root, words)
        elif block.language == "csv":
            path = request.getfixturevalue("tmp_path") / "shown.csv"
            path.write_text(code)
            assert len(Manifest.read(path)) == 3
        else:
            assert parse_aspects(code, page).aspects


def test_what_stands_for_what_is_shown_is_shown(blocks: Callable[..., Any]) -> None:
    for page, instead in SMALLER.items():
        code = "".join(block.code for block in to_run(blocks, page))
        assert not [shown for shown in instead if shown not in code], page
    code = "".join(block.code for page in PAGES for block in to_run(blocks, page))
    assert not [shown for shown in QUICK if shown not in code]
