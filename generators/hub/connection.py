"""Whether the Hub can be reached at all, found out before its client's retries, which take half a minute."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

AGAIN_SECONDS = 1.0
"""Pause before a name is looked up a second time."""


def is_reachable() -> bool:
    """Return False if this machine cannot find the Hub's address; True says no more than that it can.

    A slow connection is never given up on: only the name is looked up, twice, and behind a proxy, which looks
    names up itself, not even that.
    """
    from huggingface_hub import constants

    place = urlsplit(constants.ENDPOINT)
    host = place.hostname or ""
    if getproxies().get(place.scheme or "https") and not proxy_bypass(host):
        return True
    for pause in (AGAIN_SECONDS, 0.0):
        try:
            socket.getaddrinfo(host, place.port or 443)
            return True
        except OSError:  # gaierror
            time.sleep(pause)
    return False
