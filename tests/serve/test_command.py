"""`aqa serve` from a terminal: how it begins and ends, and the icon that it leaves."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import ClassVar

import pytest

from aqa.errors import AqaError
from aqa.serve.shortcut import desktop_text, leave_shortcut, windows_text

ODD = ["/opt/my python", "-m", "aqa", '--head=a"b', "$HOME", "100%", "`x`", "back\\slash", "it's"]


def unquoted(line: str) -> list[str]:
    """The arguments of a desktop entry's Exec, read as the specification says."""
    value = re.sub(r"\\(.)", lambda m: {"s": " ", "n": "\n", "t": "\t"}.get(m[1], m[1]), line)
    found = []
    for quoted in re.findall(r'"((?:[^"\\]|\\.)*)"', value):
        found.append(re.sub(r"\\(.)", r"\1", quoted).replace("%%", "%"))
    return found


def test_a_desktop_entry_runs_what_was_typed() -> None:
    text = desktop_text(ODD)
    (line,) = (line for line in text.splitlines() if line.startswith("Exec="))
    assert unquoted(line.removeprefix("Exec=")) == ODD
    assert text.startswith("[Desktop Entry]\nType=Application\n")


def test_a_command_file_of_macos_runs_what_was_typed(tmp_path: Path) -> None:
    odd = tmp_path / "it's a 'folder' $HOME"
    odd.mkdir()
    path = leave_shortcut(tmp_path, odd, ["--head=svr"], platform="darwin")
    assert path.name == "Score a video.command"
    assert os.access(path, os.X_OK)
    command = path.read_text().splitlines()[1].removeprefix("exec ")
    assert shlex.split(command) == [
        *(sys.executable, "-m", "aqa", "-C", str(odd), "serve", "--head=svr")
    ]


def test_a_batch_file_of_windows_quotes_spaces_and_percent_signs() -> None:
    text = windows_text([r"C:\my python\python.exe", "-C", "100% dives", r"C:\R&D" + "\\"])
    assert '"C:\\my python\\python.exe" "-C" "100%% dives" "C:\\R&D\\\\"\r\n' in text


def test_the_command_leaves_an_icon_with_its_options(run_aqa, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("fastapi", reason="the extra is not installed")
    monkeypatch.setattr(sys, "platform", "linux")
    desk = tmp_path / "Desktop"
    desk.mkdir()
    options = ("--head", "svr", "--keep", "3", "--no-browser", "--split", "1", "--split", "2")
    said = run_aqa("-C", str(tmp_path), "serve", *options, "--shortcut", str(desk))
    path = desk / "Score a video.desktop"
    assert said.stdout == f"written to {path}\n"
    (line,) = (one for one in path.read_text().splitlines() if one.startswith("Exec="))
    assert unquoted(line)[1:] == [
        *("-m", "aqa", "-C", str(tmp_path), "serve"),
        *("--head=svr", "--split=1", "--split=2", "--keep=3", "--no-browser"),
    ]


def test_what_no_icon_can_hold_is_refused(run_aqa, tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="the extra is not installed")
    secret = ("--token", "0123456789abcdef", "--shortcut", str(tmp_path))
    assert "a token would stand in the icon" in run_aqa("serve", *secret, code=2).stderr
    with pytest.raises(AqaError, match="no such folder"):
        leave_shortcut(tmp_path / "none", tmp_path, [])
    with pytest.raises(AqaError, match="no icon can run"):
        leave_shortcut(tmp_path, tmp_path, ["--head=a\nb"])
    with pytest.raises(AqaError, match="no icon can run"):
        leave_shortcut(tmp_path, tmp_path, ['--head=a"b'], platform="win32")


def test_others_are_not_let_in_without_a_token(run_aqa, tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="the extra is not installed")
    said = run_aqa("-C", str(tmp_path), "serve", "--host", "0.0.0.0", code=1).stderr
    assert "others than this machine could reach it; give --token new" in said


def test_it_says_which_extra_is_missing(run_aqa, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("aqa.commands.serve.find_spec", lambda name: None)
    said = run_aqa("-C", str(tmp_path), "serve", code=1).stderr
    assert 'the app needs the extra: pip install "aqa-toolkit[serve]"' in said


@pytest.mark.parametrize("limited", [True, False])
def test_it_says_where_memory_cannot_be_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limited: bool
) -> None:
    uvicorn = pytest.importorskip("uvicorn", reason="the extra is not installed")
    from aqa.serve import run, worker
    from aqa.serve.settings import ServedModel

    class Idle:
        facts: ClassVar = {"head": "wd"}

        def __init__(self, *_: object) -> None: ...

        def start(self) -> None: ...

        def stop(self) -> None: ...

    monkeypatch.setattr(worker, "Worker", Idle)
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    monkeypatch.setattr(run, "can_limit_memory", lambda: limited)
    said: list[str] = []
    place = run.ListenAt(port=0)
    run.serve(run.Service(ServedModel(tmp_path), place, tmp_path, browser=False), said.append)
    assert any("--max-memory works on Linux alone" in line for line in said) != limited


def test_it_serves_until_ctrl_c(dives: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="the extra is not installed")
    command = ["-u", "-m", "aqa", "-C", str(dives), "serve", "--no-browser", "--port", "0"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        address = said[1].split()[-1]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address), said
        with urllib.request.urlopen(f"{address}healthz", timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stdout.read().endswith("ended\n")
        assert list(tmp_path.glob("aqa-serve-*")) == []
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
