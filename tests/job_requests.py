"""Requests for jobs, and the errors of invalid ones."""

from typing import Any

import pytest

from frameloom.model.errors import InvalidRequest
from frameloom.model.request import (
    parse_request,
)


def upload(key: object = "film/shot.blend") -> dict[str, Any]:
    """Return the EventBridge event of an upload, as S3 sends it."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-23T06:00:00Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:s3:::scenes"],
        "detail": {
            "version": "0",
            "bucket": {"name": "scenes"},
            "object": {"key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": "0"},
            "reason": "PutObject",
        },
    }


def refused(request: object, **metadata: str) -> InvalidRequest:
    """Return the error of an invalid request."""
    with pytest.raises(InvalidRequest) as caught:
        parse_request(request, metadata=metadata)
    return caught.value


FULL: dict[str, Any] = {
    "file": "film/shot.blend",
    "frames": "1-10:2,15,20-30",
    "chunk_size": 5,
    "max_workers": 8,
    "queue_timeout": 60,
    "chunk_timeout": 120,
    "frame_timeout": 30,
    "blender": "4.5.15",
    "scene": "Scene",
    "camera": "Camera",
    "engine": "CYCLES",
    "samples": 16,
    "resolution_percentage": 50,
    "format": "PNG",
    "trust_scripts": True,
    "fps": "2997/100",
    "video": {"codec": "h264", "quality": 20},
    "output": "both",
    "on_missing": "stitch",
    "missing_assets": "render",
    "run": 2,
}
