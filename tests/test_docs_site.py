"""The documentation as a whole: links, messages, JSON keys, and the site where MkDocs is here."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)#\s]*)(?:#([^)]*))?\)(?!\{)|\!\[[^\]]*\]\(([^)]*)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def texts(root: Path) -> dict[Path, str]:
    """Every Markdown file that a reader is led to, without its code."""
    files = [*root.glob("*.md"), *(root / "docs").glob("*.md"), *root.glob("*/README.md")]
    return {path: CODE.sub("", path.read_text(encoding="utf-8")) for path in files}


def anchors(path: Path) -> set[str]:
    """The names that headings get, as GitHub and MkDocs make them."""
    heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", head.lower()) for head in heads)
    return {re.sub(r"[\s-]+", "-", head).strip("-") for head in plain}


def test_links_within_the_project_lead_somewhere(root: Path) -> None:
    dead = []
    for path, text in texts(root).items():
        for file, anchor, image in LINK.findall(text):
            if "://" in file:
                continue
            # This page is made when the site is built.
            if (path.parent / file).name == "hyper-parameters.md":
                continue
            target = path.parent / (image or file) if image or file else path
            if not target.exists() or (anchor and anchor not in anchors(target)):
                dead.append(f"{path.relative_to(root)}: {image or file}#{anchor}")
    assert not dead


def test_every_page_is_in_the_navigation(root: Path) -> None:
    named = set(re.findall(r"([\w-]+\.md)", (root / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {path.name for path in (root / "docs").glob("*.md")}
    assert named - {"hyper-parameters.md"} == pages


def test_the_front_page_answers_in_two_clicks(root: Path) -> None:
    """What a stranger asks first stands on the front page, with a link to a page on it."""
    front = (root / "docs/index.md").read_text(encoding="utf-8")
    for question, page, answer in (
        ("How do I add a head?", "extend.md", "fit(self, x, y"),
        ("What does a red clip mean?", "feedback.md", "Red means"),
        ("Which numbers may I print", "protocols.md", "What to print"),
        ("How do I use two GPUs?", "scale.md", "--device cuda"),
        ("Is my video uploaded anywhere?", "security.md", "**No.**"),
    ):
        (line,) = (line for line in front.splitlines() if question in line)
        assert f"({page})" in line
        assert answer in (root / "docs" / page).read_text(encoding="utf-8"), page


def test_the_picture_of_the_house_shows_every_room(root: Path) -> None:
    drawn = (root / "docs/pictures/house.svg").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in root.glob("*/__init__.py")} - {"testing", "papers"}
    assert {room for room in rooms if f">{room}</text>" not in drawn} == set()


def test_the_messages_that_are_explained_exist(root: Path) -> None:
    said = (root / "docs/troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"\*\*`([^`]*)`\*\*", said)
    assert len(messages) >= 10
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in root.rglob("*.py")
        if path.relative_to(root).parts[0] not in ("tests", "build", "docs")
    )
    assert not [message for message in messages if message not in code]


def test_the_keys_of_scores_and_models_are_documented(root: Path) -> None:
    from dataclasses import fields

    from aqa.models.trust.model_facts import ModelFacts, RunFacts

    said = (root / "docs/json.md").read_text(encoding="utf-8")
    for kind in (ModelFacts, RunFacts):
        for field in fields(kind):
            assert f"`{field.name}`" in said, field.name
    code = (root / "report/score_table.py").read_text(encoding="utf-8").split("def score_json")[1]
    for key in re.findall(r'"(\w+)": ', code.split("\ndef ")[0]):
        assert f"`{key}`" in said, key


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="MkDocs is not here: the extra docs has it")
def test_the_site_builds_without_a_warning(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "epsilon" in (tmp_path / "hyper-parameters/index.html").read_text(encoding="utf-8")
    assert "--backbone" in (tmp_path / "commands/index.html").read_text(encoding="utf-8")
