"""ASGI middleware: tags from a header that the gateway sets.

It needs nothing but ASGI, so it works with FastAPI, Starlette, Django and every other
such application.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from bedrock_attrib import current_tags, instrument
from bedrock_attrib.propagation import AsgiAttribution
from bedrock_attrib.testing import bedrock_simulator

MODEL = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Which fits best?"}]}]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


async def ask(app: App, *teams: str) -> None:
    """Send *app* a request as a server does."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if body := message.get("body"):
            print(body.decode())

    headers = [(b"x-team", team.encode()) for team in teams]
    await app({"type": "http", "path": "/", "headers": headers}, receive, send)


async def main() -> None:
    """Send requests of several teams at once to a streaming application."""
    with bedrock_simulator() as simulator:
        bedrock = instrument(simulator.client())

        async def app(_scope: Message, _receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            parts = []
            for _ in range(2):
                # The sync client runs off the loop: `to_thread` keeps the tags.
                await asyncio.to_thread(
                    bedrock.converse, modelId=MODEL, messages=MESSAGES
                )
                parts.append(current_tags()["team"])
            body = f"{current_tags()['app']}: {parts}".encode()
            await send({"type": "http.response.body", "body": body})

        wrapped = AsgiAttribution(app, teams=["search", "ads"], app="shop")
        await asyncio.gather(*(ask(wrapped, "search") for _ in range(3)))
        await ask(wrapped, "ads")
        await ask(wrapped, "ads", "search")


if __name__ == "__main__":
    asyncio.run(main())

# Prints:
# shop: ['search', 'search']
# shop: ['search', 'search']
# shop: ['search', 'search']
# shop: ['ads', 'ads']
# shop: ['other', 'other']
