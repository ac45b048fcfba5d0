"""WSGI middleware: tags from a header that the gateway sets."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from .._attribution import attribution
from ._carry import carry
from ._teams import UNKNOWN_TEAM, checked_teams

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class WsgiAttribution:
    """WSGI middleware that attributes the Bedrock calls of each request.

    For Flask, Django and any other WSGI application. The tags are in force until the
    response is closed, so also while it is streamed.

    The gateway in front of the application must set the header, and remove any of a
    client's own. A team that is not listed, or a header that is sent twice, is
    ``other``.

    Example:
        >>> def app(environ, start_response):
        ...     return [str(dict(current_tags())).encode()]
        >>> wrapped = WsgiAttribution(app, teams=["search", "ads"], app="shop")
        >>> wrapped({"HTTP_X_TEAM": "ads"}, None)
        [b"{'team': 'ads', 'app': 'shop'}"]
    """

    def __init__(
        self,
        application: WSGIApplication,
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
        self._variable = f"HTTP_{header.upper().replace('-', '_')}"
        self._tags = tags

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request."""
        # A header that is sent twice arrives as "one,two", which is unknown.
        sent = environ.get(self._variable, "")
        team = sent if sent in self._teams else UNKNOWN_TEAM
        with attribution(**{"team": team, **self._tags}):
            body = self._application(environ, start_response)
            return body if isinstance(body, list | tuple) else _Body(body)


class _Body:
    """Response body that is produced while the server sends it."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._items = carry(_each)(body)
        self._close = carry(getattr(body, "close", _nothing))

    def __iter__(self) -> Iterator[bytes]:
        return self._items

    def close(self) -> None:
        """Close the body; servers do so once, even if they requested no item."""
        self._items.close()
        self._close()


def _each(body: Iterable[bytes]) -> Generator[bytes, None, None]:
    for item in body:  # noqa: UP028 -- `yield from` would close the body a second time
        yield item


def _nothing() -> None:
    pass
