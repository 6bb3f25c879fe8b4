from __future__ import annotations

from ..enums import OpenText


class PaybyrdCode(OpenText):
    """The values that the contract lists. Any other text is a member, too, and is not in iteration."""

    BYRD010 = "BYRD010"
    BYRD200 = "BYRD200"
    BYRD201 = "BYRD201"
    BYRD203 = "BYRD203"
    BYRD205 = "BYRD205"
    BYRD206 = "BYRD206"
    BYRD207 = "BYRD207"
    BYRD208 = "BYRD208"
    BYRD230 = "BYRD230"
    BYRD231 = "BYRD231"
    BYRD240 = "BYRD240"
    BYRD290 = "BYRD290"
    BYRD291 = "BYRD291"
    BYRD292 = "BYRD292"
    BYRD294 = "BYRD294"
    BYRD299 = "BYRD299"
    BYRD401 = "BYRD401"
    BYRD403 = "BYRD403"
    BYRD900 = "BYRD900"
    BYRD901 = "BYRD901"
    BYRD999 = "BYRD999"
