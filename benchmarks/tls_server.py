"""The least that a server on mutual TLS can do: handshakes, with the service's own context and loop, and nothing after.

python -m benchmarks.tls_server FOLDER PORT
"""

import asyncio
import sys
from pathlib import Path

from csms_bridge.listener import BACKLOG
from csms_bridge.tls import server_context
from web import loop
from web.data_folder import open_folder


async def _serve(folder: Path, port: int) -> None:
    service = open_folder(folder)
    context = server_context(service.authority.server_credentials(), service.authority.trust_anchors())
    listening = await asyncio.get_running_loop().create_server(
        asyncio.Protocol, "127.0.0.1", port, ssl=context, backlog=BACKLOG
    )
    await listening.serve_forever()


if __name__ == "__main__":
    loop.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
