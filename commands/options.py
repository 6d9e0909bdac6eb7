"""Options that several commands take, with one meaning."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from aqa.errors import UnknownNameError
from aqa.extract.backbones import backbone_names
from aqa.files import check_png
from aqa.models.heads import head_names
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.extract.backbones.base import Backbone
    from aqa.features.clips import ClipRule


class NameChoice(click.Choice):
    """One of many names; an unknown one is answered as everywhere, with the likely one."""

    def __init__(self, kind: str, names: Sequence[str], remedy: str = ""):
        super().__init__(names)
        self.kind, self.remedy = kind, remedy

    def get_metavar(self, *_: Any, **__: Any) -> str:
        """The kind of name; the names themselves are too many to stand in a usage line."""
        return self.kind.upper()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name; `UnknownNameError` for another."""
        if value not in self.choices:
            raise UnknownNameError(self.kind, value, self.choices, self.remedy)
        return value


FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
HEAD = NameChoice("head", head_names(), "`aqa heads` lists all")


def set_workspace(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    """Keep the command's `Workspace`; -C goes there, as git's and make's does, until the end.

    AQA_WORKSPACE, which is set for good, moves nothing: other paths are the current folder's.
    """
    if value is None:
        ctx.obj = ctx.obj or Workspace()
    elif ctx.get_parameter_source(str(param.name)) is ParameterSource.ENVIRONMENT:
        ctx.obj = Workspace(value)
    else:
        ctx.find_root().call_on_close(functools.partial(os.chdir, os.getcwd()))
        os.chdir(value)
        ctx.obj = Workspace()


# Taken before and after the command's name; as git's, a later one starts where an earlier leads.
workspace_option = click.option(
    "-C",
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    callback=set_workspace,
    expose_value=False,
    is_eager=True,
    help="Folder to go to first; AQA_WORKSPACE, or the current one, is worked in by default.",
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
action_option = click.option(
    "--action", help="Of new videos, for heads fitted on several with -p scale=action."
)
align_option = click.option(
    "--align",
    type=click.Choice(["index", "dtw"]),
    default="index",
    show_default=True,
    help="Compare clips of the same number, or those that dynamic time warping finds.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    show_default=True,
    help="Of the network's arithmetic; bfloat16 is the fast mode.",
)
workers_option = click.option(
    "--workers", type=click.IntRange(0), help="Videos decoded ahead [default: device's]."
)
_NETWORK = (
    click.option(
        "--weights",
        help="Checkpoint file, a public one's name (`aqa weights list`), or `random`.",
    ),
    click.option("--layer", help="Where the network ends [default: the backbone's own]."),
    click.option("--preprocess", help="Checkpoint layout whose preprocessing to use instead."),
    click.option(
        "--clip-length", type=click.IntRange(1), help="Frames a clip [default: the backbone's]."
    ),
    click.option(
        "--stride",
        type=click.IntRange(1),
        help="Frames between clips' starts [default: clip length].",
    ),
    click.option(
        "--frames", type=click.IntRange(1), help="Give every video this many frames: the last ones."
    ),
    click.option(
        "--pad",
        type=click.Choice(["front", "back"]),
        default="front",
        show_default=True,
        help="Where blank frames go in short videos.",
    ),
    click.option(
        "--tail",
        type=click.Choice(["shift", "drop", "pad"]),
        default="shift",
        show_default=True,
        help="Frames after the last whole clip: a clip moved back to hold them, dropped, or "
        "padded.",
    ),
)


def _check_picture(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    if path is not None:
        check_png(path)
    return path


def picture_option(shows: str) -> Callable[..., Any]:
    """--picture, a PNG to write; another kind is refused before anything is computed."""
    return click.option("--picture", type=FILE, callback=_check_picture, help=shows)


def network_options(*others: str) -> Callable[..., Any]:
    """What videos go through and how they are cut; `load_network` takes them.

    others: what --backbone takes beside the networks.
    """
    joints = "; pose: joints, from files" if others else ""
    backbone = click.option(
        "--backbone",
        type=NameChoice("backbone", [*backbone_names(), *others]),
        default="c3d",
        show_default=True,
        help=f"Network that the features come from{joints}.",
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed((backbone, *_NETWORK)):
            command = option(command)
        return command

    return add


def load_network(
    backbone: str,
    weights: str | None,
    layer: str | None,
    preprocess: str | None,
    clip_length: int | None,
    stride: int | None,
    frames: int | None,
    pad: str,
    tail: str,
    *,
    seed: int,
) -> tuple[Backbone, ClipRule]:
    """The backbone and the clips of `network_options`; says on standard error what it found."""
    from aqa.extract.backbones import load_backbone
    from aqa.features.clips import ClipRule

    checkpoint = _checkpoint(weights, backbone) if weights else None
    network = load_backbone(backbone, checkpoint, layer, preprocess=preprocess, seed=seed)
    length = clip_length or network.clip_length
    rule = ClipRule(length, stride or length, frames, pad, tail)  # type: ignore[arg-type]
    layout = f", recognised as {network.weights.layout}" if network.weights.layout else ""
    click.echo(
        f"{backbone} to {network.layer}, weights {network.weights.name}{layout}; "
        f"clips of {length} frames",
        err=True,
    )
    return network, rule


def _checkpoint(weights: str, backbone: str) -> str | Path:
    """What --weights means: a file comes before the public checkpoint of that name."""
    from aqa.extract.checkpoints.public import find_checkpoint

    path = Path(weights)
    if weights == "random" or path.exists() or path.suffix or path.parent != Path():
        return weights
    found = find_checkpoint(weights)
    if found.backbone != backbone:
        raise click.UsageError(
            f"{weights} is a checkpoint of {found.backbone}, not of {backbone}: use --backbone "
            f"{found.backbone}"
        )
    return fetch_checkpoint(weights)


def fetch_checkpoint(name: str, cache: Path | None = None) -> Path:
    """A public checkpoint from the cache, downloaded with a bar where it is not there yet."""
    from tqdm import tqdm

    from aqa.extract.checkpoints.public import fetch

    with tqdm(unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return fetch(name, cache, progress)


@contextmanager
def open_store(path: Path | None) -> Iterator[Any]:
    """The store at `path`, closed at the end; None for None."""
    if path is None:
        yield None
        return
    from aqa.features.store import FeatureStore

    with FeatureStore.open(path) as opened:
        yield opened
