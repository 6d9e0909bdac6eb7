"""The API: videos or features in, JSON out."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from aqa.serve.server import Server
from aqa.serve.uploads import receive_upload

_TOLD: dict[str, Any] = {
    "type": {"type": "string", "description": "such as 107B, for heads that compare within types"},
    "action": {"type": "string", "description": "for heads fitted on several actions"},
    "difficulty": {"type": "number", "description": "for heads that are told it"},
}
_BYTES = {"type": "string", "format": "binary"}
_VIDEO: dict[str, Any] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"video": _BYTES, **_TOLD},
            "required": ["video"],
        }
    },
    "application/octet-stream": {"schema": {**_BYTES, "description": "the video file itself"}},
}
_FEATURES: dict[str, Any] = {
    "application/x-npy": {"schema": {**_BYTES, "description": "clip features, a .npy file"}},
    "application/json": {
        "schema": {
            "type": "object",
            "properties": {"features": {"type": "array", "items": {}}, **_TOLD},
            "required": ["features"],
        }
    },
}
_REFUSED = {
    400: "The request cannot be read.",
    401: "The token is missing or wrong.",
    403: "Sent by another site, or under a foreign name.",
    408: "The upload stopped.",
    413: "Too large.",
    415: "No kind of request that is understood.",
    422: "No video that can be scored; `detail` says why.",
    429: "Too many wait; see the header Retry-After.",
    503: "The model is not open.",
}


def _described(content: dict[str, Any]) -> dict[str, Any]:
    said = {
        "type": "object",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
    }
    refusals = {
        str(status): {"description": why, "content": {"application/json": {"schema": said}}}
        for status, why in _REFUSED.items()
    }
    query = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in _TOLD.items()
    ]
    return {
        "requestBody": {"content": content, "required": True},
        "parameters": query,
        "responses": refusals,
    }


def add_api(app: FastAPI, server: Server) -> None:
    """Add the routes of the API."""

    async def answered(request: Request, kinds: dict[str, str]) -> Response:
        with ExitStack() as stack:
            stack.enter_context(server.line.place())
            upload = await receive_upload(
                request, server.folder(stack), server.limits, features="features" in kinds
            )
            job = {"kind": kinds[upload.kind], "files": upload.files, "told": upload.told}
            answer = await server.line.do(job)
        return JSONResponse(answer.value, answer.status)

    @app.post("/v1/score", tags=["score"], openapi_extra=_described({**_VIDEO, **_FEATURES}))
    async def score(request: Request) -> Response:
        """The score of a video, or of its features: what `aqa score --json` says of it."""
        return await answered(request, {"video": "score", "features": "features"})

    @app.post("/v1/feedback", tags=["score"], openapi_extra=_described(_VIDEO))
    async def feedback(request: Request) -> Response:
        """What is said of each clip of a video: what `aqa feedback --json` says of it."""
        return await answered(request, {"video": "feedback"})

    @app.get("/v1/models", tags=["about"])
    async def models() -> Response:
        """What is served: its head, what it learned from, and what it must be told."""
        return JSONResponse({"models": [server.worker.facts]})

    @app.get("/healthz", tags=["about"])
    async def healthz() -> Response:
        """Whether videos can be scored now: 200, or 503 while the model is opened again."""
        ready = server.worker.is_ready
        return JSONResponse({"status": "ok" if ready else "loading"}, 200 if ready else 503)

    @app.get("/metrics", tags=["about"])
    async def metrics() -> Response:
        """Counts and durations, in the text format of Prometheus."""
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return PlainTextResponse(server.metrics.text(), media_type=kind)
