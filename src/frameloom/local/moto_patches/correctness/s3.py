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

# Amazon S3 user guide, "EventBridge event message structure": what `reason` says.
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}


def apply() -> None:
    """Mend how CloudFormation creates buckets, and what EventBridge hears of them."""
    replace_created(models.FakeBucket, _takes_its_properties)
    replace(notifications, "send_event", _waits_for_the_object)
    replace(responses.S3Response, "_key_response", _tells_at_the_end)
    replace(responses.S3Response, "_bucket_response", _tells_at_the_end)
    replace(responses.S3Response, "_key_response_put", _keeps_its_condition)
    replace(responses.S3Response, "_key_response_post", _keeps_its_condition)
    replace(notifications, "_send_event_bridge_message", lambda _: _tell_event_bridge)


def _takes_its_properties(original: Any) -> Any:
    """Fact: a bucket of a stack is created without its versioning and without its events to EventBridge."""

    def create(name: str, resource: Any, *args: Any, **kwargs: Any) -> Any:
        bucket = original(name, resource, *args, **kwargs)
        properties = resource.get("Properties", {})
        bucket.versioning_status = properties.get("VersioningConfiguration", {}).get("Status")
        if "EventBridgeConfiguration" in properties.get("NotificationConfiguration", {}):
            bucket.set_notification_configuration({"EventBridgeConfiguration": {}})
        return bucket

    return create


class _Held(threading.local):
    """The events of the request that this thread answers, by object; None outside of a request."""

    events: dict[tuple[str, str, str], tuple[Any, ...]] | None = None


_held = _Held()


def _waits_for_the_object(original: Any) -> Any:
    """Fact: an object is announced before its metadata are on it. AWS: when it is there, and once.

    A multipart upload is announced as a plain PUT too, and every upload as a change of the object's tags besides.
    """

    def send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        if _held.events is None:
            original(account_id, event_name, bucket, key)
            return
        # What created the object says all, and of two such events the later one is right.
        place = (bucket.name, key.name, key.version_id)
        if place not in _held.events or "ObjectCreated" in event_name.value:
            _held.events[place] = (account_id, event_name, bucket, key)

    return send_event


def _tells_at_the_end(original: Any) -> Any:
    """Send what `_waits_for_the_object` holds back once the request has done all that it does."""

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


def _keeps_its_condition(original: Any) -> Any:
    """Fact: two writes with `If-None-Match: *` may both succeed, since moto's check and its write are not atomic.

    CompleteMultipartUpload ignores `If-Match`.
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


def _tell_event_bridge(account_id: str, bucket: Any, event_name: Any, key: Any) -> None:
    """Fact: events do not have the shape of S3's: `eTag` for `etag`, reasons of moto's own, one id for them all.

    Whatever goes wrong in sending one is swallowed without a word.
    """
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
        # As moto keeps it until it is sent; events.py writes it as AWS does.
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
