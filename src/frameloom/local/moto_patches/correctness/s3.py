"""Buckets with the properties that the template gives them, and events as S3 sends them."""

import contextlib
import threading
import time
import uuid
from typing import Any

from moto.events.models import events_backends
from moto.s3 import models, notifications, responses
from moto.s3.exceptions import MissingKey, PreconditionFailed

from frameloom.local.moto_patches.patch import replace, replace_created

# Values of `reason`. Source: Amazon S3 user guide, "EventBridge event message structure".
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}


def apply() -> None:
    """Patch how CloudFormation creates buckets, conditional writes, and the events that buckets send."""
    replace_created(models.FakeBucket, _create_with_properties)
    replace(notifications, "send_event", _hold_event)
    replace(responses.S3Response, "_key_response", _send_held_events)
    replace(responses.S3Response, "_bucket_response", _send_held_events)
    replace(responses.S3Response, "_key_response_put", _write_conditionally)
    replace(responses.S3Response, "_key_response_post", _write_conditionally)
    replace(notifications, "_send_event_bridge_message", _send_to_event_bridge)


def _create_with_properties(original: Any) -> Any:
    """Create a stack's bucket with its versioning and its events to EventBridge.

    moto: the bucket has neither.
    """

    def create(name: str, resource: Any, *args: Any, **kwargs: Any) -> Any:
        bucket = original(name, resource, *args, **kwargs)
        properties = resource.get("Properties", {})
        bucket.versioning_status = properties.get("VersioningConfiguration", {}).get("Status")
        if "EventBridgeConfiguration" in properties.get("NotificationConfiguration", {}):
            bucket.set_notification_configuration({"EventBridgeConfiguration": {}})
        return bucket

    return create


class _Held(threading.local):
    """The events of the request that this thread handles, by object; None outside a request."""

    events: dict[tuple[str, str, str], tuple[Any, ...]] | None = None


_held = _Held()


def _hold_event(original: Any) -> Any:
    """Hold an event until its request is done, and send one event per object.

    moto: an event is sent before the object has its metadata. A multipart upload also sends the event of a plain PUT,
    and every upload that of a change of tags.
    AWS: one event, after the object is complete.
    """

    def send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        if _held.events is None:
            original(account_id, event_name, bucket, key)
            return
        # An ObjectCreated event replaces all others, and the last of several is the right one.
        place = (bucket.name, key.name, key.version_id)
        if place not in _held.events or "ObjectCreated" in event_name.value:
            _held.events[place] = (account_id, event_name, bucket, key)

    return send_event


def _send_held_events(original: Any) -> Any:
    """Send the events that `_hold_event` holds at the end of a request.

    moto: a request sends each event at once.
    """

    def respond(self: Any, *args: Any, **kwargs: Any) -> Any:
        held: dict[tuple[str, str, str], tuple[Any, ...]] = {}
        _held.events = held
        try:
            answer = original(self, *args, **kwargs)
        finally:
            _held.events = None
        for event in held.values():
            notifications.send_event(*event)
        return answer

    return respond


_conditional = threading.Lock()


def _write_conditionally(original: Any) -> Any:
    """Check the condition of a write and write atomically.

    moto: two concurrent writes with `If-None-Match: *` can both succeed. CompleteMultipartUpload ignores `If-Match`.
    """

    def respond(self: Any, *args: Any, **kwargs: Any) -> Any:
        wanted = self.headers.get("If-Match")
        conditional = wanted is not None or self.headers.get("If-None-Match") is not None
        with _conditional if conditional else contextlib.nullcontext():
            if wanted is not None and self._get_param("uploadId"):
                there = self.backend.get_object(self.bucket_name, self.parse_key_name())
                if there is None:
                    raise MissingKey
                if there.etag.strip('"') != wanted.strip('"'):
                    raise PreconditionFailed("If-Match")
            return original(self, *args, **kwargs)

    return respond


def _send_to_event_bridge(_original: Any) -> Any:
    """Send an event in the shape that S3 sends.

    moto: an event has `eTag` for `etag`, moto's own reasons, and the same id as every other event. An error while an
    event is sent is ignored.
    """
    return _send_event


def _send_event(account_id: str, bucket: Any, event_name: Any, key: Any) -> None:
    now = time.time()
    stored = {"key": key.name, "size": key.size, "etag": key.etag.strip('"'), "sequencer": f"{time.time_ns():018X}"}
    if bucket.is_versioned:
        stored["version-id"] = key.version_id
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": notifications._detail_type(event_name),
        "source": "aws.s3",
        "account": account_id,
        # moto's format; events.py converts it to that of AWS.
        "time": now,
        "region": bucket.region_name,
        "resources": [bucket.arn],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": stored,
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": account_id,
            "source-ip-address": "127.0.0.1",
            "reason": _REASONS.get(event_name.value.removeprefix("s3:"), event_name.value),
        },
    }
    for bus in events_backends[account_id][bucket.region_name].event_buses.values():
        for rule in list(bus.rules.values()):
            rule.send_to_targets(event, transform_input=False)
