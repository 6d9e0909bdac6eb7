"""`aqa serve`: a page that videos are dropped on, and an API for programs."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import click
from click.core import ParameterSource

from aqa.commands.model_options import model_option, places_of
from aqa.commands.network_options import backbone_again_option
from aqa.commands.options import (
    FILE,
    FOLDER,
    align_option,
    device_option,
    explaining_head_option,
    manifest_option,
    one_target_option,
    runs_option,
    store_option,
    workspace_option,
    writer_option,
)
from aqa.errors import AqaError, WrongUsageError
from aqa.workspace import Workspace

# What the extra brings.
_NEEDED = ("fastapi", "uvicorn", "python_multipart")


@click.command()
@workspace_option
@explaining_head_option
@model_option
@click.option("--split", "splits", multiple=True, help="Run to use [default: all, averaged].")
@writer_option
@one_target_option
@align_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen at; 0: a free one [default: 8765, or a free one].",
)
@click.option(
    "--token",
    envvar="AQA_TOKEN",
    help="What every request must show; new: draw one. Needed for other hosts than this machine's "
    "own [env: AQA_TOKEN].",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST",
    help="Name by which others call this machine, beside its address; may be repeated.",
)
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=50,
    show_default=True,
    help="How many reports stay in the folder reports/; 0: none is written.",
)
@click.option("--no-browser", is_flag=True, help="Do not open the page in a browser.")
@click.option(
    "--max-size",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Most megabytes that may be sent at once.",
)
@click.option(
    "--max-seconds",
    type=click.FloatRange(0, min_open=True),
    default=600.0,
    show_default=True,
    help="Longest video.",
)
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=4096 * 2304,
    show_default=True,
    help="Largest frame, its width times its height.",
)
@click.option(
    "--max-memory",
    type=click.IntRange(64),
    default=2048,
    show_default=True,
    help="Megabytes that decoding and scoring one video may take; Linux alone limits them.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds that decoding and scoring one video may take.",
)
@click.option(
    "--queue",
    type=click.IntRange(0),
    default=8,
    show_default=True,
    help="How many may wait; others are told to come again.",
)
@click.option(
    "--shortcut",
    type=FOLDER,
    metavar="FOLDER",
    help="Leave an icon in FOLDER that does what this command does, and end.",
)
@manifest_option
@store_option
@click.option("--weights", type=FILE, help="Checkpoint [default: the one the features came from].")
@backbone_again_option
@runs_option
@device_option
@click.pass_obj
def serve(
    workspace: Workspace,
    head: str | None,
    model: Path | None,
    splits: tuple[str, ...],
    writer: str | None,
    target: str | None,
    align: str,
    host: str,
    port: int | None,
    token: str | None,
    names: tuple[str, ...],
    keep: int,
    no_browser: bool,
    max_size: int,
    max_seconds: float,
    max_pixels: int,
    max_memory: int,
    timeout: float,
    queue: int,
    shortcut: Path | None,
    manifest: Path | None,
    store: Path | None,
    weights: Path | None,
    backbone: str | None,
    runs: Path | None,
    device: str,
) -> None:
    """Open a page that videos are dropped on, to be scored and explained.

    The page is for this machine alone, in its browser. Videos are deleted once they are scored; the
    reports stay in the workspace's folder reports/. The same server answers programs, see /docs.
    With --shortcut an icon is left to double-click, so that no terminal is needed after.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise AqaError(
            f"{missing[0].replace('_', '-')} is not installed; the app needs the extra: "
            'pip install "aqa-toolkit[serve]"'
        )
    if shortcut is not None:
        from aqa.serve.shortcut import leave_shortcut

        typed = _typed(click.get_current_context())
        path = leave_shortcut(shortcut, workspace.root, typed)
        click.echo(f"written to {path}")
        return
    from aqa.extract.video.limits import VideoLimits
    from aqa.serve.run import ListenAt, Service
    from aqa.serve.run import serve as serve_until_told
    from aqa.serve.settings import MEGABYTE, Limits, ServedModel

    root = workspace.root.absolute()
    places = places_of(workspace, model, runs=runs, manifest=manifest, store=store, weights=weights)
    service = Service(
        ServedModel(
            workspace=root,
            head=head,
            splits=splits,
            writer=writer,
            target=target,
            align=align,
            manifest=places.manifest.absolute(),
            store=_absolute(places.store),
            weights=_absolute(places.weights),
            backbone=backbone,
            runs=places.runs.absolute(),
            device=device,
        ),
        ListenAt(host, port, token, names),
        root / "reports",
        keep=keep,
        browser=not no_browser,
        limits=Limits(
            upload=max_size * MEGABYTE,
            video=VideoLimits(pixels=max_pixels, seconds=max_seconds),
            seconds=timeout,
            memory=max_memory * MEGABYTE,
            waiting=queue,
        ),
    )
    with suppress(KeyboardInterrupt):  # the usual end, not an interruption of something
        serve_until_told(service, click.echo)
    click.echo("ended")


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


def _typed(context: click.Context) -> list[str]:
    """The options as they were typed, but for the icon's own and the workspace's."""
    typed: list[str] = []
    for param in context.command.params:
        name = str(param.name)
        where = context.get_parameter_source(name)
        if where is not ParameterSource.COMMANDLINE or name in ("workspace", "shortcut"):
            continue
        value = context.params[name]
        if name == "token" and value != "new":
            raise WrongUsageError(
                "a token would stand in the icon's file; give --token new, or none"
            )
        option = param.opts[-1]
        if isinstance(param, click.Option) and param.is_flag:
            typed.append(option)
            continue
        for one in value if isinstance(value, tuple) else (value,):
            # An icon is started in another folder than this one.
            shown = str(one.absolute()) if isinstance(one, Path) else str(one)
            typed.append(f"{option}={shown}")
    return typed


COMMAND = serve
