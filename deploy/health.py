"""Tells a container engine whether its role works; imports nothing of the shop, so that asking is cheap.

Usage: python deploy/health.py (web | bot | worker | beat)

The web role is asked over HTTP, by the host name it serves. The others touch a file while their main loop
turns (core.heartbeat); one that has not been touched for a minute belongs to a loop that hangs.
"""

import os
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

SILENT_SECONDS = 60
ASK_SECONDS = 4


def why_web_is_ill() -> str:
    host = urlsplit(os.environ.get("PUBLIC_BASE_URL", "")).netloc or "localhost"
    port = os.environ.get("PORT", "8000")
    request = urllib.request.Request(f"http://127.0.0.1:{port}/readyz", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=ASK_SECONDS):
            return ""
    except OSError as failed:
        return str(failed)


def why_role_is_ill(role: str) -> str:
    mark = Path(tempfile.gettempdir()) / f"shop-{os.getuid()}-{role}-alive"
    if not mark.exists():
        return f"{mark} is not there: the role has not started to work"
    silent = time.time() - mark.stat().st_mtime
    return f"silent for {silent:.0f} s" if silent > SILENT_SECONDS else ""


if __name__ == "__main__":
    role = sys.argv[1] if len(sys.argv) > 1 else "web"
    why = why_web_is_ill() if role == "web" else why_role_is_ill(role)
    sys.exit(f"{role}: {why}" if why else 0)
