"""Lists a million frames as S3 does and answers as late: a stand-in for the service, of which only its latency matters.

python -m benchmarks.slow_s3 PREFIX PRESENT SECONDS

The part PRESENT of the frames, at random, is there; each answer takes SECONDS. Prints the port that it listens on.
"""

import bisect
import http.server
import random
import sys
import time
from urllib.parse import parse_qs, urlsplit

from frameloom.model import keys
from frameloom.model.frames import MAX_FRAMES
from frameloom.services.storage.parallel_listing import PAGE

_HEAD = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
# What S3 tells of each object.
_KEY = (
    "<Contents><Key>{}</Key><LastModified>2026-11-25T09:00:00.000Z</LastModified>"
    "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
    "<ChecksumType>FULL_OBJECT</ChecksumType><Size>2097152</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


def frames_there(prefix: str, part: float) -> list[str]:
    """Return the keys of the frames that are there, in order."""
    source = random.Random(1)  # noqa: S311  nothing here is secret
    return [keys.frame_key(prefix, frame, "PNG") for frame in range(MAX_FRAMES) if source.random() < part]


def handler(there: list[str], seconds: float) -> type[http.server.BaseHTTPRequestHandler]:
    """Return what answers a call."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Tell a page of keys, from the first after the one that is asked for."""
            time.sleep(seconds)
            asked = parse_qs(urlsplit(self.path).query)
            after = asked.get("continuation-token", asked.get("start-after", [""]))[0]
            body = _page(there, bisect.bisect_right(there, after)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _page(there: list[str], first: int) -> str:
    page, more = there[first : first + PAGE], first + PAGE < len(there)
    facts = f"<KeyCount>{len(page)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
    if more:
        facts += f"<NextContinuationToken>{page[-1]}</NextContinuationToken>"
    return f"{_HEAD}{facts}{''.join(map(_KEY.format, page))}</ListBucketResult>"


def main() -> None:
    """Answer until killed."""
    prefix, part, seconds = sys.argv[1:]
    there = frames_there(prefix, float(part))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(there, float(seconds)))
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
