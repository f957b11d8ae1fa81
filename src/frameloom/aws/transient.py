"""Which errors of AWS pass by themselves: the same call may succeed in a minute."""

from boto3.exceptions import RetriesExceededError, S3UploadFailedError
from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError

# How AWS says that it knows the keys no longer, or not yet; S3 answers HEAD without a word.
REFUSED_KEYS = frozenset({
    "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId", "RequestExpired",
    "UnrecognizedClientException",
})  # fmt: skip
_THROTTLED = frozenset({
    "RequestLimitExceeded", "RequestThrottled", "SlowDown", "Throttling", "ThrottlingException",
    "TooManyRequestsException", "RequestTimeout", "RequestTimeoutException",
})  # fmt: skip
_NETWORK = (
    botocore.HTTPClientError,
    botocore.ConnectionError,
    botocore.IncompleteReadError,
    botocore.ResponseStreamingError,
    botocore.CredentialRetrievalError,
    botocore.MetadataRetrievalError,
    # Half an answer.
    ResponseParserError,
    RetriesExceededError,
)


def passes(error: Exception) -> bool:
    """Return whether an error that boto3 raised, its own attempts used up, is one of those."""
    if isinstance(error, S3UploadFailedError):
        # Its text alone says which.
        cause = error.__context__
        return isinstance(cause, Exception) and passes(cause)
    if isinstance(error, botocore.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or error.response["Error"]["Code"] in _THROTTLED | REFUSED_KEYS
    return isinstance(error, _NETWORK)
