"""The sockets that a device opens when it starts and closes when it reboots: ONVIF, RTSP and WS-Discovery."""

from __future__ import annotations

import asyncio

from simulator.addresses import Addresses
from simulator.discovery import Discovery
from simulator.rtsp import RtspServer
from simulator.web import WebServer


class Listeners:
    """Opens and closes the device's ports. The control port is none of them: it works during a reboot, too."""

    def __init__(self, addresses: Addresses, web: WebServer, rtsp: RtspServer, discovery: Discovery | None) -> None:
        self._addresses, self._web, self._rtsp, self._discovery = addresses, web, rtsp, discovery
        self._servers: list[asyncio.Server] = []
        self.is_open = False

    async def open(self) -> None:
        """Listen. Raise OSError if a port is taken; close() is needed then, too."""
        addresses = self._addresses
        web = await asyncio.start_server(self._web.accept, addresses.host, addresses.onvif_port)
        self._servers.append(web)
        rtsp = await asyncio.start_server(self._rtsp.accept, addresses.host, addresses.rtsp_port)
        self._servers.append(rtsp)
        addresses.onvif_port = web.sockets[0].getsockname()[1]
        addresses.rtsp_port = rtsp.sockets[0].getsockname()[1]
        self.is_open = True
        if self._discovery:
            await self._discovery.start()

    async def close(self) -> None:
        """Stop listening and cut all connections; may be called twice."""
        if self._discovery:
            self._discovery.stop()
        self.is_open = False
        for server in self._servers:
            server.close()
        self._servers.clear()
        await self._web.drop()
        await self._rtsp.close()
