"""The compatibility matrix: each feature of Blender as a row, rendered by plain Blender and by a farm, and compared.

A row is a function that builds a scene, in a module of `tests.compatibility.groups`, one module for each group:

    rows = Group("Time")

    @rows.same("Frame step", frames=(1, 5))
    def _(s: Stage) -> None:
        s.scene.frame_step = 2

    @rows.refused("OSL shaders", "InvalidRequest", "Open Shading Language")
    def _(s: Stage) -> None: ...

    @rows.announced("File Output nodes", "outputs", "writes no files")
    def _(s: Stage) -> None: ...

    @rows.different("Particles without a bake", "the second chunk starts without its particles")
    def _(s: Stage) -> None: ...

The feature is named in the words of Blender's interface. The four expectations:

- `same`: the farm renders the pixels of plain Blender, and announces nothing.
- `refused`: the command line, PrepareJob or the worker refuses with this error class and a sentence with these words.
- `announced`: the farm has a notice (`frameloom.model.notices`) of this kind with these words. The pixels are those of
  plain Blender, unless `pixels=False`.
- `different`: a known fault. The pixels differ, and nothing is announced. The row fails as soon as this is repaired.

Options of a row, all of which have defaults: `frames` (first and last), `size` in pixels, `samples`, `engine`, `file`
(the name of the .blend), `request` (the job's options, such as `{"format": "OPEN_EXR"}`), `versions` (the Blenders that
have the feature), `edit` (a function that changes the bytes of the saved file), and `by_version`, an expectation for a
Blender that differs: `by_version={"5.0": refused(...)}`.

`Stage` (tests/compatibility/stage.py) starts as a scene of 32 x 18 pixels, three frames and one sample of Cycles, with
a turning cube `s.cube`, a light `s.light`, a camera `s.camera` and a world. It is saved as `s.folder / "shot.blend"`
before the function runs, so that `//` works, and again afterwards. The function runs in a process of Blender; a row
module never imports bpy, but uses `s.bpy`.

Plain Blender renders as `blender -b shot.blend -a` does, with the equivalents of the job's options. Python in the scene
runs only if the job has `trust_scripts`. The farm is the real code of the client, PrepareJob, PlanChunks, the worker
and VerifyFrames over ports in memory, with chunks of two frames. The last chunk is rendered first, as if each had a
worker of its own: the third frame of a row is the first one of its Blender.

To run some rows and print their results, and to write them into docs/compatibility.md:

    .venv/bin/python -m tests.compatibility motion     # rows with "motion" in their id
    .venv/bin/python -m tests.compatibility motion --write
"""
