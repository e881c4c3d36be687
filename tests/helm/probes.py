"""The probes of a container, as the kubelet makes them."""

import socket
import warnings
from typing import Any

import requests
from urllib3.exceptions import InsecureRequestWarning

from tests.helm.engine import Manifest

_HOST = "127.0.0.1"


def succeeds(container: Manifest, name: str) -> bool:
    """Return whether a probe of the container succeeds now."""
    probe = container[name]
    seconds: float = probe["timeoutSeconds"]
    if "tcpSocket" in probe:
        return _is_open(_port(container, probe["tcpSocket"]["port"]), seconds)
    return _answers(container, probe["httpGet"], seconds)


def _is_open(port: int, seconds: float) -> bool:
    try:
        with socket.create_connection((_HOST, port), seconds):
            return True
    except OSError:
        return False


def _answers(container: Manifest, get: dict[str, Any], seconds: float) -> bool:
    url = f"{get['scheme'].lower()}://{_HOST}:{_port(container, get['port'])}{get['path']}"
    headers = {one["name"]: one["value"] for one in get.get("httpHeaders", [])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureRequestWarning)
        try:
            answer = requests.get(
                url,
                headers=headers,
                timeout=seconds,
                verify=False,  # noqa: S501 - nor does the kubelet look at certificates
                allow_redirects=False,
            )
        except requests.RequestException:
            return False
    return 200 <= answer.status_code < 400


def _port(container: Manifest, port: int | str) -> int:
    found = {one["name"]: one["containerPort"] for one in container["ports"]}
    return found[port] if isinstance(port, str) else port
