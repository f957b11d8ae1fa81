"""Uploads the files that a local scene refers to, unless the bucket already has them."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from frameloom.model.allowed_missing import may_miss
from frameloom.model.assets import Reference
from frameloom.model.counts import listed
from frameloom.model.errors import InvalidRequest
from frameloom.model.notices import Notice, NoticeKind
from frameloom.model.request import START, START_NO, JobRequest
from frameloom.services.scene.find_assets import FoundAssets, find_assets
from frameloom.services.storage.local_files import Disk
from frameloom.services.storage.ports import Store

# The metadata with the SHA-256 of an uploaded file, so that the same content is not uploaded again.
DIGEST = "frameloom-digest"
# Parallel uploads; the S3 client also divides each large file into parallel parts.
_PARALLEL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAssets:
    """The files on a local disk that a scene refers to."""

    disk: Disk
    found: FoundAssets

    @property
    def files(self) -> dict[str, Path]:
        """The files by the keys that they get in the bucket."""
        return {asset.key: self.disk.path(asset.key) for asset in self.found.assets}

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Notices about the files outside the scene's folder: uploaded files and withheld files."""
        paths = sorted(str(path) for path in self.files.values() if self.disk.is_outside(path))
        found = []
        if paths:
            text = f"The scene uses files outside its folder, which are uploaded with it: {listed(paths)}."
            found.append(Notice(kind=NoticeKind.OUTSIDE, text=text, items=tuple(paths)))
        if withheld := tuple(str(path) for path in self.disk.withheld):
            text = f"The scene {self._withheld_problem()}."
            found.append(Notice(kind=NoticeKind.WITHHELD, text=text, items=withheld))
        return tuple(found)

    def check(self, request: JobRequest) -> None:
        """Refuse a scene whose missing files exist but are withheld.

        Raises:
            InvalidRequest: the message lists the withheld files.
        """
        lost = [one for one in self.found.missing if not may_miss(request.missing_assets, self.found.paths[one])]
        if self.disk.withheld and lost:
            raise InvalidRequest(field="path", problem=self._withheld_problem())

    def _withheld_problem(self) -> str:
        return (
            "names files outside its folder, or hidden, that are no pictures, films, sounds, fonts, caches or scenes, "
            f"so they are not uploaded: {listed([str(path) for path in self.disk.withheld])}; copy them into a "
            "folder of the scene, or trust the scene"
        )


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


def local_assets(scene: Path, file: str, references: Iterable[Reference], *, root: str, guarded: bool) -> LocalAssets:
    """Return the local files that a scene and its libraries refer to.

    Files that are missing on this disk are left out, since the bucket may have them.

    Args:
        file: the scene's key in the bucket, which need not exist yet.
        root: the folder of the bucket for files with absolute paths.
        guarded: whether files outside the scene's folder count only if they are media.

    Raises:
        InvalidRequest: the path of a file cannot be a key beside that key, or files are withheld.
        SceneUnreadable: a library is not a readable .blend file.
    """
    disk = Disk.of(scene, file, root=root, guarded=guarded)
    found = find_assets(disk, "", file, references, root=root)
    if found.above and not file.startswith(f"{root}/"):
        problem = (
            f"the scene refers to {listed(found.above)}, which would be outside the bucket if the scene is {file!r}: "
            f"choose a key in a deeper folder, such as by `file=film/{file}`"
        )
        raise InvalidRequest(field="file", problem=problem)
    return LocalAssets(disk=disk, found=found)


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
