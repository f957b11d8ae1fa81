"""Connects to a cluster, by its description from EKS or by a context of the user's kubeconfig."""

import os
import time
from collections.abc import Callable
from typing import Any

from kubernetes.client import Configuration
from kubernetes.config import ConfigException, new_client_from_config, new_client_from_config_dict

from frameloom.kube.api import Cluster
from frameloom.model.errors import InvalidRequest

# How long a token is used, in seconds; EKS accepts it for 15 minutes.
TOKEN_LASTS = 600.0
# Retries of a failed connection. With more, an unreachable cluster would take a minute to report.
RETRIES = 1


def connect(
    *, name: str, endpoint: str, certificate: str, token: Callable[[], str], remedy: Callable[[], str]
) -> Cluster:
    """Return the cluster at `endpoint`.

    Args:
        name: the cluster's name in messages.
        endpoint: the URL of its API server.
        certificate: the certificate of its authority, PEM in base64; no other authority is trusted.
        token: makes a token for the user; called again before a token expires.
        remedy: returns advice for a user who lacks a right.

    Raises:
        FarmUnavailable: the cluster cannot be reached, or does not accept the user.
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
    # The client sends tokens only if it has one from the start.
    tokens(client.configuration)
    client.configuration.refresh_api_key_hook = tokens
    return Cluster(client, name=name, remedy=remedy)


def connect_context(context: str, *, remedy: Callable[[], str] = lambda: "") -> Cluster:
    """Return the cluster of a context of the user's kubeconfig.

    Raises:
        InvalidRequest: the context or the kubeconfig does not exist.
        FarmUnavailable: the cluster cannot be reached, or does not accept the user.
    """
    try:
        client = new_client_from_config(
            # The client itself reads the variable only once, when it is imported.
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
    """Sets the client's token, and replaces it before it expires."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make
        self._until = 0.0

    def __call__(self, configuration: Any) -> None:
        if time.monotonic() < self._until:
            return
        configuration.api_key["authorization"] = f"Bearer {self._make()}"
        self._until = time.monotonic() + TOKEN_LASTS
