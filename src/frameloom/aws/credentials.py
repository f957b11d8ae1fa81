"""Credentials that are looked for again when AWS refuses them.

boto3 renews those of a role before they expire. Keys in its environment or in a file it reads once: a process that
lives for weeks, on a machine whose keys another program rotates, would go on with the old ones for ever.
"""

from typing import Any, cast

import boto3
import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError

from frameloom.aws.transient import REFUSED_KEYS

# What S3 makes of them in its answer to HEAD, which has no body.
_WORDLESS = "400"


def renew_refused_credentials() -> None:
    """Have all clients that this process makes from now on look for their credentials again when they are refused."""
    session = botocore.session.get_session()
    chain: CredentialResolver = session.get_component("credential_provider")
    renewer = _Renewer(CredentialResolver(list(chain.providers)))
    chain.insert_before(str(chain.providers[0].METHOD), renewer)
    session.register("needs-retry", cast("Any", renewer.retry))
    boto3.setup_default_session(botocore_session=session)


class _Renewer(CredentialProvider):
    """Finds credentials where botocore would, and finds them anew."""

    METHOD = CANONICAL_NAME = "renewed"

    def __init__(self, chain: CredentialResolver) -> None:
        super().__init__()
        self._chain = chain
        self._credentials: _Found | None = None

    def load(self) -> Credentials | None:
        """Return the credentials, None where there are none."""
        found = self._chain.load_credentials()
        self._credentials = None if found is None else _Found(found)
        return self._credentials

    def retry(self, *, response: Any, attempts: int, **_: Any) -> int | None:
        """Return that a call is to be made again, at once, where it was refused for its credentials; None otherwise.

        Once in any case: another thread may have found the new ones in the meantime.
        """
        code = "" if response is None else response[1].get("Error", {}).get("Code", "")
        if self._credentials is None or code not in REFUSED_KEYS | {_WORDLESS} or attempts > 1:
            return None
        try:
            found = self._chain.load_credentials()
        except BotoCoreError:
            # Who hands them out is away, or has written half of them.
            return None
        if found is not None:
            self._credentials.found = found
        return 0


class _Found(Credentials):
    """Whatever was found last."""

    def __init__(self, found: Credentials) -> None:
        super().__init__(found.access_key, found.secret_key, found.token, method=found.method)
        self.found = found

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the keys to sign a call with."""
        return self.found.get_frozen_credentials()
