"""The JSON document of `frameloom check`; docs/td.md describes its fields."""

from collections.abc import Iterable
from typing import Any

from frameloom.client.scene_check import SceneCheck
from frameloom.model.assets import Reference
from frameloom.model.request import JobRequest
from frameloom.model.scene import SceneEntry
from frameloom.model.settings import VideoSettings
from frameloom.services.resolve_request import ResolvedRequest

# The kinds of references that stand for a folder of caches.
_CACHES = ("points", "fluid", "ocean", "bake")


def as_json(check: SceneCheck) -> dict[str, Any]:
    """Return the document that `--json` prints."""
    facts = check.facts
    document = {
        "file": facts.file,
        "bytes": check.size,
        "blender": check.blender,
        "rendered_by": check.rendered_by,
        "job": None if check.job is None else _job(check.job),
        "active": facts.active,
        "scenes": [_scene(entry) for entry in facts.scenes],
        "cameras": list(facts.cameras),
        "libraries": libraries(facts.references),
        "caches": caches(facts.references),
        "simulations": [{"kind": one.kind, "owner": one.owner} for one in facts.simulations],
        "assets": [{"path": path, "bytes": size} for path, size in check.assets.items()],
        "missing": list(check.missing),
        "scripts": list(check.scripts),
        "addons": list(facts.tree_types),
        "colour_spaces": [{"owner": space.owner, "name": space.name} for space in facts.spaces],
        "notices": [notice.to_json() for notice in check.notices],
    }
    refusal = check.refusal
    return document | ({} if refusal is None else {"error": type(refusal).__name__, "cause": str(refusal)})


def _job(job: ResolvedRequest) -> dict[str, Any]:
    video = VideoSettings()
    return {
        "frames": str(job.frames),
        "size": list(job.size),
        "format": job.settings.format,
        "files_per_frame": len(job.endings or ("",)),
        "film": {"codec": video.codec, "container": video.container, "fps": job.fps},
        "ocio": None if job.config is None else job.config.key,
    }


def _scene(entry: SceneEntry) -> dict[str, Any]:
    width, height = entry.size
    return {
        "name": entry.name,
        "frames": frames(entry),
        "fps": str(entry.fps),
        "time_stretching": list(entry.time_stretching),
        "size": [width * entry.percentage // 100, height * entry.percentage // 100],
        "resolution": [width, height],
        "percentage": entry.percentage,
        "pixel_aspect": str(entry.pixel_aspect),
        "crop": None if entry.crop is None else list(entry.crop),
        "engine": entry.engine,
        "options": list(entry.options),
        "camera": entry.camera,
        "marker_cameras": list(entry.marker_cameras),
        "picture": picture(entry),
        "view_layers": [
            {"name": layer.name, "rendered": layer.rendered, "passes": list(layer.passes)}
            for layer in entry.view_layers
        ],
        "single_layer": entry.single_layer,
        "format": entry.format,
        "color_mode": entry.color_mode,
        "color_depth": entry.color_depth,
        "exr_codec": entry.exr_codec,
        "file_outputs": list(entry.sources.file_outputs),
        "sound": entry.sources.sounds,
        "colours": entry.colours.to_json(),
        "views": [] if entry.views is None else [view.name for view in entry.views.rendered],
        "stamp": list(entry.stamp),
    }


def frames(entry: SceneEntry) -> str:
    """Return the range of a scene as `--frames` takes it, "none" if it is empty."""
    if entry.frame_end < entry.frame_start:
        return "none"
    step = f":{entry.frame_step}" if entry.frame_step > 1 else ""
    return f"{entry.frame_start}-{entry.frame_end}{step}"


def picture(entry: SceneEntry) -> str:
    """Return the source of a scene's picture: its sequencer, its compositor or its render."""
    if entry.sources.strips:
        return "sequencer"
    return "render" if entry.sources.layers is None else "compositor"


def libraries(references: Iterable[Reference]) -> list[str]:
    """Return the paths of the libraries that a scene links, as the scene has them."""
    return [one.path for one in references if one.library]


def caches(references: Iterable[Reference]) -> list[str]:
    """Return the folders of the caches that a scene reads, as the scene has them, each once."""
    return list(dict.fromkeys(one.path for one in references if one.kind in _CACHES))


DEFAULT_FORMAT = JobRequest(file="scene.blend").format
