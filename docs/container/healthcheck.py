#!/usr/bin/env python3
"""Ends with 0 if the exporter in this container answers, over HTTP or TLS, else with 1.

A port other than 10143 can be given. That a password is asked for is an answer, too.
"""

import ssl
import sys
from http.client import HTTPConnection, HTTPException, HTTPSConnection

SECONDS = 3.0


def answers(connection: HTTPConnection) -> bool:
    """Tell whether somebody is at home."""
    try:
        connection.request("GET", "/-/healthy")
        return connection.getresponse().status in {200, 401}
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """Ask over HTTP, then over TLS."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 10143
    # The question is whether it lives, and it asks itself.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    alive = answers(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) or answers(
        HTTPSConnection("127.0.0.1", port, timeout=SECONDS, context=context)
    )
    return 0 if alive else 1


if __name__ == "__main__":
    sys.exit(main())
