"""The commands and the code of README and docs, run as they stand there."""

from __future__ import annotations

import dataclasses
import pkgutil
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from aqa.annotations.manifest import write_manifest
from aqa.cli import main
from aqa.extract.backbones import backbone_names, get_architecture
from aqa.extract.checkpoints import catalogue
from aqa.models.heads import head_names


def blocks(
    root: Path, language: str, section: str | None = None, file: str = "README.md"
) -> list[str]:
    text = (root / file).read_text(encoding="utf-8")
    if section:
        text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def pages(root: Path) -> list[Path]:
    """All that a reader of the documentation is shown, as Markdown."""
    return [root / "README.md", root / "examples/README.md", *sorted((root / "docs").glob("*.md"))]


@pytest.fixture
def default_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C3D's default checkpoint in the cache, with random values, whose hash nobody knows."""
    c3d = get_architecture("c3d")
    record = dataclasses.replace(c3d.checkpoints[0], sha256=None)
    expected = c3d.expected_keys(c3d.layout(record.layout))
    cache = tmp_path / "cache"
    cache.mkdir()
    state = {key: torch.randn(shape) * 0.02 for key, shape in expected.items()}
    torch.save(state, cache / record.file)
    monkeypatch.setenv("AQA_CACHE", str(cache))
    monkeypatch.setattr(catalogue, "known_checkpoints", lambda: (record,))


def test_the_quick_start(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    default_weights: None,
    numbered_video: Callable[..., Path],
) -> None:
    numbered_video(16, "new.mp4.avi").rename(tmp_path / "new.mp4")
    rows = [
        {
            "video_id": f"{i:03d}",
            "path": numbered_video(16 + i, f"{i}.avi").name,
            "score": 50 + i,
            "split_1": "test" if i > 6 else "train",
        }
        for i in range(1, 9)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    monkeypatch.chdir(tmp_path)
    (commands,) = blocks(root, "console", "Your own videos")
    lines = commands.strip().splitlines()
    assert len(lines) >= 5
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "aqa"
        if arguments[0] == "fit" and "lstm" in arguments:
            arguments += ["-p", "epochs=2"]
        result = CliRunner().invoke(main, arguments, prog_name="aqa")
        assert result.exit_code == 0, f"{line}\n{result.output}"
    (code,) = blocks(root, "python", file="docs/store.md")
    exec(compile(code, "docs/store.md", "exec"), {})


def test_the_manifest_it_shows_is_one(root: Path, tmp_path: Path) -> None:
    from aqa.annotations.manifest import Manifest

    (table,) = blocks(root, "csv")
    (tmp_path / "manifest.csv").write_text(table)
    assert Manifest.read(tmp_path / "manifest.csv").split("1").test == ("003",)


def test_every_head_backbone_and_command_is_listed(root: Path) -> None:
    heads = (root / "docs/heads.md").read_text(encoding="utf-8")
    for name in head_names():
        assert f"| `{name}`" in heads or f"`{name}` |" in heads, name
    backbones = (root / "docs/backbones.md").read_text(encoding="utf-8")
    for name in backbone_names():
        assert f"`{name}`" in backbones, name
    text = "".join(path.read_text(encoding="utf-8") for path in pages(root))
    for name in main.commands:
        assert f"aqa {name}" in text, name


def test_the_readme_is_short(root: Path) -> None:
    assert len((root / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_what_it_imports_exists(root: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in pages(root)]
    names = {name for text in texts for name in re.findall(r"\baqa(?:\.[A-Za-z_]+)+", text)}
    groups = {"aqa.heads", "aqa.backbones", "aqa.datasets"}  # of entry points
    for name in sorted(names - groups - {"aqa.json"}):  # a file inside of a .pt2
        assert pkgutil.resolve_name(name) is not None, name
