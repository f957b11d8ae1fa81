"""Bring to the scenes bucket what a scene on this disk refers to, each file once by its content."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from frameloom.model.assets import Reference, key_beside
from frameloom.model.errors import InvalidRequest
from frameloom.model.request import START, START_NO
from frameloom.services.scene.find_assets import find_assets
from frameloom.services.storage.local_files import Disk
from frameloom.services.storage.ports import Store

# Metadata of an uploaded file: the SHA-256 of its bytes, so that the same one need not be uploaded again.
DIGEST = "frameloom-digest"
# Files on their way at once; S3's own client cuts each large one into parts besides.
STREAMS = 8


def upload_assets(
    places: Mapping[str, Path], *, store: Store, bucket: str, progress: Callable[[int, int], None]
) -> int:
    """Upload the files that a scene refers to, from `places` on this disk by key; return how many were uploaded.

    Files that exist in the bucket with the same content are skipped, so an interrupted run can be repeated.

    Args:
        progress: called after each file with the number of files that are in the bucket, and the number of all.
    """
    with ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="upload") as pool:
        uploads = [pool.submit(_upload, path, key, store, bucket) for key, path in places.items()]
        try:
            uploaded = 0
            for done, upload in enumerate(as_completed(uploads), start=1):
                uploaded += upload.result()
                progress(done, len(uploads))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return uploaded


def find_places(scene: Path, file: str, references: Iterable[Reference]) -> dict[str, Path]:
    """Return the files that a scene and its libraries refer to, by their keys beside the scene's key.

    Files that are missing on this disk are left out, since the bucket may have them.

    Args:
        file: the scene's present or future key in the bucket.

    Raises:
        InvalidRequest: a file's path has no key beside that key.
        SceneUnreadable: a library is not a readable .blend.
    """
    disk = Disk.of(scene)
    home = disk.key(scene)
    folder = disk.path(home).parent
    places = {}
    for asset in find_assets(disk, "", home, references).assets:
        path = disk.path(asset.key)
        steps = Path(os.path.relpath(path, folder)).as_posix()
        key = key_beside(file, f"//{steps}")
        if key is None:
            raise InvalidRequest(
                field="file",
                problem=f"the scene refers to {steps!r}, which has no place in the bucket beside {file!r}; put the "
                f"scene deeper, such as by `file=film/{file}`",
            )
        places[key] = path
    return places


def _upload(path: Path, key: str, store: Store, bucket: str) -> bool:
    """Upload a file where its content is not there yet, and return whether it was not."""
    with path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    stored = store.head(bucket, key)
    if stored is not None and stored.metadata.get(DIGEST) == digest:
        return False
    # Of use to libraries: an uploaded .blend is a scene, whose job would start.
    store.upload(path, bucket, key, metadata={START: START_NO, DIGEST: digest})
    return True
