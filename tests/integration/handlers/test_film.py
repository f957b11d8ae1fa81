"""The handlers of EncodeSegment and StitchVideo."""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import boto3
import pytest
from PIL import Image

from frameloom.aws.store import S3Store
from frameloom.model import keys
from frameloom.model.errors import EncodeFailed, FrameInvalid
from frameloom.model.job import Job
from frameloom.model.settings import FrameFormat, RenderSettings, VideoSettings
from frameloom.services import verify_frames
from frameloom.services.storage import job_documents
from tests.integration.handlers.calls import (
    SCENE,
    load,
    metrics_of,
)
from tests.jobs import S3_BUCKETS as BUCKETS
from tests.jobs import STARTED, make_job, put_frames
from tests.unit.exr_images import exr
from tests.video_probe import probe

# Powertools warns if a function failed before it counted anything. Lambda itself counts errors.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def png(frame: int, size: tuple[int, int] = (64, 36)) -> bytes:
    """Return a grey image; the frame's number determines the shade."""
    file = io.BytesIO()
    Image.new("RGB", size, (frame * 10 % 250,) * 3).save(file, "PNG")
    return file.getvalue()


def jpeg(frame: int) -> bytes:
    """Return the same image as a JPEG."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png(frame))).save(file, "JPEG")
    return file.getvalue()


def openexr(frame: int) -> bytes:
    """Return an OpenEXR in linear light that sRGB shows as the same grey."""
    light = ((frame * 10 % 250 / 255 + 0.055) / 1.055) ** 2.4
    return exr((64, 36), {"R": light, "G": light, "B": light, "A": 1.0})


STILLS: dict[FrameFormat, Callable[[int], bytes]] = {"PNG": png, "JPEG": jpeg, "OPEN_EXR": openexr}


def film_job(store: S3Store, frames: list[int], image: FrameFormat = "PNG", **fields: Any) -> Job:
    settings = RenderSettings(blender="4.5.15", format=image)
    job = make_job(store, f"{frames[0]}-{frames[-1]}", buckets=BUCKETS, settings=settings, **fields)
    for frame in frames:
        put_frames(store, job, [frame], data=STILLS[image](frame))
    return job


def settle_film(store: S3Store) -> list[dict[str, int]]:
    """Call VerifyFrames, and return the list of segments that it wrote."""
    listed = load("verify_frames")({"job_id": "shot-1", "round": 2})["segments"]
    segments: list[dict[str, int]] = job_documents.read(store, listed["bucket"], listed["key"])
    assert len(segments) == listed["count"]
    return segments


def make_film(store: S3Store) -> dict[str, Any]:
    """Run the states from VerifyFrames on."""
    segments = settle_film(store)
    encode = load("encode_segment")
    encoded = [encode({"job_id": "shot-1", "segment": segment}) for segment in reversed(segments)]
    assert [part["frames"] for part in reversed(encoded)] == [segment["count"] for segment in segments]
    assert all(store.head(part["bucket"], part["key"]) is not None for part in encoded)
    return load("stitch_video")({"job_id": "shot-1"})


def greys(path: Path) -> list[int]:
    """Return the frame numbers of a film, from the shades that `png` used."""
    import av  # noqa: PLC0415  heavy, and needed here alone

    with av.open(str(path)) as film:
        pictures = [frame.to_image().getpixel((20, 20)) for frame in film.decode(video=0)]
    return [round(picture[0] / 10) for picture in pictures]


@pytest.mark.parametrize("segment_frames", [500, 7])
def test_a_film_has_as_many_frames_as_were_rendered(
    store: S3Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    segment_frames: int,
) -> None:
    monkeypatch.setattr(verify_frames, "SEGMENT_FRAMES", segment_frames)
    film_job(store, list(range(3, 20)), fps="30000/1001")
    film = make_film(store)
    assert metrics_of(capsys)["FilmsStitched"] == 1
    assert (film["bucket"], film["key"], film["frames"]) == (BUCKETS.scenes, "film/shot.mp4", 17)
    store.download(film["bucket"], film["key"], tmp_path / "film.mp4")
    facts = probe(tmp_path / "film.mp4")
    assert (facts.frames, facts.fps, facts.size) == (17, Fraction(30000, 1001), (64, 36))
    assert greys(tmp_path / "film.mp4") == list(range(3, 20))
    assert film["bytes"] == (tmp_path / "film.mp4").stat().st_size
    assert boto3.client("s3").head_object(Bucket=film["bucket"], Key=film["key"])["ContentType"] == "video/mp4"


@pytest.mark.parametrize("image", ["OPEN_EXR", "JPEG"])
def test_frames_of_every_format_are_encoded_to_a_film(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: FrameFormat
) -> None:
    monkeypatch.setattr(verify_frames, "SEGMENT_FRAMES", 2)
    job = film_job(store, [3, 4, 5, 6, 7], image)
    film = make_film(store)
    store.download(film["bucket"], film["key"], tmp_path / "film.mp4")
    assert greys(tmp_path / "film.mp4") == [3, 4, 5, 6, 7]
    put_frames(store, job, [6], data=STILLS[image](6)[:-20])
    with pytest.raises(FrameInvalid, match="Frame 6"):
        load("encode_segment")({"job_id": "shot-1", "segment": {"segment": 1, "first": 2, "count": 2}})


def test_a_prores_film_keeps_alpha(store: S3Store, tmp_path: Path) -> None:
    import av  # noqa: PLC0415  heavy

    job = film_job(store, [1, 2], "OPEN_EXR", video=VideoSettings(codec="prores"))
    put_frames(store, job, [1, 2], data=exr((64, 36), {"R": 0.1, "G": 0.1, "B": 0.1, "A": 0.5}))
    film = make_film(store)
    assert film["key"] == "film/shot.mov"
    store.download(film["bucket"], film["key"], tmp_path / "film.mov")
    with av.open(str(tmp_path / "film.mov")) as shown:
        alphas = [picture.to_ndarray(format="rgba")[20, 20, 3] for picture in shown.decode(video=0)]
    assert alphas == [128, 128]


def test_a_film_with_holes_has_the_existing_frames(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_frames, "SEGMENT_FRAMES", 3)
    film_job(store, [1, 2, 5, 6, 9, 12], on_missing="stitch")
    film = make_film(store)
    store.download(film["bucket"], film["key"], tmp_path / "film.mp4")
    assert greys(tmp_path / "film.mp4") == [1, 2, 5, 6, 9, 12]


def test_a_film_encoded_again_is_equal(store: S3Store, tmp_path: Path) -> None:
    film_job(store, [1, 2, 3])
    films = []
    for name in ("one", "other"):
        film = make_film(store)
        store.download(film["bucket"], film["key"], tmp_path / name)
        films.append((tmp_path / name).read_bytes())
    assert films[0] == films[1]


def test_a_film_with_too_few_frames_is_not_stored(store: S3Store) -> None:
    job = film_job(store, [1, 2, 3])
    load("verify_frames")({"job_id": "shot-1", "round": 2})
    load("encode_segment")({"job_id": "shot-1", "segment": {"segment": 0, "first": 0, "count": 2}})
    with pytest.raises(EncodeFailed, match="has 2 frames instead of 3"):
        load("stitch_video")({"job_id": "shot-1"})
    assert store.head(BUCKETS.scenes, keys.video_key(job.scene.key, "mp4")) is None


def test_a_segment_without_frames_is_encode_failed(store: S3Store) -> None:
    film_job(store, [1, 2, 3])
    load("verify_frames")({"job_id": "shot-1", "round": 2})
    with pytest.raises(EncodeFailed, match="no frames"):
        load("encode_segment")({"job_id": "shot-1", "segment": {"segment": 1, "first": 3, "count": 3}})


def test_frames_that_another_job_adds_during_the_encoding_are_not_in_the_film(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_frames, "SEGMENT_FRAMES", 2)
    job = film_job(store, [1, 3, 5, 7], on_missing="stitch")
    first, second = settle_film(store)
    load("encode_segment")({"job_id": "shot-1", "segment": first})
    put_frames(store, job, [2], data=png(2))
    load("encode_segment")({"job_id": "shot-1", "segment": second})
    film = load("stitch_video")({"job_id": "shot-1"})
    store.download(film["bucket"], film["key"], tmp_path / "film.mp4")
    assert greys(tmp_path / "film.mp4") == [1, 3, 5, 7]


def test_the_functions_leave_no_temporary_file(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: Path
) -> None:
    """A Lambda's disk persists between calls, so files of one job would take space from later jobs."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store.upload(scene, BUCKETS.scenes, SCENE)
    load("prepare_job")({"job_id": "other", "started": STARTED, "input": {"file": SCENE}})
    film_job(store, [1, 2, 3])
    make_film(store)
    put_frames(store, job_documents.load_job(store, BUCKETS, "shot-1"), [2], data=png(2)[:-20])
    with pytest.raises(Exception, match="Frame 2"):
        load("encode_segment")({"job_id": "shot-1", "segment": {"segment": 0, "first": 0, "count": 3}})
    assert list(tmp_path.iterdir()) == []
