"""Files the bot uploaded: kept whole, found again by id."""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
from dataclasses import dataclass
from typing import Any

from PIL import Image, UnidentifiedImageError

from sandbox.telegram.errors import bad_request
from sandbox.telegram.params import Upload

PHOTO_BYTES = 10 * 1024 * 1024
DOCUMENT_BYTES = 50 * 1024 * 1024
DOWNLOAD_BYTES = 20 * 1024 * 1024
SIDES_SUM = 10_000
SIDES_RATIO = 20
PREVIEW_SIDES = (90, 320)
LARGEST_SIDE = 1280


@dataclass(frozen=True)
class StoredFile:
    """A file as the bot may name it; several sizes of one photo share their bytes."""

    file_id: str
    unique_id: str
    path: str
    name: str
    content_type: str
    size: int
    width: int = 0
    height: int = 0

    def brief(self) -> dict[str, Any]:
        return {"file_id": self.file_id, "file_unique_id": self.unique_id, "file_size": self.size}

    def photo_size(self) -> dict[str, Any]:
        return self.brief() | {"width": self.width, "height": self.height}

    def document(self) -> dict[str, Any]:
        return {"file_name": self.name, "mime_type": self.content_type} | self.brief()


class Files:
    """All files by id. Bytes are held once per upload, together with the text they have in a snapshot."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._files: dict[str, StoredFile] = {}
        self._bytes: dict[str, bytes] = {}
        self._encoded: dict[str, str] = {}
        self._photos: dict[str, list[str]] = {}

    def find(self, file_id: str) -> StoredFile | None:
        return self._files.get(file_id)

    def bytes_at(self, path: str) -> bytes | None:
        return self._bytes.get(path)

    def sizes_of(self, file_id: str) -> list[dict[str, Any]] | None:
        """Give the `photo` field for any size of a photo, None if the id is not a photo's."""
        ids = self._photos.get(file_id)
        return None if ids is None else [self._files[each].photo_size() for each in ids]

    def keep_photo(self, upload: Upload) -> list[dict[str, Any]]:
        """Store a photo and give its sizes, ascending. Raises ApiError for what Telegram would not take."""
        if len(upload.data) > PHOTO_BYTES:
            reason = f"File of size {len(upload.data)} bytes is too big for a photo"
            raise bad_request(f"{reason}; the maximum size is {PHOTO_BYTES} bytes")
        width, height = picture_size(upload.data)
        path = self._keep_bytes(upload, "photos", "jpg")
        sides = [side for side in (*PREVIEW_SIDES, LARGEST_SIDE) if side < max(width, height)]
        shapes = [scaled(width, height, side) for side in sides]
        if max(width, height) <= LARGEST_SIDE:
            shapes.append((width, height))
        ids = [self._add("AgAC", path, upload, *shape).file_id for shape in shapes]
        self._photos |= dict.fromkeys(ids, ids)
        return [self._files[each].photo_size() for each in ids]

    def keep_document(self, upload: Upload) -> dict[str, Any]:
        """Store a document and give its field. Raises ApiError if it is too big or empty."""
        if len(upload.data) > DOCUMENT_BYTES:
            raise bad_request("file is too big")
        if not upload.data:
            raise bad_request("file must be non-empty")
        extension = upload.name.rpartition(".")[2] or "bin"
        return self._add("BQAC", self._keep_bytes(upload, "documents", extension), upload, 0, 0).document()

    def _keep_bytes(self, upload: Upload, folder: str, extension: str) -> str:
        """Give the path of these bytes; the same bytes sent again are not kept twice."""
        path = f"{folder}/{hashlib.sha256(upload.data).hexdigest()[:24]}.{extension}"
        if path in self._bytes:
            return path
        self._bytes[path] = upload.data
        self._encoded[path] = base64.b64encode(upload.data).decode()
        return path

    def _add(self, prefix: str, path: str, upload: Upload, width: int, height: int) -> StoredFile:
        stored = StoredFile(
            file_id=prefix + secrets.token_urlsafe(40),
            unique_id="AQAD" + secrets.token_urlsafe(9),
            path=path,
            name=upload.name,
            content_type=upload.content_type,
            size=len(upload.data),
            width=width,
            height=height,
        )
        self._files[stored.file_id] = stored
        return stored

    def dump(self) -> dict[str, Any]:
        files = [vars(stored).copy() for stored in self._files.values()]
        return {"files": files, "bytes": dict(self._encoded), "photos": dict(self._photos)}

    def load(self, state: dict[str, Any]) -> None:
        self.clear()
        self._files = {fields["file_id"]: StoredFile(**fields) for fields in state["files"]}
        self._encoded = dict(state["bytes"])
        self._bytes = {path: base64.b64decode(text) for path, text in self._encoded.items()}
        self._photos = dict(state["photos"])


def picture_size(data: bytes) -> tuple[int, int]:
    """Read width and height. Raises ApiError if it is no picture or of a shape Telegram refuses."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, OSError) as error:
        raise bad_request("IMAGE_PROCESS_FAILED") from error
    if width + height > SIDES_SUM or max(width, height) > SIDES_RATIO * min(width, height):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return width, height


def scaled(width: int, height: int, side: int) -> tuple[int, int]:
    factor = side / max(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))
