"""Uploads the files that a local scene refers to, unless the bucket already has them."""

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

# The metadata with the SHA-256 of an uploaded file, so that the same content is not uploaded again.
DIGEST = "frameloom-digest"
# Parallel uploads; the S3 client also divides each large file into parallel parts.
_PARALLEL = 8


def upload_assets(
    assets: Mapping[str, Path], *, store: Store, bucket: str, progress: Callable[[int, int], None]
) -> int:
    """Upload local files, given by key; return the number of uploaded files.

    Files that exist in the bucket with the same content are skipped, so an interrupted run can be repeated.

    Args:
        progress: called after each file with the number of files that are in the bucket, and the number of all.
    """
    with ThreadPoolExecutor(max_workers=_PARALLEL, thread_name_prefix="upload") as pool:
        uploads = [pool.submit(_upload, path, key, store, bucket) for key, path in assets.items()]
        try:
            uploaded = 0
            for done, upload in enumerate(as_completed(uploads), start=1):
                uploaded += upload.result()
                progress(done, len(uploads))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return uploaded


def local_assets(scene: Path, file: str, references: Iterable[Reference]) -> dict[str, Path]:
    """Return the local files that a scene and its libraries refer to, by their keys beside the scene's key.

    Files that are missing on this disk are left out, since the bucket may have them.

    Args:
        file: the scene's key in the bucket, which need not exist yet.

    Raises:
        InvalidRequest: the path of a file cannot be a key beside that key.
        SceneUnreadable: a library is not a readable .blend file.
    """
    disk = Disk.of(scene)
    home = disk.key(scene)
    folder = disk.path(home).parent
    found = {}
    for asset in find_assets(disk, "", home, references).assets:
        path = disk.path(asset.key)
        steps = Path(os.path.relpath(path, folder)).as_posix()
        key = key_beside(file, f"//{steps}")
        if key is None:
            raise InvalidRequest(
                field="file",
                problem=f"the scene refers to {steps!r}, which would be outside the bucket if the scene is {file!r}: "
                f"choose a key in a deeper folder, such as by `file=film/{file}`",
            )
        found[key] = path
    return found


def _upload(path: Path, key: str, store: Store, bucket: str) -> bool:
    """Upload a file unless the bucket has its content; return whether it was uploaded."""
    with path.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    stored = store.head(bucket, key)
    if stored is not None and stored.metadata.get(DIGEST) == digest:
        return False
    # Without START_NO, the upload of a library, which is a .blend file, would start a job.
    store.upload(path, bucket, key, metadata={START: START_NO, DIGEST: digest})
    return True
