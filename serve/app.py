"""The app: the page and what its script asks, and the API."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from aqa import __version__
from aqa.serve.api import add_api
from aqa.serve.guard import Guard, RefusedError
from aqa.serve.jobs import JobLine
from aqa.serve.kept import KeptReports, PassingReports, Reports
from aqa.serve.metrics import Metrics
from aqa.serve.page import add_page
from aqa.serve.server import Server
from aqa.serve.settings import Access, Limits
from aqa.serve.worker import Worker


def make_app(worker: Worker, access: Access, limits: Limits, reports: Path, keep: int) -> Guard:
    """The app around a worker that has been started; it is ended with the app.

    reports: the folder of kept reports. keep: how many; 0 keeps none on the disk.
    """
    metrics = Metrics()
    metrics.gauges |= {
        "aqa_worker_restarts": lambda: float(worker.restarts),
        "aqa_worker_memory_bytes": lambda: worker.memory,
        "aqa_worker_ready": lambda: float(worker.is_ready),
    }
    line = JobLine(worker, limits, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            line.close()
            temporary.cleanup()

    temporary = tempfile.TemporaryDirectory(prefix="aqa-serve-", ignore_cleanup_errors=True)
    kept: Reports = KeptReports(reports, keep) if keep else PassingReports()
    server = Server(worker, line, kept, limits, metrics, Path(temporary.name))
    app = FastAPI(
        title="aqa",
        version=__version__,
        description="Scores videos with a fitted head, and says which moments cost points.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.add_exception_handler(HTTPException, _one_line)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(Exception, _fault)
    app.state.server = server
    add_api(app, server)
    add_page(app, server)
    return Guard(app, access, limits, metrics)


async def _one_line(request: Request, error: Any) -> Response:
    return JSONResponse({"detail": str(error.detail)}, error.status_code, error.headers)


async def _refused(request: Request, error: Any) -> Response:
    """The rest of the body was not read, so the connection ends."""
    return JSONResponse(
        {"detail": error.line}, error.status, {"connection": "close", **error.headers}
    )


async def _fault(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": "a fault of aqa; its log says more"}, 500)
