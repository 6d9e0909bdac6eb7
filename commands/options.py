"""Options that several commands take, with one meaning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from aqa.workspace import Workspace

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


def set_workspace(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    """Keep the folder that -C names as the command's `Workspace`."""
    if value is not None:
        ctx.obj = Workspace(value)
    elif ctx.obj is None:
        ctx.obj = Workspace()


# Taken before and after the command's name; the later one counts.
workspace_option = click.option(
    "-C",
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    callback=set_workspace,
    expose_value=False,
    is_eager=True,
    help="Folder to work in; AQA_WORKSPACE, or the current one, by default.",
)
manifest_option = click.option(
    "--manifest", type=FILE, help="Annotation table [default: manifest.csv]."
)
runs_option = click.option("--runs", type=FOLDER, help="Folder of fitted heads [default: runs].")
store_option = click.option(
    "--store", type=FILE, help="Feature store [default: the only one in stores/]."
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ...; auto: a GPU."
)
skip_option = click.option(
    "--skip-missing", is_flag=True, help="Leave out videos that the store does not hold."
)
param_option = click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="Hyper-parameter; see `aqa heads`.",
)
type_option = click.option(
    "--type", "type_", help="Type of action of new videos, such as 107B, for heads that compare."
)
difficulty_option = click.option(
    "--difficulty",
    type=click.FloatRange(0, min_open=True),
    help="Of new videos, in points, for heads fitted with -p difficulty=...",
)
align_option = click.option(
    "--align",
    type=click.Choice(["index", "dtw"]),
    default="index",
    show_default=True,
    help="Compare clips of the same number, or those that dynamic time warping finds.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def open_store(path: Path | None) -> Iterator[Any]:
    """The store at `path`, closed at the end; None for None."""
    if path is None:
        yield None
        return
    from aqa.features.store import FeatureStore

    with FeatureStore.open(path) as opened:
        yield opened
