"""Builds and parses the keys of all S3 objects.

| object | bucket | key |
|---|---|---|
| scene | scenes | `film/shot.blend` |
| film | scenes | `film/shot.mp4`, with ProRes `film/shot.mov`; the next film of the scene `film/shot_v002.mp4` |
| frame | frames | `film/shot/<render key>/000017.png`, or several files (model/frame_files.py) |
| documents and logs of a job | logs | `jobs/<job id>/...` |
| measured times of a render | logs | `jobs/timings/<render key>.json` |
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from frameloom.model.settings import Container, RenderSettings, VideoSettings
from frameloom.model.simulations import Order

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
# The version in the name of each film after the first: three digits or more.
_VERSION = re.compile(r"[0-9]{3,9}", re.ASCII)


def scene_stem(scene: str) -> str:
    """Return the key of a scene without `.blend`."""
    return scene.removesuffix(".blend")


def disk_key(owner: str, root: str, path: str) -> str:
    """Return the key of the file at `path` below `root` on its owner's disk.

    The bucket mirrors the disk: files beside or above a scene have keys beside or above its key, and two files never
    share a key.

    Args:
        root: the root of the path: `/`, or on Windows a drive or a share, which becomes a folder.
    """
    drive = _NOT_IN_NAMES.sub("-", root).strip("-")
    return "/".join(part for part in (owner, drive, path) if part)


def owner_folder(user: str, host: str) -> str:
    """Return the folder for the uploads of a user on a machine: a readable name with a hash that makes it unique."""
    machine = host.partition(".")[0].lower()
    suffix = hashlib.sha256(f"{user}\n{machine}".encode()).hexdigest()[:8]
    return f"{_NOT_IN_NAMES.sub('-', user).strip('-.') or 'user'}-{suffix}"


def render_key(
    *,
    digest: str,
    settings: RenderSettings,
    assets: Mapping[str, str] | None = None,
    revision: int = 1,
    stamped: str | None = None,
    order: Order | None = None,
) -> str:
    """Return a hash of everything that determines a frame's pixels: equal keys mean equal frames.

    Args:
        digest: the SHA-256 of the scene, so that an edited scene never reuses old frames.
        settings: the render settings, which include Blender's version.
        assets: the entity tag of each asset, keyed by its path from the scene's folder, so that a scene with an edited
            texture never reuses old frames. Without assets, the key is that of versions without assets.
        revision: above 1 for a scene that earlier workers rendered differently, so that it never reuses their frames.
        stamped: the file's name, if its frames show it.
        order: the order of the frames, if they depend on it.
    """
    rest: list[object] = [dict(assets)] if assets else []
    if revision > 1:
        rest.append({"revision": revision})
    if stamped is not None:
        rest.append({"stamped": stamped})
    if order is not None:
        rest.append({"order": order.to_json()})
    # False renders the same pixels as None, the only value of earlier versions, so their frames keep their key.
    # The content of a colour configuration and of extensions counts, among the assets, and not their place.
    elsewhere = {"trust_scripts": settings.trust_scripts or None, "ocio": None, "addons": None}
    pixels = settings.model_copy(update=elsewhere)
    parts = json.dumps([digest, pixels.to_json(), *rest], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def frames_prefix(scene: str, render: str) -> str:
    """Return the folder of a scene's frames; its final slash separates `shot` from `shot2`."""
    return f"{scene_stem(scene)}/{render}/"


def render_key_of(prefix: str) -> str:
    """Return the render key in the folder of a scene's frames."""
    return prefix.rstrip("/").rpartition("/")[2]


def video_stem(scene: str, name: str | None = None) -> str:
    """Return the key of a scene's film without its extension: beside the scene, with the scene's name or `name`."""
    folder, slash, own = scene_stem(scene).rpartition("/")
    return folder + slash + (own if name is None else name)


def video_key(scene: str, container: Container, *, name: str | None = None) -> str:
    """Return the key of a scene's first film, beside the scene."""
    return f"{video_stem(scene, name)}.{container}"


def versioned(stem: str, version: int) -> str:
    """Return a stem with its version: `shot`, `shot_v002`, `shot_v003`."""
    return stem if version == 1 else f"{version_prefix(stem)}{version:03d}"


def version_prefix(stem: str) -> str:
    """Return the common prefix of the stems of all versions except the first."""
    return f"{stem}_v"


def version_of(key: str, stem: str, endings: Iterable[str]) -> int | None:
    """Return the version in a key made of the stem, a version and one of the file extensions, None for other keys."""
    for ending in endings:
        if key == f"{stem}.{ending}":
            return 1
        digits = key.removeprefix(version_prefix(stem)).removesuffix(f".{ending}")
        if _VERSION.fullmatch(digits) and key == f"{versioned(stem, int(digits))}.{ending}":
            return int(digits)
    return None


def film_identity(*, scene: str, render: str, frames: str, fps: str, video: VideoSettings | None = None) -> str:
    """Return the identity of a film, or of frames alone if `video` is None: equal identities mean equal films.

    Args:
        scene: the scene's key; films of two scenes always differ.
        frames: the frames in the film, as `str` of a FrameRange.
    """
    parts = [scene, render, frames, fps, None if video is None else video.to_json()]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()[:32]


def job_prefix(job_id: str) -> str:
    """Return the folder of a job's documents and logs."""
    return f"jobs/{job_id}/"


