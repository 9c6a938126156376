"""A mask in any form that a caller has it in becomes the bytes of an image file. Nothing here judges the image."""

import io
import os
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

MAX_PATH = 4096


@runtime_checkable
class BinaryFile(Protocol):
    """Anything opened for reading in binary mode."""

    def read(self) -> bytes: ...


@runtime_checkable
class Image(Protocol):
    """What is asked of a Pillow image."""

    def save(self, fp: Any, /, *, format: str) -> None: ...  # noqa: A002  Pillow's own word


MaskSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | Image
"""A path, the bytes of an image file, a binary file, or a Pillow image."""


def read_mask(mask: MaskSource) -> bytes:
    """Raises OSError for a path that cannot be read and TypeError for what is no mask; neither shows its content.

    >>> read_mask(io.BytesIO(b"the bytes of a PNG"))
    b'the bytes of a PNG'
    """
    match mask:
        case bytes() | bytearray() | memoryview():
            return bytes(mask)
        case str() | os.PathLike():
            return _from_path(mask)
        case BinaryFile():
            return _from_file(mask)
        case Image():
            return _as_png(mask)
    raise TypeError(f"a mask is a path, bytes, a binary file or a Pillow image, not {type(mask).__name__}")


def _from_path(path: str | os.PathLike[str]) -> bytes:
    """The error for a path that is too long would show all of it, and it may be a mask."""
    if isinstance(path, str) and (len(path) > MAX_PATH or path.startswith("data:")):
        raise TypeError("a mask given as str is a path; for base64, pass base64.b64decode(text)")
    return Path(path).read_bytes()


def _from_file(file: BinaryFile) -> bytes:
    given: object = file
    content: object = None if isinstance(given, io.TextIOBase) else file.read()  # text mode would fail at decoding
    if not isinstance(content, bytes):
        raise TypeError("the mask's file must be opened in binary mode, 'rb'")
    return content


def _as_png(image: Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
