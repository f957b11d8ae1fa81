"""The environment in which a program meets the local farm instead of AWS."""

from collections.abc import Mapping

# Where the local farm stands; it needs to stand somewhere, since names and ARNs say so.
REGION = "us-east-1"

# The bucket of what lies on this machine's disk: a key in it is a path.
LOCAL_FILES = "local-files"

# The access key id of a client that is not a part of the farm; the farm accepts any id with its secret.
SOMEBODY = "testing"

_LOCAL_HOSTS = "127.0.0.1,localhost"


def farm_environment(endpoint: str, *, secret: str, key: str = SOMEBODY) -> dict[str, str]:
    """Return the variables with which boto3, and every other SDK, reaches the farm at `endpoint`.

    A process with them signs its calls with `secret`. The access key id `key` identifies the caller.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        # Neither a profile of the user's nor a machine's role has anything to say here.
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": _LOCAL_HOSTS,
        "no_proxy": _LOCAL_HOSTS,
    }


def access_key(role: str) -> str:
    """Return what signs the calls of a function with this role (an ARN): its name. AWS makes a key up."""
    return role.rpartition("/")[2]


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without a trace of AWS: what runs in it cannot reach a real account by mistake."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}
