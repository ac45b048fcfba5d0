"""ASGI middleware: tags from a header that the gateway sets.

The class needs nothing but ASGI, so it works with FastAPI, Starlette, Django and every
other such application. Copy it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from bedrock_attrib import attribution, current_tags, instrument
from bedrock_attrib.testing import bedrock_simulator

MODEL = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Which fits best?"}]}]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class AttributionMiddleware:
    """Attribute the Bedrock calls of each request or websocket until the response ends.

    A proxy in front of the application must set the header and remove a client's own.
    Unknown teams become ``other``: a free value would be a new series of metrics, and
    an invalid one an error.
    """

    def __init__(
        self,
        app: App,
        /,
        *,
        teams: Collection[str],
        header: str = "X-Team",
        **tags: str,
    ) -> None:
        """Wrap *app*.

        Args:
            app: The application.
            teams: The teams that there are.
            header: Name of the header with the team.
            **tags: Further tags of every request.
        """
        self._app = app
        self._teams = frozenset(teams)
        self._header = header.lower().encode("latin-1")
        self._tags = tags

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or a websocket; pass on other scopes."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        # The application sends its whole response before it returns, streams included.
        with attribution(team=self._team_of(scope), **self._tags):
            await self._app(scope, receive, send)

    def _team_of(self, scope: Message) -> str:
        headers = scope.get("headers", ())
        sent = [value for name, value in headers if name == self._header]
        # If it is sent twice, one may come from a client.
        team = sent[0].decode("latin-1") if len(sent) == 1 else ""
        return team if team in self._teams else "other"


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

        wrapped = AttributionMiddleware(app, teams=["search", "ads"], app="shop")
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
