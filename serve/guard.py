"""Stands before the app: who may ask, how much may be sent, and what browsers are told.

Requests are refused before their body is read: those that came under a foreign name (a site whose
name was made to lead here), those that another site's page sends, those without the token, and
those that are too large.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import re
import time
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aqa.serve.metrics import Metrics
from aqa.serve.settings import MEGABYTE, Access, Limits

COOKIE = "aqa_token"
# The Host header: a name or an address, of which those of IPv6 stand in brackets, and a port.
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::\d{1,5})?")
# Asked for by machines that know no token, and it tells nothing.
_OPEN = ("/healthz",)
_SAFE = ("GET", "HEAD")
_METHODS = (*_SAFE, "POST", "DELETE")
_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class RefusedError(Exception):
    """A request that is not answered; status as of HTTP, and why, in a line."""

    def __init__(self, status: int, line: str, headers: dict[str, str] | None = None):
        super().__init__(line)
        self.status, self.line, self.headers = status, line, headers or {}


class Guard:
    """Lets requests pass to the app that may, and counts all of them."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits, metrics: Metrics):
        self.app, self._access, self._limits, self._metrics = app, access, limits, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have the app do so."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        sender = _Sender(send)
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            self._check(scope, headers)
            if self._is_login(scope):
                await sender.redirect(str(self._access.token))
            else:
                await self.app(scope, _Receiver(receive, self._limits), sender)
        except RefusedError as error:
            if not sender.has_begun:
                await sender.refuse(error)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.request(route, sender.status)

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        if scope["method"] not in _METHODS:
            known = ", ".join(_METHODS)
            raise RefusedError(405, f"{known} are understood", {"allow": known})
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise RefusedError(403, "asked for under a name that is not this server's")
        site = headers.get("sec-fetch-site", "none")
        if scope["method"] in _SAFE:
            followed = headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
            foreign = site not in ("none", "same-origin") and not followed
        else:
            origin = headers.get("origin")
            foreign = site not in ("none", "same-origin") or (
                origin is not None and not _is_same(origin, host)
            )
        if foreign:
            raise RefusedError(403, "sent by the page of another site")
        if scope["path"] not in _OPEN and not self._is_known(scope, headers):
            raise RefusedError(
                401,
                "a token is needed: open the address that the server printed, or send "
                "Authorization: Bearer TOKEN",
                {"www-authenticate": "Bearer"},
            )
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise RefusedError(400, "the length of the request is no number")
        if len(length) > 18 or int(length) > self._limits.upload:
            raise _too_large(self._limits)

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names an address, or a name that this server has."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        try:
            ipaddress.ip_address(found["six"] or found["name"])
        except ValueError:
            return (found["name"] or "").lower().rstrip(".") in self._access.hosts
        return True

    def _is_known(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Whether the token was shown, if one is needed."""
        if self._access.token is None:
            return True
        kind, _, shown = headers.get("authorization", "").partition(" ")
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        candidates = [shown.strip() if kind.lower() == "bearer" else "", cookie, _asked(scope)]
        return any(self._is_token(one) for one in candidates)

    def _is_token(self, shown: str) -> bool:
        wanted = self._access.token or ""
        return hmac.compare_digest(shown.encode("utf-8", "replace"), wanted.encode())

    def _is_login(self, scope: Scope) -> bool:
        """Whether the page is asked for with the token: a cookie then stands for it."""
        return self._access.token is not None and self._is_token(_asked(scope))


def _asked(scope: Scope) -> str:
    """The token in the address of the page."""
    if scope["path"] != "/" or scope["method"] != "GET":
        return ""
    return parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]


def _is_same(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _too_large(limits: Limits) -> RefusedError:
    return RefusedError(
        413, f"larger than the {limits.upload // MEGABYTE} MB that are taken at once"
    )


class _Receiver:
    """Hands on the body as long as it is not too large, and does not stop coming."""

    def __init__(self, receive: Receive, limits: Limits):
        self._receive, self._limits, self._n_bytes, self._whole = receive, limits, 0, False
        self._until = time.monotonic() + limits.sending

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._limits.idle)
        except asyncio.TimeoutError:
            raise RefusedError(408, f"nothing was sent for {self._limits.idle:g} s") from None
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the upload was broken off")
        self._n_bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._n_bytes > self._limits.upload:
            raise _too_large(self._limits)
        if time.monotonic() > self._until and not self._whole:
            raise RefusedError(408, f"sending took more than {self._limits.sending:g} s")
        return message


class _Sender:
    """Adds to every answer what browsers are to be strict about."""

    def __init__(self, send: Send):
        self._send = send
        self.status, self.has_begun = 500, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun, self.status = True, message["status"]
            message = _with_headers(message)
        await self._send(message)

    async def refuse(self, error: RefusedError) -> None:
        """Answer with a line; the connection ends, as its body was not read."""
        body = json.dumps({"detail": error.line}).encode()
        await self._answer(
            error.status,
            {"content-type": "application/json", "connection": "close", **error.headers},
            body,
        )

    async def redirect(self, token: str) -> None:
        """Go to the page without the token in its address."""
        cookie = f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/"
        await self._answer(303, {"location": "/", "set-cookie": cookie}, b"")

    async def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        headers = {"content-length": str(len(body)), **headers}
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self({"type": "http.response.start", "status": status, "headers": raw})
        await self({"type": "http.response.body", "body": body})


def _with_headers(message: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    has = {name.lower() for name, _ in message["headers"]}
    more = [
        (name.encode(), value.encode())
        for name, value in _HEADERS.items()
        if name.encode() not in has
    ]
    return {**message, "headers": [*message["headers"], *more]}
