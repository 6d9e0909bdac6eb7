"""Writes the page of what heads are worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aqa.annotations.manifest import Manifest
from aqa.errors import EndingError
from aqa.evaluation.kept_results import manifest_of, read_results, with_baselines
from aqa.files import write_text
from aqa.report.page.runs_page import runs_page


def check_page(out: Path) -> None:
    """Raise `EndingError` for a page whose name is none."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise EndingError(f"{out}: the page of runs is one file; name it with .html at its end")


def write_runs_page(
    folders: Sequence[Path],
    out: Path,
    command: str,
    manifest: Manifest | None = None,
    failed: Sequence[str] = (),
) -> None:
    """Write a page on runs, with the baselines that are kept beside them.

    manifest: None takes the one that the first run was fitted with. command, failed: see
    `runs_page`.
    """
    check_page(out)
    heads = read_results(with_baselines(folders), manifest)
    write_text(out, runs_page(heads, manifest or manifest_of(heads), command, failed))
