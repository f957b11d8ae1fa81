"""PrepareJob: resolves the request of a job and writes its manifest, before any worker starts."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from frameloom.model import keys, rounds
from frameloom.model.assets import AssetsRef
from frameloom.model.blenders import choose_blender
from frameloom.model.errors import InvalidRequest, SceneNotFound, SceneUnreadable
from frameloom.model.job import Job, Limits, OutputRef, SceneRef
from frameloom.model.request import START, START_NO, JobRequest, is_upload, parse_request
from frameloom.model.scene import SceneFacts
from frameloom.model.scene_json import facts_from_json
from frameloom.model.settings import Device, RenderSettings
from frameloom.services.resolve_request import ResolvedRequest, file_digest, resolve_request, with_assets
from frameloom.services.scene.blend_format import Header
from frameloom.services.scene.extension_zip import fetch_extension
from frameloom.services.scene.ocio_config import fetch_config
from frameloom.services.scene.reader import may_open_in_blender, read_header
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store, StoredObject


def prepare(
    event: Mapping[str, Any],
    *,
    job_id: str,
    started: str,
    store: Store,
    buckets: Buckets,
    blenders: Sequence[str],
    device: Device,
    trusts_scripts: bool = True,
    inspected: bool = False,
) -> dict[str, Any]:
    """Write the job's manifest and return the state of the execution.

    A scene that only Blender may be able to read is inspected first: this function then returns a task for a worker,
    and runs again after it.

    Args:
        event: the execution's input, in any of its three forms.
        started: the start of the execution, ISO 8601.
        blenders: the full versions of Blender that each worker of the farm has.
        device: the workers' device.
        trusts_scripts: whether the farm lets a request trust the code in its scene.
        inspected: whether a worker has inspected the scene for this job.

    Returns:
        The state; `{"skipped"}` if the uploader of the scene starts the job; or a state with `inspect`, the scene and
        the settings of the task.

    Raises:
        JobImpossible: the job cannot succeed, or its scene has changed since a worker inspected it.
    """
    key = parse_request(event).file
    stored = store.head(buckets.scenes, key)
    if stored is None:
        raise SceneNotFound(bucket=buckets.scenes, key=key)
    if is_upload(event) and stored.metadata.get(START) == START_NO:
        return {"skipped": f"the uploader of {key} starts its job"}
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
        facts = _inspected_facts(job_id, store, buckets, scene, file=key) if inspected else None
        config = None if request.ocio is None else fetch_config(store, buckets.scenes, request.ocio)
        extensions = [fetch_extension(store, buckets.scenes, key) for key in request.addons or ()]
        try:
            resolved = resolve_request(
                request,
                scene,
                blenders=blenders,
                device=device,
                facts=facts,
                config=config,
                extensions=extensions,
            )
        except SceneUnreadable as error:
            if not may_open_in_blender(error):
                raise
            blender = _blender(request, read_header(scene), blenders)
            return _inspection(request, stored, scene, job_id=job_id, store=store, buckets=buckets, blender=blender)
        resolved = with_assets(resolved, request, store=store, buckets=buckets, scene=None if inspected else scene)
    assets = _write_assets(resolved, job_id, store, buckets)
    job = _manifest(request, resolved, stored, assets, job_id=job_id, started=started, buckets=buckets)
    job_documents.write(store, buckets.logs, keys.manifest_key(job_id), job.to_json())
    return {
        "job_id": job_id,
        "round": rounds.SCOUTS,
        "scene": job.scene.to_json(),
        "output": job.outputs.to_json(),
        "settings": job.settings.to_json(),
        "limits": job.limits.to_json(),
    }


def _inspection(
    request: JobRequest,
    stored: StoredObject,
    scene: Path,
    *,
    job_id: str,
    store: Store,
    buckets: Buckets,
    blender: str,
) -> dict[str, Any]:
    """Write the task of inspecting a scene, and return the state that queues it."""
    ref = SceneRef(bucket=buckets.scenes, key=request.file, version=stored.version, digest=file_digest(scene))
    task = {"scene": ref.to_json(), "settings": RenderSettings(blender=blender).to_json()}
    # For the clients: the job has no manifest yet.
    job_documents.write(store, buckets.logs, keys.task_key(job_id, "inspect"), task)
    return {"job_id": job_id, "inspect": task, "limits": _limits(request).to_json()}


def _blender(request: JobRequest, header: Header, blenders: Sequence[str]) -> str:
    return choose_blender(
        request.blender,
        saved_by=header.version,
        blenders=blenders,
        file=request.file,
        big_endian=header.byte_order == ">",
    )


def _inspected_facts(job_id: str, store: Store, buckets: Buckets, scene: Path, *, file: str) -> SceneFacts:
    document = job_documents.read(store, buckets.logs, keys.facts_key(job_id))
    if document is None:
        raise LookupError(f"job {job_id!r} has no facts about its scene in bucket {buckets.logs!r}")
    if document["digest"] != file_digest(scene):
        raise SceneUnreadable(file=file, problem="it has changed since a worker inspected it; start a new job")
    return facts_from_json(document["facts"])


def _limits(request: JobRequest) -> Limits:
    return Limits.model_validate({name: getattr(request, name) for name in Limits.model_fields})


def _manifest(
    request: JobRequest,
    resolved: ResolvedRequest,
    stored: StoredObject,
    assets: AssetsRef | None,
    *,
    job_id: str,
    started: str,
    buckets: Buckets,
) -> Job:
    return Job(
        job_id=job_id,
        started=started,
        scene=SceneRef(
            bucket=buckets.scenes,
            key=request.file,
            version=stored.version,
            digest=resolved.digest,
            assets=assets,
            absolute_root=resolved.absolute_root,
            missing_assets=None if request.missing_assets == "fail" else request.missing_assets,
            order=resolved.order,
        ),
        frames=str(resolved.frames),
        fps=resolved.fps,
        pixel_aspect=None if resolved.pixel_aspect == 1 else str(resolved.pixel_aspect),
        settings=resolved.settings,
        outputs=OutputRef(
            bucket=buckets.frames,
            prefix=keys.frames_prefix(request.file, resolved.render_key),
            endings=resolved.endings,
        ),
        output=request.output,
        on_missing=request.on_missing,
        video=request.video,
        film=request.film,
        chunk_size=request.chunk_size,
        limits=_limits(request),
        notices=resolved.notices or None,
    )


def _write_assets(resolved: ResolvedRequest, job_id: str, store: Store, buckets: Buckets) -> AssetsRef | None:
    if not resolved.assets:
        return None
    # The scene may read a file of the colour configuration too.
    different = {asset.key: asset for asset in resolved.assets.values()}
    place = AssetsRef(bucket=buckets.logs, key=keys.assets_key(job_id))
    job_documents.write(store, place.bucket, place.key, [one.to_json() for one in different.values()])
    return place
