"""Where the child process begins: light, so that the server need not import what the child does."""

from __future__ import annotations

from multiprocessing.connection import Connection

from aqa.serve.settings import Limits, ServedModel


def main(pipe: Connection, model: ServedModel, limits: Limits) -> None:
    """Import the heavy part in the child alone, and run it."""
    from aqa.serve.child import work

    work(pipe, model, limits)
