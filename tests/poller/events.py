"""Events that an exporter is sent, and the polls that they cause."""

import asyncio
from typing import Any

import httpx

from tests.poller.driven_exporter import DrivenExporter
from tests.webhook.payloads import content, headers


class Events:
    """Sends events to an exporter; its scheduler is this."""

    def __init__(self, exporter: DrivenExporter, *, scheduling: bool = True) -> None:
        self._exporter = exporter
        self._transport = httpx.ASGITransport(exporter.service.app())
        self._due: list[float] = []
        if scheduling:
            exporter.service._named.begin(self._due.append)

    def send(self, **changes: Any) -> str:
        """Send an event; return what becomes of it."""

        async def post() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://exporter"
            ) as client:
                return await client.post("/webhook", content=content(**changes), headers=headers())

        outcome: str = asyncio.run(post()).json()["event"]
        return outcome

    def poll(self) -> bool:
        """Run the poll that events caused, if they caused one."""
        caused = bool(self._due)
        self._due.clear()
        if caused:
            self._exporter.service._named.poll()
        return caused
