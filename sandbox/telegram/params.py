"""Parameters of a call: query string, form, JSON or multipart, as the server accepts them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web

from sandbox.control import PARAMETERS
from sandbox.telegram.errors import bad_request

TRUE_WORDS = {"true", "yes", "1"}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with the call."""

    name: str
    content_type: str
    data: bytes


MULTIPART = web.RequestKey("multipart", tuple[dict[str, str], dict[str, Upload]])


class Params:
    """Typed access to what the caller sent; nested objects may be JSON text or real JSON."""

    def __init__(self, values: dict[str, Any], files: dict[str, Upload] | None = None) -> None:
        self.values = values
        self.files = files or {}

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str:
        value = self.values.get(name, "")
        return value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str, default: int = 0) -> int:
        """Give a number; like the server, what is not a number counts as not given."""
        try:
            return int(self.values[name])
        except (KeyError, ValueError, TypeError):
            return default

    def flag(self, name: str) -> bool:
        return str(self.values.get(name, "")).lower() in TRUE_WORDS

    def json(self, name: str, what: str) -> Any:
        """Give a nested value, None if absent. Raises ApiError naming `what` if it is broken JSON."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError as error:
            raise bad_request(f"can't parse {what} JSON object") from error


async def read_params(request: web.Request) -> Params:
    """Read all parameters of a request. A multipart body is kept for a second run on the same request."""
    values: dict[str, Any] = dict(request.query)
    kind = request.content_type
    if kind.startswith("multipart/"):
        if MULTIPART not in request:
            request[MULTIPART] = await read_multipart(request)
        fields, files = request[MULTIPART]
        request[PARAMETERS] = fields | {name: f"<{len(each.data)} bytes>" for name, each in files.items()}
        return Params(values | fields, files)
    body = await request.read()
    if not body:
        return Params(values)
    if kind == "application/json":
        return Params(values | json_fields(body))
    try:
        return Params(values | dict(parse_qsl(body.decode(), keep_blank_values=True)))
    except UnicodeDecodeError as error:
        raise bad_request("strings must be encoded in UTF-8") from error


def json_fields(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise bad_request("can't parse request body JSON object") from error
    if not isinstance(fields, dict):
        raise bad_request("expected an Object as request body")
    return {name: value for name, value in fields.items() if value is not None}


async def read_multipart(request: web.Request) -> tuple[dict[str, str], dict[str, Upload]]:
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        data = bytes(await part.read(decode=True))
        if part.filename is None:
            fields[part.name] = data.decode("utf-8", "replace")
        else:
            kind = part.headers.get("Content-Type", "application/octet-stream")
            files[part.name] = Upload(part.filename, kind, data)
    return fields, files
