"""The fast parser of S3 listings returns the same keys, sizes and tags as botocore."""

import io
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError

from frameloom.aws.fast_listing import read_listings

LISTING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>frames</Name><Prefix>a/</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>"
    "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>"
    "{}</ListBucketResult>"
)
OBJECT = (
    "<Contents><Key>{}</Key><LastModified>2026-11-25T09:00:00.000Z</LastModified><ETag>&quot;d41d8cd9-2&quot;</ETag>"
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><Size>{}</Size><Owner><ID>1</ID></Owner>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)
ERROR = "<?xml version='1.0'?><Error><Code>InternalError</Code><Message>We encountered an error.</Message></Error>"
TWO = LISTING.format(OBJECT.format("a/%C3%A4+%26amp%3B%3CKey%3E.png", 5) + OBJECT.format("a/b.png", 0))


def listed(body: str, *, ours: bool) -> dict[str, Any]:
    """Return a client's result for a response with this body."""
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    nobody = boto3.Session("nobody", "nothing", region_name="eu-central-1")
    s3: Any = nobody.client("s3", config=once)
    if ours:
        # Twice, like two stores with the same client.
        read_listings(s3)
        read_listings(s3)

    def answer(**_: Any) -> AWSResponse:
        return AWSResponse("http://s3", 200, HTTPHeaders(), Raw(body.encode()))

    s3.meta.events.register("before-send.s3.ListObjectsV2", answer)
    found: dict[str, Any] = s3.list_objects_v2(Bucket="frames", Prefix="a/")
    return found


class Raw(io.BytesIO):
    """A body like that of urllib3."""

    def stream(self, **_: Any) -> Any:
        """Yield the whole body."""
        yield self.read()


def test_keys_sizes_and_tags_equal_those_of_botocore() -> None:
    ours, theirs = (listed(TWO, ours=ours) for ours in (True, False))
    needed = [{name: found[name] for name in ("Key", "Size", "ETag")} for found in theirs["Contents"]]
    assert ours["Contents"] == needed
    assert [found["Key"] for found in needed] == ["a/ä &amp;<Key>.png", "a/b.png"]
    rest = theirs.keys() - {"Contents"}
    assert {name: ours[name] for name in rest} == {name: theirs[name] for name in rest}


@pytest.mark.parametrize(
    "body",
    [
        LISTING.format(""),
        TWO.replace("<Size>0</Size>", ""),
        TWO.replace("<Contents>", "<Contents at='1'>"),
        TWO.replace("<Size>0</Size>", "<Size><!-- none -->0</Size>"),
    ],
    ids=["nothing there", "no size", "an attribute", "a comment"],
)
def test_an_unexpected_format_is_parsed_by_botocore(body: str) -> None:
    ours, theirs = (listed(body, ours=ours) for ours in (True, False))
    ours.pop("ResponseMetadata")
    theirs.pop("ResponseMetadata")
    assert ours == theirs


def test_an_error_in_a_successful_response_is_raised() -> None:
    with pytest.raises(ClientError, match="InternalError"):
        listed(ERROR, ours=True)
