"""Loads credentials again when AWS refuses them.

boto3 renews a role's credentials before they expire, but reads keys in the environment or in a file only once. A
process that runs for weeks would use old keys forever if another program rotates them.
"""

from typing import Any, cast

import boto3
import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError

from frameloom.aws.transient import REFUSED_KEYS

# The code in S3's response to HEAD with refused keys; the response has no body.
_HEAD_CODE = "400"


def renew_refused_credentials() -> None:
    """Make all new clients of this process load their credentials again when AWS refuses them."""
    session = botocore.session.get_session()
    chain: CredentialResolver = session.get_component("credential_provider")
    renewer = _Renewer(CredentialResolver(list(chain.providers)))
    chain.insert_before(str(chain.providers[0].METHOD), renewer)
    session.register("needs-retry", cast("Any", renewer.retry))
    boto3.setup_default_session(botocore_session=session)


class _Renewer(CredentialProvider):
    """Loads credentials from botocore's providers, as often as needed."""

    METHOD = CANONICAL_NAME = "renewed"

    def __init__(self, chain: CredentialResolver) -> None:
        super().__init__()
        self._chain = chain
        self._credentials: _Found | None = None

    def load(self) -> Credentials | None:
        """Return the credentials; None if no provider has any."""
        found = self._chain.load_credentials()
        self._credentials = None if found is None else _Found(found)
        return self._credentials

    def retry(self, *, response: Any, attempts: int, **_: Any) -> int | None:
        """Return a delay of 0 if AWS refused a request for its credentials; None otherwise.

        Retry once in any case, since another thread may have loaded new credentials. No jitter: one retry per request
        does not accumulate.
        """
        code = "" if response is None else response[1].get("Error", {}).get("Code", "")
        if self._credentials is None or code not in REFUSED_KEYS | {_HEAD_CODE} or attempts > 1:
            return None
        try:
            found = self._chain.load_credentials()
        except BotoCoreError:
            # The provider is unavailable, or the file is incomplete at the moment.
            return None
        if found is not None:
            self._credentials.found = found
        return 0


class _Found(Credentials):
    """The most recently loaded credentials."""

    def __init__(self, found: Credentials) -> None:
        super().__init__(found.access_key, found.secret_key, found.token, method=found.method)
        self.found = found

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the keys that sign a request."""
        return self.found.get_frozen_credentials()
