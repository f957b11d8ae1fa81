"""Reads Blender extensions: archives with a `blender_manifest.toml`, which `blender -c extension build` makes.

https://docs.blender.org/manual/en/latest/advanced/extensions/getting_started.html
"""

import re
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameloom.model.assets import Asset
from frameloom.model.errors import InvalidRequest
from frameloom.services.scene.find_assets import AssetSource
from frameloom.services.scene.zip_archive import BadArchiveError, open_archive

_MANIFEST = "blender_manifest.toml"
# Each is a few lines.
_LONGEST = 2**20
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_VERSION = re.compile(r"([0-9]{1,5})\.([0-9]{1,5})\.([0-9]{1,5})", re.ASCII)
# The platforms of the workers, as Blender names them.
_PLATFORMS = frozenset({"linux-x64", "linux-arm64"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An extension with an add-on.

    Attributes:
        key: the key of its archive in the scenes bucket.
        first, end: the Blenders that it supports, from `first` to before `end`, None without a limit.
    """

    key: str
    id: str
    version: str
    first: str
    end: str | None = None

    def check(self, blender: str) -> None:
        """Refuse an extension for other versions of Blender.

        Raises:
            InvalidRequest: it is.
        """
        if _numbers(blender) < _numbers(self.first):
            raise _invalid(self.key, f"needs Blender {self.first} or newer, and the job renders with {blender}")
        if self.end is not None and _numbers(blender) >= _numbers(self.end):
            raise _invalid(self.key, f"supports Blender before {self.end}, and the job renders with {blender}")

    def asset(self, store: AssetSource, bucket: str) -> Asset:
        """Return its archive in the scenes bucket.

        Raises:
            InvalidRequest: it does not exist.
        """
        stored = store.head(bucket, self.key)
        if stored is None:
            raise _invalid(self.key, f"is not in bucket {bucket!r}: upload it first")
        return Asset(key=self.key, version=stored.version, etag=stored.etag, size=stored.size)


def check_extensions(extensions: Iterable[Extension], blender: str) -> None:
    """Refuse extensions for other versions of Blender, and two that replace each other.

    Raises:
        InvalidRequest: one of them is.
    """
    once: dict[str, Extension] = {}
    for extension in extensions:
        extension.check(blender)
        if (other := once.setdefault(extension.id, extension)) is not extension:
            raise _invalid(extension.key, f"has the same id as {other.key!r}, {extension.id!r}: name one of them")


def read_extension(path: Path, *, key: str) -> Extension:
    """Return the extension in an archive.

    Raises:
        InvalidRequest: the archive is no extension with an add-on for Linux; the message has the reason.
    """
    manifest = _manifest(path, key)
    name, version, first = (str(manifest.get(field, "")) for field in ("id", "version", "blender_version_min"))
    if not _ID.fullmatch(name) or not version or not _VERSION.fullmatch(first):
        raise _invalid(key, f"has no valid id, version and blender_version_min in its {_MANIFEST}")
    if manifest.get("type") != "add-on":
        raise _invalid(key, f"is of the type {manifest.get('type')!r}, not an add-on")
    platforms = manifest.get("platforms") or []
    if not isinstance(platforms, list):
        raise _invalid(key, f"has no valid platforms in its {_MANIFEST}")
    if platforms and not _PLATFORMS.intersection(map(str, platforms)):
        raise _invalid(key, f"is for {', '.join(map(str, platforms))}; workers run Linux: build it for linux-x64")
    end = manifest.get("blender_version_max")
    if end is not None and not _VERSION.fullmatch(str(end)):
        raise _invalid(key, f"has no valid blender_version_max in its {_MANIFEST}")
    return Extension(key=key, id=name, version=version, first=first, end=None if end is None else str(end))


def fetch_extension(store: AssetSource, bucket: str, key: str) -> Extension:
    """Return the extension at a key of the scenes bucket; raise as `read_extension` does."""
    stored = store.head(bucket, key)
    if stored is None:
        raise _invalid(key, f"is not in bucket {bucket!r}: upload it first")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "extension.zip")
        store.download(bucket, key, path, version=stored.version)
        return read_extension(path, key=key)


def _manifest(path: Path, key: str) -> dict[str, Any]:
    try:
        with open_archive(path) as archive:
            # In the archive's root, or in its only folder.
            names = [
                name for name in archive.namelist() if name.rpartition("/")[2] == _MANIFEST and name.count("/") < 2
            ]
            if not names:
                raise _invalid(key, f"is no Blender extension: it has no {_MANIFEST}")
            with archive.open(min(names, key=len)) as file:
                text = file.read(_LONGEST)
    except BadArchiveError as error:
        raise _invalid(key, f"is not a readable .zip archive: {error}") from error
    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise _invalid(key, f"has a damaged {_MANIFEST}: {' '.join(str(error).split())[:200]}") from error


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".") if number.isdigit())


def _invalid(key: str, problem: str) -> InvalidRequest:
    return InvalidRequest(field="addons", problem=f"{key.rpartition('/')[2]!r} {problem}")
