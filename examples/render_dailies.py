"""Render the dailies of a day: several shots at a quarter of their size, each to frames and a film.

    python examples/render_dailies.py shots/*.blend --out dailies
    python examples/render_dailies.py shots/*.blend --out dailies --stack my-farm

All shots are started before the first is followed, so that the farm works on them side by side. The exit code is 1 if a
shot failed.
"""

import argparse
import sys
from pathlib import Path

from frameloom.client import Farm, Job
from frameloom.model.errors import FarmError


def start(farm: Farm, scenes: list[Path], *, out: Path, frames: str | None) -> dict[Path, Job]:
    """Start a job for each scene and return the jobs; report a scene that the farm refuses."""
    jobs = {}
    for scene in scenes:
        try:
            # The keywords are the fields of a job's request. A scene with Python is rendered without it.
            jobs[scene] = farm.render(
                scene, out=out, frames=frames, resolution_percentage=25, samples=16, trust_scripts=False
            )
        except FarmError as error:
            print(f"{scene.name}: refused: {error}", file=sys.stderr)
    return jobs


def follow(scene: Path, job: Job) -> bool:
    """Print the progress and the film of a shot; return whether it succeeded."""
    done = -1
    for snapshot in job.follow():
        if snapshot.total is not None and snapshot.done != done:
            done = snapshot.done
            print(f"{scene.name}: {done} of {snapshot.total} frames")
    result = job.result
    if not result.succeeded:
        print(f"{scene.name}: {result.error}: {result.cause}", file=sys.stderr)
        return False
    print(f"{scene.name}: {result.counts.rendered} rendered, {result.counts.reused} reused: {result.video}")
    return True


def main() -> int:
    """Render the shots that the command line names."""
    parser = argparse.ArgumentParser(description="Render the dailies of a day.")
    parser.add_argument("scenes", nargs="+", type=Path, metavar="SCENE.blend")
    parser.add_argument("--out", type=Path, default=Path("dailies"), help="the folder for frames and films")
    parser.add_argument("--frames", help="such as 1-10; the default is each scene's own range")
    parser.add_argument("--stack", help="the farm of this stack in AWS; the default is a farm on this machine")
    options = parser.parse_args()
    try:
        with Farm.local() if options.stack is None else Farm.of_stack(options.stack) as farm:
            jobs = start(farm, options.scenes, out=options.out, frames=options.frames)
            succeeded = [follow(scene, job) for scene, job in jobs.items()]
    except FarmError as error:
        print(f"The farm cannot be used: {error}", file=sys.stderr)
        return 1
    return 0 if len(jobs) == len(options.scenes) and all(succeeded) else 1


if __name__ == "__main__":
    sys.exit(main())
