from __future__ import annotations

from ..enums import OpenText


class TokenRequestGrantType(OpenText):
    """The values that the contract lists. Any other text is a member, too, and is not in iteration."""

    CLIENT_CREDENTIALS = "client_credentials"
