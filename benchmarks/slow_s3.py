"""Answers LIST requests for a million frames after a delay: a replacement of S3 with its latency.

python -m benchmarks.slow_s3 PREFIX PRESENT SECONDS

A random part PRESENT of the frames exists; each response takes SECONDS. Prints its port.
"""

import bisect
import http.server
import random
import sys
import time
from urllib.parse import parse_qs, urlsplit

from frameloom.model.frame_files import FrameFiles
from frameloom.model.frames import MAX_FRAMES
from frameloom.services.storage.parallel_listing import PAGE

_HEAD = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
# S3's fields of an object.
_KEY = (
    "<Contents><Key>{}</Key><LastModified>2026-11-25T09:00:00.000Z</LastModified>"
    "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
    "<ChecksumType>FULL_OBJECT</ChecksumType><Size>2097152</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


def frames_there(prefix: str, part: float) -> list[str]:
    """Return the keys of the existing frames, in order."""
    source = random.Random(1)  # noqa: S311  not for secrets
    return [FrameFiles.of("PNG").keys(prefix, frame)[0] for frame in range(MAX_FRAMES) if source.random() < part]


def handler(there: list[str], seconds: float) -> type[http.server.BaseHTTPRequestHandler]:
    """Return the request handler."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer with a page of keys after the requested one."""
            time.sleep(seconds)
            asked = parse_qs(urlsplit(self.path).query)
            after = asked.get("continuation-token", asked.get("start-after", [""]))[0]
            body = _page(there, bisect.bisect_right(there, after)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler


def _page(there: list[str], first: int) -> str:
    page, more = there[first : first + PAGE], first + PAGE < len(there)
    facts = f"<KeyCount>{len(page)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
    if more:
        facts += f"<NextContinuationToken>{page[-1]}</NextContinuationToken>"
    return f"{_HEAD}{facts}{''.join(map(_KEY.format, page))}</ListBucketResult>"


def main() -> None:
    """Serve until killed."""
    prefix, part, seconds = sys.argv[1:]
    there = frames_there(prefix, float(part))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(there, float(seconds)))
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
