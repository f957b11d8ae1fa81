"""Frames and time."""

from tests.compatibility.rows import Group, Stage

rows = Group("Time")


@rows.same("Frame range")
def _(s: Stage) -> None:
    del s


@rows.same("Frame step", frames=(1, 5))
def _(s: Stage) -> None:
    s.scene.frame_step = 2
