"""The page that videos are dropped on, what its script asks for, and the reports."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from aqa import __version__
from aqa.number_text import fixed
from aqa.serve.server import Server
from aqa.serve.settings import MEGABYTE
from aqa.serve.uploads import Upload, receive_upload
from aqa.serve.worker import Answer, refusal

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
# A report is of the kind that is sent on: it holds its scripts itself. In a sandbox these are of no
# site, so they can ask nothing of this server, whatever a report was made to hold.
_REPORT_POLICY = (
    "sandbox allow-scripts allow-downloads allow-modals; default-src 'none'; img-src data:; "
    "media-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'"
)
_STATIC = {"app.js": "text/javascript", "app.css": "text/css"}
# So many jobs are remembered for pages that ask after them.
_REMEMBERED = 100


@dataclass
class PageJob:
    """What the page is told of its videos. said: what is worked on. answer: once it is done."""

    n_files: int
    said: str = ""
    done: int = 0
    answer: Answer | None = None
    report: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As the page's script reads it."""
        if self.answer is None:
            state = "working" if self.said else "waiting"
            return {"state": state, "said": self.said, "done": self.done, "of": self.n_files}
        if self.answer.status != 200:
            return {"state": "failed", "said": self.answer.value["detail"]}
        return {"state": "done", "report": self.report}


def add_page(app: FastAPI, server: Server) -> None:
    """Add the page's routes; they are no part of the API, and not described."""
    jobs: OrderedDict[str, PageJob] = OrderedDict()
    running: set[asyncio.Task[None]] = set()

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        said = _template("app.html.j2").render(
            model=server.worker.facts,
            reports=server.reports.listed(),
            megabytes=server.limits.upload // MEGABYTE,
            most=server.limits.files,
            seconds=server.limits.video.seconds,
            version=__version__,
            keeps=server.reports.lasts,
        )
        return HTMLResponse(said, headers={"content-security-policy": _PAGE_POLICY})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        said = _template("docs.html.j2").render(described=app.openapi(), version=__version__)
        return HTMLResponse(said, headers={"content-security-policy": _PAGE_POLICY})

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in _STATIC:
            raise HTTPException(404, "there is no such file")
        return Response(_text(name), media_type=_STATIC[name])

    @app.post("/reports", include_in_schema=False)
    async def report(request: Request) -> Response:
        with ExitStack() as stack:
            stack.enter_context(server.line.place())
            upload = await receive_upload(
                request,
                server.folder(stack),
                server.limits,
                most=server.limits.files,
                features=False,
            )
            name = secrets.token_hex(16)
            jobs[name] = PageJob(len(upload.files))
            while len(jobs) > _REMEMBERED:
                jobs.popitem(last=False)
            work = asyncio.create_task(reported(jobs[name], upload, stack.pop_all()))
        running.add(work)
        work.add_done_callback(running.discard)
        return JSONResponse({"job": name}, 202)

    async def reported(job: PageJob, upload: Upload, held: ExitStack) -> None:
        def tell(said: str, number: int) -> None:
            job.said, job.done = said, number

        with held:
            asked = {"kind": "report", "files": upload.files, "told": upload.told}
            try:
                answer = await server.line.do(asked, tell)
                if answer.status == 200:
                    about = {**answer.value, "head": server.worker.facts["head"]}
                    job.report = await asyncio.to_thread(server.reports.add, answer.page, about)
            except (asyncio.CancelledError, RuntimeError):  # the server ends
                job.answer = refusal(503, "the server is ending")
                raise
            except OSError as error:
                answer = refusal(500, f"the report cannot be kept: {error}")
            job.answer = answer

    @app.get("/jobs/{name}", include_in_schema=False)
    async def job(name: str) -> Response:
        if name not in jobs:
            raise HTTPException(404, "there is no such job")
        return JSONResponse(jobs[name].to_dict())

    @app.get("/reports", include_in_schema=False)
    async def reports() -> Response:
        return JSONResponse(server.reports.listed())

    @app.get("/reports/{name}", include_in_schema=False)
    async def one(name: str) -> Response:
        found = server.reports.page(name)
        if found is None:
            raise HTTPException(404, "there is no such report; it may have been deleted")
        return HTMLResponse(found, headers={"content-security-policy": _REPORT_POLICY})

    @app.delete("/reports/{name}", include_in_schema=False)
    async def remove(name: str) -> Response:
        if not server.reports.remove(name):
            raise HTTPException(404, "there is no such report; it may have been deleted")
        return Response(status_code=204)


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["fixed"] = fixed
    return made


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


@cache
def _text(name: str) -> str:
    return (files("aqa.serve") / "templates" / name).read_text(encoding="utf-8")
