"""Metadata in the output properties: Burn Into Image."""

from tests.compatibility.rows import Group, Stage

rows = Group("Burn Into Image")
# Each worker would fill these in differently.
OF_MACHINE = ("date", "render_time", "memory", "hostname", "filename")
OTHERS = ("time", "frame", "frame_range", "camera", "lens", "scene", "marker", "sequencer_strip", "note")


def burn(s: Stage, *parts: str) -> None:
    for part in (*OF_MACHINE, *OTHERS):
        setattr(s.render, f"use_stamp_{part}", part in parts)
    s.render.use_stamp, s.render.stamp_font_size = True, 8
    s.render.stamp_note_text = "first take"
    s.scene.timeline_markers.new("start", frame=1)


@rows.same("Time, Frame, Camera, Lens, Scene, Marker and Note", size=(320, 90))
def _(s: Stage) -> None:
    burn(s, *OTHERS)


@rows.announced("Date, Render Time, Memory and Hostname", "stamp", "leaves out Date", pixels=False)
def _(s: Stage) -> None:
    burn(s, "frame", "date", "render_time", "memory", "hostname")


@rows.announced("Filename", "stamp", "shows 'shot.blend' without its folder", pixels=False, size=(320, 90))
def _(s: Stage) -> None:
    burn(s, "filename")
