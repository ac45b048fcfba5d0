"""Metering of Bedrock calls that go through httpx instead of boto3.

For Anthropic's and OpenAI's clients, litellm, or an application's own requests. Works
by the client's public event hooks alone, with httpx and httpx2, sync and async; neither
has to be installed for importing this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from .._default_recorder import get_recorder
from .._recording.recorder import Recorder
from ..errors import ConfigError
from ._hooks import Hooks
from ._url_matching import CallMatcher

__all__ = ["async_event_hooks", "event_hooks", "instrument", "uninstrument"]


class _Client(Protocol):
    @property
    def event_hooks(self) -> dict[str, list[Callable[..., Any]]]: ...
    @event_hooks.setter
    def event_hooks(self, event_hooks: dict[str, list[Callable[..., Any]]]) -> None: ...


Client = TypeVar("Client", bound=_Client)


def instrument(
    client: Client,
    *,
    recorder: Recorder | None = None,
    endpoint_url: str | None = None,
    region: str | None = None,
) -> Client:
    """Meter every call of Bedrock that *client* makes, and no other request.

    A call is recognized by its host (``bedrock-runtime`` or ``bedrock-mantle`` of any
    region) or by a signature for Bedrock, and by its path. Calling it again has no
    effect.

    Args:
        client: An ``httpx.Client`` or ``httpx.AsyncClient``, or one of httpx2.
        recorder: Takes the calls; None for the default recorder, whichever it is when
            a call starts.
        endpoint_url: Where else Bedrock answers, such as a gateway.
        region: Calling region where neither host nor signature says it.

    Returns:
        *client* itself.

    Raises:
        TypeError: If *client* has no event hooks.
        ConfigError: If *client* is instrumented with another recorder, or the settings
            of the default recorder are wrong.

    Example:
        >>> import anthropic, httpx  # doctest: +SKIP
        >>> client = anthropic.AnthropicBedrock(
        ...     http_client=instrument(anthropic.DefaultHttpxClient())
        ... )  # doctest: +SKIP
    """
    hooks = _event_hooks_of(client)
    if recorder is None:
        get_recorder()  # fail here on invalid settings, not during a call
    current = _current_hooks(hooks)
    if current is not None:
        if not current.is_for(recorder):
            raise ConfigError(
                f"{type(client).__name__} is instrumented with another recorder; call "
                f"uninstrument() on it first"
            )
        return client
    is_async = hasattr(client, "aclose")
    own = _hooks(recorder, endpoint_url, region, is_async=is_async)
    client.event_hooks = {
        **hooks,
        # After all others have changed the request, before any other reads the answer.
        "request": [*hooks.get("request", ()), *own["request"]],
        "response": [*own["response"], *hooks.get("response", ())],
    }
    return client


def uninstrument(client: Client) -> None:
    """Undo `instrument` for *client*. Calls that have started are finished.

    Args:
        client: What was given to `instrument`, or made with the hooks of `event_hooks`.

    Raises:
        TypeError: As for `instrument`.
    """
    client.event_hooks = {
        event: [hook for hook in hooks if not _is_ours(hook)]
        for event, hooks in _event_hooks_of(client).items()
    }


def event_hooks(
    *,
    recorder: Recorder | None = None,
    endpoint_url: str | None = None,
    region: str | None = None,
) -> dict[str, list[Callable[[Any], None]]]:
    """Make event hooks for ``httpx.Client(event_hooks=...)``; as `instrument`.

    Args:
        recorder: As for `instrument`.
        endpoint_url: As for `instrument`.
        region: As for `instrument`.
    """
    return _hooks(recorder, endpoint_url, region, is_async=False)


def async_event_hooks(
    *,
    recorder: Recorder | None = None,
    endpoint_url: str | None = None,
    region: str | None = None,
) -> dict[str, list[Callable[[Any], Awaitable[None]]]]:
    """Make event hooks for ``httpx.AsyncClient(event_hooks=...)``; as `event_hooks`.

    Args:
        recorder: As for `instrument`.
        endpoint_url: As for `instrument`.
        region: As for `instrument`.
    """
    return _hooks(recorder, endpoint_url, region, is_async=True)


def _hooks(
    recorder: Recorder | None,
    endpoint_url: str | None,
    region: str | None,
    *,
    is_async: bool,
) -> dict[str, list[Callable[[Any], Any]]]:
    hooks = Hooks(recorder, CallMatcher(endpoint_url, region), is_async=is_async)
    return {"request": [hooks.on_request], "response": [hooks.on_response]}


def _event_hooks_of(client: Any) -> dict[str, list[Callable[..., Any]]]:
    hooks = getattr(client, "event_hooks", None)
    if not isinstance(hooks, dict):
        raise TypeError(
            f"cannot instrument {type(client).__name__}; expected a client of httpx or "
            f"httpx2, which has event hooks"
        )
    return hooks


def _current_hooks(hooks: dict[str, list[Callable[..., Any]]]) -> Hooks | None:
    for hook in hooks.get("response", ()):
        owner = getattr(hook, "__self__", None)
        if isinstance(owner, Hooks):
            return owner
    return None


def _is_ours(hook: Callable[..., Any]) -> bool:
    return isinstance(getattr(hook, "__self__", None), Hooks)
