"""Leaves an icon that starts the app when it is double-clicked."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from aqa.errors import AqaError
from aqa.files import write_text

# Characters that have a meaning inside quotes of a desktop entry's command.
_DESKTOP_QUOTED = ('"', "`", "$", "\\")


def leave_shortcut(
    folder: Path, workspace: Path, arguments: Sequence[str], platform: str = sys.platform
) -> Path:
    """Write the icon, and say where. arguments: those of `aqa serve`, without the workspace."""
    if not folder.is_dir():
        raise AqaError(f"{folder}: no such folder; name one that exists, such as your Desktop")
    command = [sys.executable, "-m", "aqa", "-C", str(workspace.absolute()), "serve", *arguments]
    odd = [part for part in command if any(ord(c) < 32 for c in part)]
    if platform == "win32":  # where no path can hold a quote
        odd += [part for part in command if '"' in part]
    if odd:
        raise AqaError(f"{odd[0]!r}: no icon can run a command with such characters; rename it")
    ending, text = _text(command, platform)
    path = folder / f"Score a video{ending}"
    write_text(path, text)
    path.chmod(0o755)
    return path


def _text(command: Sequence[str], platform: str) -> tuple[str, str]:
    """The ending of the file's name, and what it holds."""
    if platform == "win32":
        return ".bat", windows_text(command)
    if platform == "darwin":
        return ".command", f"#!/bin/sh\nexec {shlex.join(command)}\n"
    return ".desktop", desktop_text(command)


def desktop_text(command: Sequence[str]) -> str:
    """A desktop entry of freedesktop.org, version 1.5; it runs in a terminal, to be ended there."""
    return "\n".join(
        [
            "[Desktop Entry]",
            "Type=Application",
            "Version=1.5",
            "Name=Score a video",
            "Comment=Opens a page that videos are dropped on",
            f"Exec={' '.join(map(_desktop_quoted, command))}",
            "Icon=video-x-generic",
            "Terminal=true",
            "Categories=Science;Sports;",
            "",
        ]
    )


def _desktop_quoted(argument: str) -> str:
    """Quoted for the key Exec, then as a value of the file, where a backslash escapes too."""
    quoted = "".join(f"\\{c}" if c in _DESKTOP_QUOTED else c for c in argument)
    return f'"{quoted}"'.replace("\\", "\\\\").replace("%", "%%")


def windows_text(command: Sequence[str]) -> str:
    """A batch file; % is doubled."""
    quoted = " ".join(map(_batch_quoted, command)).replace("%", "%%")
    return f"@echo off\r\nchcp 65001 >nul\r\n{quoted}\r\nif errorlevel 1 pause\r\n"


def _batch_quoted(argument: str) -> str:
    """In quotes, as cmd.exe acts on & and ^ outside; a backslash before a quote is doubled."""
    return '"' + argument + "\\" * (len(argument) - len(argument.rstrip("\\"))) + '"'
