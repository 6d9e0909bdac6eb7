"""Options on the Ray cluster that work is given to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aqa.extract.parallel.ray_cluster import RayCluster


def place_option(help: str) -> Callable[[Any], Any]:
    """`--on here` or `--on ray`, which a command takes as `place`."""
    return click.option(
        "--on",
        "place",
        type=click.Choice(["here", "ray"]),
        default="here",
        show_default=True,
        help=help,
    )


ray_address_option = click.option(
    "--ray-address",
    metavar="ADDRESS",
    help="Ray cluster: HOST:PORT, auto, ray://... [default: RAY_ADDRESS, or one that is started "
    "here].",
)


def ray_cluster(
    place: str, address: str | None, *, workers: int | None = None, gpus: float | None = None
) -> RayCluster | None:
    """The cluster of --on ray; None for this machine. workers, gpus: see `RayCluster`."""
    from aqa.extract.parallel.ray_cluster import RayCluster

    if place == "ray":
        return RayCluster(address, workers, gpus)
    for option, value in (("--ray-address", address), ("--ray-gpus", gpus)):
        if value is not None:
            raise click.UsageError(f"{option} goes with --on ray")
    return None
