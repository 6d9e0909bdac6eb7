"""The Ray cluster that work is given to: one that is there, or one that is started here."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from aqa.errors import AqaError

# So often, in seconds, the cluster is asked anew, so that Ctrl-C is heard.
PATIENCE = 0.5

# So long, in seconds, the address of a cluster may take to answer at all.
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class RayCluster:
    """Where work is done. address: of a cluster, `auto`, `ray://...`; None: RAY_ADDRESS, or
    one that is started here and ends with it. workers: how many; None: one per GPU or, without any,
    one per core. gpus: that each worker takes, may be a fraction; None: one where there are any.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float | None = None


def connected(cluster: RayCluster) -> Any:
    """The module ray, connected; `AqaError` where it, or the cluster, is not there."""
    try:
        import ray
    except ImportError:
        raise AqaError("Ray is not installed; install it with: pip install aqa-toolkit[ray]") from (
            None
        )
    address = cluster.address or os.environ.get("RAY_ADDRESS") or "local"
    options: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    by_client = address.startswith("ray://")
    if by_client and find_spec("grpc") is None:
        raise AqaError(
            f"{address}: Ray reaches such addresses by the package grpcio, which is not installed; "
            "install it with: pip install ray[client]; or give the command on a machine of the "
            "cluster, with --ray-address auto"
        )
    check_answers(address)
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            if by_client:  # Ray warns of what it then raises as an error
                warnings.simplefilter("ignore", UserWarning)
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        first_line = str(error).partition("\n")[0]
        where = "; its client server must run there, and take the token of RAY_AUTH_TOKEN"
        raise AqaError(f"no Ray cluster ({address}): {first_line}{where * by_client}") from None
    finally:  # Ray puts its own handler there
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)
    return ray


def check_answers(address: str) -> None:
    """Raise `AqaError` where nobody listens at HOST:PORT: Ray itself would try for minutes."""
    try:
        place = urlsplit(address if "://" in address else f"//{address}")
        host, port = place.hostname, place.port
    except ValueError:
        return  # Ray says what is wrong with it
    if not host or not port:
        return
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:  # UnicodeError: of what can be no host's name
        reason = getattr(error, "strerror", None) or error
        raise AqaError(
            f"no Ray cluster ({address}): {reason}; start one there, or name "
            "the address that `ray start` printed"
        ) from None
