"""PrepareJob: resolves the request of a job and writes its manifest, before any worker starts."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frameloom.model import keys, rounds
from frameloom.model.assets import AssetsRef
from frameloom.model.errors import InvalidRequest, SceneNotFound
from frameloom.model.job import Job, Limits, OutputRef, SceneRef
from frameloom.model.request import START, START_NO, JobRequest, is_upload, parse_request
from frameloom.model.settings import Device
from frameloom.services.resolve_request import ResolvedRequest, resolve_request, with_assets
from frameloom.services.storage import job_documents
from frameloom.services.storage.ports import Buckets, Store, StoredObject


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
    """Write the job's manifest and return the state of the execution.

    Args:
        event: the execution's input, in any of its three forms.
        started: the start of the execution, ISO 8601.
        blender, device: the Blender version and the device of the farm's workers.
        trusts_scripts: whether the farm lets a request trust the code in its scene.

    Returns:
        The state, or `{"skipped"}` if the uploader of the scene starts the job.

    Raises:
        JobImpossible: the job cannot succeed.
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
        resolved = resolve_request(request, scene, blender=blender, device=device)
    resolved = with_assets(resolved, request, store=store, buckets=buckets)
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
            missing_assets="render" if request.missing_assets == "render" else None,
        ),
        frames=str(resolved.frames),
        fps=resolved.fps,
        pixel_aspect=None if resolved.pixel_aspect == 1 else str(resolved.pixel_aspect),
        settings=resolved.settings,
        outputs=OutputRef(bucket=buckets.frames, prefix=keys.frames_prefix(request.file, resolved.render_key)),
        output=request.output,
        on_missing=request.on_missing,
        video=request.video,
        film=request.film,
        chunk_size=request.chunk_size,
        limits=Limits.model_validate({name: getattr(request, name) for name in Limits.model_fields}),
        notices=resolved.notices or None,
    )


def _write_assets(resolved: ResolvedRequest, job_id: str, store: Store, buckets: Buckets) -> AssetsRef | None:
    if not resolved.assets:
        return None
    place = AssetsRef(bucket=buckets.logs, key=keys.assets_key(job_id))
    job_documents.write(store, place.bucket, place.key, [asset.to_json() for asset in resolved.assets.values()])
    return place
