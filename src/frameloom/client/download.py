"""Downloads the results of one job to an output folder: frames while it runs, film and report at its end."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from frameloom.client.connect import Connection
from frameloom.client.output_folder import OutputFolder
from frameloom.client.output_versions import Kept, keep
from frameloom.model.frame_files import FrameFiles
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job as Manifest
from frameloom.model.report import JobReport
from frameloom.model.request import JobRequest
from frameloom.services.storage import job_documents
from frameloom.services.storage.frame_transfer import FrameFetcher, whole_frames


class Download:
    """One job's results in one output folder.

    Attributes:
        folder: the folder of the job's frames.
        present: the frames that are known to be whole in `folder`.
    """

    def __init__(self, output: OutputFolder, render_key: str) -> None:
        self.output = output
        self.folder = output.frames(render_key)
        self.present: set[int] = set()
        self._fetcher: FrameFetcher | None = None

    @classmethod
    def of(cls, manifest: Manifest, out: Path) -> "Download":
        """Return the download of a job that was started elsewhere.

        Raises:
            InvalidRequest: the results cannot be written to `out`.
        """
        request = JobRequest(file=manifest.scene.key, output=manifest.output, video=manifest.video, film=manifest.film)
        output = OutputFolder.of(out, request, Path(manifest.scene.key))
        output.check(_render_key(manifest))
        download = cls(output, _render_key(manifest))
        download.find_frames(manifest.frame_range(), manifest.files)
        return download

    def find_frames(self, frames: FrameRange, files: FrameFiles) -> None:
        """Find the frames that earlier jobs left in the folder."""
        self.present.update(whole_frames(frames, self.folder, files=files))

    @contextmanager
    def fetching(self, farm: Connection) -> Iterator[None]:
        """Download in the background inside the block; its end waits for the frames that were asked for."""
        with FrameFetcher(farm.store, farm.buckets.frames) as fetcher:
            self._fetcher = fetcher
            try:
                yield
            finally:
                self._fetcher = None
                self.present |= fetcher.brought

    def fetch(self, frames: Iterable[int], manifest: Manifest) -> None:
        """Begin to download frames, unless the folder has them; call it inside a `fetching` block."""
        if self._fetcher is None:
            raise RuntimeError("fetch frames inside a `fetching` block")
        if not manifest.renders_frames:
            return
        # The farm decides the render key: its Blender may be another version than the one here.
        folder = self.output.frames(_render_key(manifest))
        wanted = [frame for frame in frames if folder != self.folder or frame not in self.present]
        self._fetcher.fetch(wanted, manifest.outputs.prefix, folder, manifest.files)

    def fetch_existing(self, job_id: str, farm: Connection) -> None:
        """Download the frames that exist now, and wait for them."""
        manifest = job_documents.find_job(farm.store, farm.buckets, job_id)
        if manifest is not None and manifest.renders_frames:
            with self.fetching(farm):
                self.fetch(job_documents.present_frames(farm.store, manifest), manifest)

    def fetch_report(self, report: dict[str, object], *, identity: str, farm: Connection) -> Kept:
        """Download the film that a report names, if any, and write the report beside it."""
        video = JobReport.model_validate(report).summary.video
        return keep(
            self.output,
            report,
            identity=identity,
            fetch=None if video is None else partial(farm.store.download, video.bucket, video.key),
        )

    def frames_folder(self, manifest: Manifest | None) -> Path | None:
        """Return the folder of the job's frames; None if it does not exist."""
        folder = self.folder if manifest is None else self.output.frames(_render_key(manifest))
        return folder if folder.is_dir() else None

    def frames(self, manifest: Manifest | None) -> tuple[Path, ...]:
        """Return the files of the job's frames in the folder, in order."""
        folder = self.frames_folder(manifest)
        if folder is None or manifest is None:
            return ()
        there = {path.name for path in folder.iterdir()}
        names = (name for frame in manifest.frame_range() for name in manifest.files.names(frame))
        return tuple(folder / name for name in names if name in there)


def _render_key(manifest: Manifest) -> str:
    return Path(manifest.outputs.prefix).name
