"""PrepareJob: settle what a job is, before any worker starts."""

import hashlib
import posixpath
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from frameloom.model import keys, rounds
from frameloom.model.assets import Asset, AssetsRef, Reference
from frameloom.model.errors import InvalidRequest, MissingAssets, SceneNotFound
from frameloom.model.frames import FrameRange
from frameloom.model.job import Job, Limits, OutputRef, SceneRef
from frameloom.model.request import START, START_NO, JobRequest, is_upload, parse_request
from frameloom.model.scene import SceneEntry
from frameloom.model.settings import Device, RenderSettings, film_rate
from frameloom.services.scene.checks import check_colours, check_engine, check_scripts, check_spaces
from frameloom.services.scene.find_assets import find_assets, listed
from frameloom.services.scene.reader import check_version, read_scene
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store

# libav 8.1 gives up on PIZ as soon as the picture is noisy: always with whole floats, often with half ones.
UNFILMED_CODECS = frozenset({"PIZ"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a request comes to on a given scene.

    Attributes:
        name: the scene's name in messages.
        fps: frames per second.
        pixel_aspect: the ratio of a pixel's width to its height.
        references: what the scene refers to outside of itself.
        assets: what of it was found, by its path from the scene's folder; none before it was looked for.
        revision: above 1 for a scene that earlier workers rendered otherwise.
    """

    name: str
    digest: str
    frames: FrameRange
    fps: str
    pixel_aspect: Fraction
    size: tuple[int, int]
    settings: RenderSettings
    references: tuple[Reference, ...] = ()
    assets: Mapping[str, Asset] = field(default_factory=dict)
    revision: int = 1

    @property
    def render_key(self) -> str:
        """Return the name of the frames that this render makes."""
        tags = {path: asset.etag for path, asset in self.assets.items()}
        return keys.render_key(digest=self.digest, settings=self.settings, assets=tags, revision=self.revision)


def settle(request: JobRequest, scene: Path, *, blender: str, device: Device, name: str | None = None) -> Settled:
    """Return what `request` comes to on the scene in a file; the command line asks it before it uploads.

    Args:
        blender: the version that the farm's workers hold.
        device: what they render on where the request names nothing else.
        name: the scene's name in messages; its key when None.

    Raises:
        JobImpossible: the scene cannot be read, is too new, lacks its camera, does not fit the request, or needs
            something that Blender would leave out (`scene_checks`).
    """
    if request.blender not in (None, blender):
        raise InvalidRequest(field="blender", problem=f"this farm renders with {blender}, not with {request.blender}")
    name = request.file if name is None else name
    facts = read_scene(scene, name=name)
    check_version(facts, supported=blender, file=name)
    entry = facts.pick(request.scene, request.camera)
    _check_packing(request, entry)
    if request.output != "video":
        check_engine(entry, request.engine, blender=blender)
        check_colours(facts, entry, blender=blender, linear=request.format == "OPEN_EXR")
        check_scripts(facts.scripts, trust=request.trust_scripts, file=name)
    frames = request.frame_range()
    if frames is None:
        if entry.frame_end < entry.frame_start:
            raise InvalidRequest(
                field="frames", problem=f"the scene's own range, {entry.frame_start} to {entry.frame_end}, is empty"
            )
        frames = FrameRange.between(entry.frame_start, entry.frame_end, entry.frame_step)
    return Settled(
        name=name,
        digest=_digest(scene),
        frames=frames,
        fps=request.fps or _own_rate(entry.fps, films=request.output != "frames"),
        pixel_aspect=entry.pixel_aspect,
        size=entry.rendered_size(request.resolution_percentage),
        settings=request.settings().model_copy(
            update={"blender": blender, "device": _unless_cpu(request.device or device)}
        ),
        references=facts.references,
        revision=_revision(request, entry),
    )


def _revision(request: JobRequest, entry: SceneEntry) -> int:
    """Return 2 for a scene whose frames the workers of revision 1 got wrong, else 1.

    With Render Single Layer each later chunk began with a copy of the frame before it. OpenEXR frames were not in the
    linear colour space that the scene names.
    """
    return 2 if entry.single_layer or (request.format == "OPEN_EXR" and entry.colours.linear) else 1


def _check_packing(request: JobRequest, entry: SceneEntry) -> None:
    """Refuse to render frames for a film that nothing here could unpack; frames that exist are tried."""
    if request.output == "both" and request.format == "OPEN_EXR" and entry.exr_codec in UNFILMED_CODECS:
        problem = (
            f"scene {entry.name!r} packs OpenEXR with {entry.exr_codec}, which no film can be made of: "
            'choose another codec in it, such as ZIP, or ask for output "frames"'
        )
        raise InvalidRequest(field="format", problem=problem)


def _unless_cpu(device: Device) -> Device | None:
    """Return the device as a setting: frames of before there was a choice keep their key, and none other is theirs."""
    return None if device == "CPU" else device


def _own_rate(fps: Fraction, *, films: bool) -> str:
    """Return a scene's own rate; Blender keeps it in single precision, which is finer than any film's."""
    try:
        return str(film_rate(fps))
    except ValueError as error:
        if films:
            problem = f"{error}, and the scene's own rate is {float(fps):g}: name another"
            raise InvalidRequest(field="fps", problem=problem) from None
        return str(fps)


def prepare(
    event: Mapping[str, Any],
    *,
    job_id: str,
    started: str,
    store: Store,
    buckets: Buckets,
    blender: str,
    device: Device,
    trusts_scripts: bool = True,
) -> dict[str, Any]:
    """Write the job's manifest and return what the state machine carries from state to state.

    Args:
        event: the execution's input, in any of its three shapes.
        blender, device: what the farm's workers hold and render on.
        trusts_scripts: whether a request may run the code in its scene.

    Returns:
        The state, or `{"skipped"}` where the job is started by whoever uploaded its scene.

    Raises:
        JobImpossible: the job cannot succeed, and why.
    """
    key = parse_request(event).file
    stored = store.head(buckets.scenes, key)
    if stored is None:
        raise SceneNotFound(bucket=buckets.scenes, key=key)
    if is_upload(event) and stored.metadata.get(START) == START_NO:
        return {"skipped": f"{key} was uploaded by someone who starts its job"}
    request = parse_request(event, metadata=stored.metadata)
    if request.trust_scripts is True and not trusts_scripts:
        problem = (
            "this farm does not run code in scenes: start it with `frameloom farm up --trust-scripts`, or deploy it "
            "with TrustedScripts=allow"
        )
        raise InvalidRequest(field="trust_scripts", problem=problem)
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder, "scene.blend")
        store.download(buckets.scenes, key, scene, version=stored.version)
        settled = settle(request, scene, blender=blender, device=device)
    settled = with_assets(settled, request, store=store, buckets=buckets)
    job = Job(
        job_id=job_id,
        started=started,
        scene=SceneRef(
            bucket=buckets.scenes,
            key=key,
            version=stored.version,
            digest=settled.digest,
            assets=_write_assets(settled, job_id, store, buckets),
            missing_assets="render" if request.missing_assets == "render" else None,
        ),
        frames=str(settled.frames),
        fps=settled.fps,
        pixel_aspect=None if settled.pixel_aspect == 1 else str(settled.pixel_aspect),
        settings=settled.settings,
        outputs=OutputRef(bucket=buckets.frames, prefix=keys.frames_prefix(key, settled.render_key)),
        output=request.output,
        on_missing=request.on_missing,
        video=request.video,
        film=request.film,
        chunk_size=request.chunk_size,
        limits=Limits.model_validate({name: getattr(request, name) for name in Limits.model_fields}),
    )
    job_documents.write(store, buckets.logs, keys.manifest_key(job_id), job.to_json())
    return {
        "job_id": job_id,
        "round": rounds.SCOUTS,
        "scene": job.scene.to_json(),
        "output": job.outputs.to_json(),
        "settings": job.settings.to_json(),
        "limits": job.limits.to_json(),
    }


def with_assets(settled: Settled, request: JobRequest, *, store: Store, buckets: Buckets) -> Settled:
    """Return what was settled, with the outside files that the scene renders with.

    Raises:
        MissingAssets: some are not there, and the request does not say to render without them.
        SceneUnreadable: a library is not a readable .blend.
        InvalidRequest: the untrusted scene writes files, or opens files of the worker; it reads a file that its film
            would replace; it computes the paths of its imports; or a library needs something that Blender would leave
            out (`scene_checks`).
    """
    found = find_assets(store, buckets.scenes, request.file, settled.references)
    found.check(file=settled.name, trusted=request.trust_scripts is True)
    if request.output != "video":
        check_scripts(found.scripts, trust=request.trust_scripts, file=settled.name)
        check_spaces(found.spaces, file=settled.name, blender=settled.settings.blender or "")
    film = keys.video_key(request.file, request.video.container, name=request.film)
    if request.output != "frames" and film in found.named:
        problem = f"the film would replace {film!r}, which the scene reads: choose another name for the film"
        raise InvalidRequest(field="film", problem=problem)
    if found.missing and request.missing_assets == "fail":
        raise MissingAssets(file=settled.name, assets=listed(found.missing))
    found.check_render(file=settled.name, trusted=request.trust_scripts is True)
    folder = posixpath.dirname(request.file)
    return replace(settled, assets={posixpath.relpath(f"/{asset.key}", f"/{folder}"): asset for asset in found.assets})


def _write_assets(settled: Settled, job_id: str, store: Store, buckets: Buckets) -> AssetsRef | None:
    if not settled.assets:
        return None
    place = AssetsRef(bucket=buckets.logs, key=keys.assets_key(job_id))
    job_documents.write(store, place.bucket, place.key, [asset.to_json() for asset in settled.assets.values()])
    return place


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
