"""The environment variables with which a program uses the local farm instead of AWS."""

from collections.abc import Mapping

# The local farm's region, which names and ARNs need.
REGION = "us-east-1"

# The bucket of files on this machine's disk: a key in it is a path.
LOCAL_FILES = "local-files"

# The access key id of a client outside the farm. The farm accepts any id with its secret.
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
        # Neither the user's profiles nor a machine's role may apply here.
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": _LOCAL_HOSTS,
        "no_proxy": _LOCAL_HOSTS,
    }


def access_key(role: str) -> str:
    """Return the access key id of a function with this role (an ARN): the role's name. AWS generates a key."""
    return role.rpartition("/")[2]


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without AWS variables, so that a program in it cannot reach a real account by mistake."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}
