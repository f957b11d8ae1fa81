"""Transient errors of AWS: the same request may succeed in a minute."""

from boto3.exceptions import RetriesExceededError, S3UploadFailedError
from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError

# Error codes for keys that AWS no longer accepts, or does not accept yet. S3 sends none in its response to HEAD.
REFUSED_KEYS = frozenset({
    "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId", "RequestExpired",
    "UnrecognizedClientException",
})  # fmt: skip
_THROTTLED = frozenset({
    "RequestLimitExceeded", "RequestThrottled", "SlowDown", "Throttling", "ThrottlingException",
    "TooManyRequestsException",
})  # fmt: skip
_TIMED_OUT = frozenset({"RequestTimeout", "RequestTimeoutException"})
_NETWORK = (
    botocore.HTTPClientError,
    botocore.ConnectionError,
    botocore.IncompleteReadError,
    botocore.ResponseStreamingError,
    botocore.CredentialRetrievalError,
    botocore.MetadataRetrievalError,
    # A truncated response.
    ResponseParserError,
    RetriesExceededError,
)


def is_transient(error: Exception) -> bool:
    """Return whether an error is transient; boto3 raised it after its own attempts."""
    if isinstance(error, S3UploadFailedError):
        # Only the error's context has the cause; its message has it as text.
        cause = error.__context__
        return isinstance(cause, Exception) and is_transient(cause)
    if isinstance(error, botocore.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or error.response["Error"]["Code"] in _THROTTLED | _TIMED_OUT | REFUSED_KEYS
    return isinstance(error, _NETWORK)


def is_throttled(error: Exception) -> bool:
    """Return whether AWS refused a request because there were too many."""
    return isinstance(error, botocore.ClientError) and error.response["Error"]["Code"] in _THROTTLED
