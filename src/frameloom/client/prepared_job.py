"""A job before it starts: the checked request, the scene with its files, and the folder for the results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from frameloom.client.colour_config import local_config
from frameloom.client.connect import Connection, Target
from frameloom.client.inspected_scene import read_local_scene
from frameloom.client.job_request import apart_from, build_request, disk_folder, find_scene
from frameloom.client.local_addons import local_addons
from frameloom.client.output_folder import OutputFolder
from frameloom.model import keys
from frameloom.model.request import START, START_NO, JobRequest
from frameloom.services.resolve_request import ResolvedRequest, resolve_request, with_assets
from frameloom.services.scene.upload_assets import DIGEST, local_assets, upload_assets
from frameloom.services.storage.frame_transfer import offer_frames


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedJob:
    """A job's request, and the files that it needs from this machine.

    Attributes:
        scene: the .blend on this disk.
        resolved: the frames, the frame rate and the settings of the request on this scene.
        assets: the files that the scene refers to, by their keys in the scenes bucket.
        output: where the results go; None if nothing is downloaded.
    """

    scene: Path
    request: JobRequest
    resolved: ResolvedRequest
    assets: Mapping[str, Path]
    output: OutputFolder | None

    def upload_assets(self, farm: Connection, progress: Callable[[int, int], None]) -> "PreparedJob":
        """Upload the files that the scene refers to; return the job with the render key that these files give it.

        Raises:
            MissingAssets: files are neither on this disk nor in the bucket.
        """
        upload_assets(self.assets, store=farm.store, bucket=farm.buckets.scenes, progress=progress)
        return replace(
            self,
            resolved=with_assets(self.resolved, self.request, store=farm.store, buckets=farm.buckets, scene=self.scene),
        )

    def upload_scene(self, farm: Connection) -> None:
        """Upload the scene, unless the bucket has it."""
        key, bucket = self.request.file, farm.buckets.scenes
        stored = farm.store.head(bucket, key)
        if stored is None or stored.metadata.get(DIGEST) != self.resolved.digest:
            metadata = {START: START_NO, DIGEST: self.resolved.digest}
            farm.store.upload(self.scene, bucket, key, content_type="application/x-blender", metadata=metadata)

    def upload_frames(self, farm: Connection, frames: set[int], folder: Path) -> None:
        """Upload frames of an earlier job from a folder, so that the farm does not render them again."""
        offer_frames(
            sorted(frames),
            folder,
            store=farm.store,
            bucket=farm.buckets.frames,
            prefix=keys.frames_prefix(self.request.file, self.resolved.render_key),
            files=self.resolved.files,
        )

    def film_identity(self) -> str:
        """Return the identity of the film or frames, as the job's manifest would give it."""
        request, resolved = self.request, self.resolved
        return keys.film_identity(
            scene=request.file,
            render=resolved.render_key,
            frames=str(resolved.frames),
            fps=resolved.fps,
            video=None if request.output == "frames" else request.video,
        )


def prepare_job(scene: Path, fields: Mapping[str, Any], *, out: Path | None, target: Target) -> PreparedJob:
    """Check a request and return its job; nothing is started, uploaded or created.

    Args:
        fields: the request's fields by name; None stands for the default.

    Raises:
        JobImpossible: the request, the scene or the output folder cannot be used; the message has the reason.
        FarmUnavailable: the farm's versions of Blender are unknown.
    """
    scene = find_scene(scene)
    own = local_config(fields.get("ocio"))
    config = None if own is None else own.config
    addons = local_addons(fields.get("addons") or ())
    placed = {"ocio": None if config is None else config.key, "addons": [one.key for one in addons.values()] or None}
    request = build_request(scene, {**fields, **placed})
    if target.chunks_at_once is not None and "max_workers" not in request.model_fields_set:
        request = request.model_copy(update={"max_workers": target.chunks_at_once})
    resolved = resolve_request(
        request,
        scene,
        blenders=target.blenders(),
        device=target.device(),
        facts=read_local_scene(scene),
        config=config,
        extensions=tuple(addons.values()),
    )
    output = None if out is None else OutputFolder.of(out, request, scene)
    if output is not None:
        output.check(resolved.render_key)
    root = request.absolute_root or disk_folder()
    local = local_assets(scene, request.file, resolved.references, root=root, guarded=request.trust_scripts is not True)
    local.check(request)
    assets = {**local.files, **(own.files if own is not None else {})}
    assets |= {extension.key: path for path, extension in addons.items()}
    resolved = replace(resolved, notices=(*resolved.notices, *local.notices))
    if local.found.absolute:
        # A farm of an older version does not know the field.
        request = request.model_copy(update={"absolute_root": root})
    if request.output != "frames":
        if output is not None:
            output.check_against(assets.values())
        request = apart_from(request, assets)
    return PreparedJob(scene=scene, request=request, resolved=resolved, assets=assets, output=output)