def manifest_key(job_id: str) -> str:
    """Return the key of the job's manifest."""
    return f"{job_prefix(job_id)}job.json"


def assets_key(job_id: str) -> str:
    """Return the key of the list of the job's assets."""
    return f"{job_prefix(job_id)}assets.json"


def task_key(job_id: str, task: str) -> str:
    """Return the key of a task of the whole scene, written before a worker gets the task."""
    return f"{job_prefix(job_id)}tasks/{task}.json"


def facts_key(job_id: str) -> str:
    """Return the key of the facts about the scene, which a worker writes that inspects the scene with Blender."""
    return f"{job_prefix(job_id)}facts.json"


def chunks_key(job_id: str, round_number: int) -> str:
    """Return the key of a round's list of chunks, which the distributed Map reads."""
    return f"{job_prefix(job_id)}chunks/round-{round_number}.json"


def timings_key(prefix: str) -> str:
    """Return the key of the measured times of a render, by the folder of its frames.

    It is in `jobs/`, so that it expires with the jobs. The documents of a job named "timings" have other keys.
    """
    return f"jobs/timings/{render_key_of(prefix)}.json"


def chunk_id(round_number: int, index: int) -> str:
    """Return the id of a chunk, unique in its job."""
    return f"{round_number}-{index:06d}"


def results_prefix(job_id: str) -> str:
    """Return the folder of the chunks' results."""
    return f"{job_prefix(job_id)}results/"


def result_key(job_id: str, chunk: str, *, attempt: int, worker: str) -> str:
    """Return the key of the result of one worker's attempt at a chunk; attempts never overwrite each other."""
    return f"{results_prefix(job_id)}{chunk}/{attempt}-{worker}.json"


def flat_prefix(job_id: str, name: str, colour: str) -> str:
    """Return the folder of all reports that a frame's file of this name is flat, with this one colour."""
    return f"{job_prefix(job_id)}flat/{name}/{colour}/"


def flat_key(prefix: str, *, worker: str, process: str) -> str:
    """Return the key of the report of one Blender process of a worker, in that folder."""
    return f"{prefix}{worker}-{process}.json"


def returned_prefix(job_id: str, chunk: str) -> str:
    """Return the folder of the records of workers that received a chunk again, after an earlier receive."""
    return f"{job_prefix(job_id)}returned/{chunk}/"


def returned_key(job_id: str, chunk: str, *, at: int, worker: str) -> str:
    """Return the key of such a record: the time of the receive in nanoseconds, and the worker."""
    return f"{returned_prefix(job_id, chunk)}{at:020d}-{worker}"


def returned_parts(key: str) -> tuple[str, str]:
    """Return the time and the worker of such a record; the time has the form in the names of log parts."""
    at, _, worker = key.rpartition("/")[2].partition("-")
    return at, worker


def segment_key(job_id: str, segment: int, container: Container) -> str:
    """Return the key of one encoded segment of the film."""
    return f"{job_prefix(job_id)}segments/{segment:06d}.{container}"


def segments_key(job_id: str) -> str:
    """Return the key of the list of the film's segments, which the distributed Map reads."""
    return f"{job_prefix(job_id)}segments.json"


def segment_failure_key(job_id: str) -> str:
    """Return the key of the error of a failed segment, which the error of the Map does not contain."""
    return f"{job_prefix(job_id)}segments/failed.json"


def film_frames_key(job_id: str) -> str:
    """Return the key of the list of the film's frames, written before the first segment is encoded."""
    return f"{job_prefix(job_id)}film.json"


def stitched_key(job_id: str) -> str:
    """Return the key of StitchVideo's result, which has the film's key."""
    return f"{job_prefix(job_id)}video.json"


def report_key(job_id: str) -> str:
    """Return the key of the job's report."""
    return f"{job_prefix(job_id)}report.json"


def logs_prefix(job_id: str) -> str:
    """Return the folder of the job's logs."""
    return f"{job_prefix(job_id)}logs/"


def worker_log_prefix(job_id: str, worker: str) -> str:
    """Return the folder of one worker's log of a job."""
    return f"{logs_prefix(job_id)}{worker}/"


def log_part_key(job_id: str, worker: str, part: str) -> str:
    """Return the key of a part of a worker's log; a part that arrives twice is stored once."""
    return f"{worker_log_prefix(job_id, worker)}{part}.jsonl"


def job_id(scene: str, suffix: str) -> str:
    """Return the name of an execution: the scene's name and a unique suffix, within Step Functions' 80 characters."""
    stem = _NOT_IN_NAMES.sub("-", scene_stem(scene).rsplit("/", 1)[-1]).strip("-") or "job"
    return f"{stem[: 79 - len(suffix)]}-{suffix}"


def new_job_id(scene: str, now: datetime, token: str) -> str:
    """Return the id of a job that starts now."""
    return job_id(scene, f"{now:%Y%m%d-%H%M%S}-{token}")


def submitted_job_id(request: dict[str, object], version: str) -> str:
    """Return the job id of a request for a version of its scene; equal arguments give equal ids."""
    parts = json.dumps([request, version], sort_keys=True, separators=(",", ":"))
    return job_id(str(request["file"]), hashlib.sha256(parts.encode()).hexdigest()[:16])
