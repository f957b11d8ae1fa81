"""The way to a cluster: by what EKS says of one, or by a context of the user's kubeconfig."""

import os
import time
from collections.abc import Callable
from typing import Any

from kubernetes.client import Configuration
from kubernetes.config import ConfigException, new_client_from_config, new_client_from_config_dict

from frameloom.kube.api import Cluster
from frameloom.model.errors import InvalidRequest

# In seconds: EKS takes a token for 15 minutes.
TOKEN_LASTS = 600.0
# One more try where a connection fails; more would only hide for a minute that there is none.
RETRIES = 1


def connect(
    *, name: str, endpoint: str, certificate: str, token: Callable[[], str], remedy: Callable[[], str]
) -> Cluster:
    """Return the cluster at `endpoint`.

    Args:
        name: what it is called in sentences.
        endpoint: its API server's URL.
        certificate: of the authority that signed the server's, PEM in base64; nobody else is believed.
        token: makes a token that says who asks; called anew while the cluster is used.
        remedy: what one who lacks a right can do about it.

    Raises:
        FarmUnavailable: it cannot be reached, or does not know who asks.
    """
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "cluster",
        "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": "user"}}],
        "clusters": [{"name": "cluster", "cluster": {"server": endpoint, "certificate-authority-data": certificate}}],
        "users": [{"name": "user", "user": {}}],
    }
    client = new_client_from_config_dict(config, persist_config=False, client_configuration=_configuration())
    tokens = _Tokens(token)
    # The client sends no token at all where none was there when it first looked.
    tokens(client.configuration)
    client.configuration.refresh_api_key_hook = tokens
    return Cluster(client, name=name, remedy=remedy)


def connect_context(context: str, *, remedy: Callable[[], str] = lambda: "") -> Cluster:
    """Return the cluster that a context of the user's kubeconfig names.

    Raises:
        InvalidRequest: there is no such context, or no kubeconfig.
        FarmUnavailable: the cluster cannot be reached, or does not know who asks.
    """
    try:
        client = new_client_from_config(
            # The client itself looks at the variable only once, when it is imported.
            config_file=os.environ.get("KUBECONFIG"),
            context=context,
            client_configuration=_configuration(),
        )
    except ConfigException as error:
        raise InvalidRequest(field="--context", problem=" ".join(str(error).split()).rstrip(".")) from None
    return Cluster(client, name=context, remedy=remedy)


def _configuration() -> Any:
    configuration = Configuration()
    configuration.retries = RETRIES
    return configuration


class _Tokens:
    """Gives the client a token, and another one before the first has run out."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make
        self._until = 0.0

    def __call__(self, configuration: Any) -> None:
        if time.monotonic() < self._until:
            return
        configuration.api_key["authorization"] = f"Bearer {self._make()}"
        self._until = time.monotonic() + TOKEN_LASTS
