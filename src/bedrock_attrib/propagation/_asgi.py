"""ASGI middleware: tags from a header that the gateway sets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from .._attribution import attribution
from ._teams import UNKNOWN_TEAM, checked_teams

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Message, Receive, Send], Awaitable[None]]


class AsgiAttribution:
    """ASGI middleware that attributes the Bedrock calls of each request or websocket.

    For FastAPI, Starlette, Django and any other ASGI application. The tags are in force
    until the response ends, streams and background tasks included.

    The gateway in front of the application must set the header, and remove any of a
    client's own. A team that is not listed, or a header that is sent twice, is
    ``other``.

    Example:
        >>> import asyncio
        >>> async def app(scope, receive, send):
        ...     print(dict(current_tags()))
        >>> wrapped = AsgiAttribution(app, teams=["search", "ads"], app="shop")
        >>> scope = {"type": "http", "headers": [(b"x-team", b"ads")]}
        >>> asyncio.run(wrapped(scope, None, None))
        {'team': 'ads', 'app': 'shop'}
    """

    def __init__(
        self,
        application: AsgiApplication,
        /,
        *,
        teams: Collection[str],
        header: str = "X-Team",
        **tags: str,
    ) -> None:
        """Wrap *application*.

        Args:
            application: The application.
            teams: Known teams, as a header names them.
            header: Name of the header with the team.
            **tags: Further tags of every request.

        Raises:
            ConfigError: If a team or tag is not allowed as a tag.
        """
        self._application = application
        self._teams = checked_teams(teams, tags)
        self._header = header.lower().encode("latin-1")
        self._tags = tags

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request or a websocket; pass on other scopes."""
        if scope["type"] not in {"http", "websocket"}:
            await self._application(scope, receive, send)
            return
        # An ASGI application sends its whole response before it returns.
        with attribution(**{"team": self._team_of(scope), **self._tags}):
            await self._application(scope, receive, send)

    def _team_of(self, scope: Message) -> str:
        headers = scope.get("headers", ())
        sent = [value for name, value in headers if name == self._header]
        # If it is sent twice, one may come from a client.
        team = sent[0].decode("latin-1") if len(sent) == 1 else ""
        return team if team in self._teams else UNKNOWN_TEAM
