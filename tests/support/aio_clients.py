"""Async clients of the local endpoint: real aiobotocore, dummy credentials."""

from __future__ import annotations

from functools import cache
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.loaders import Loader, create_loader

from bedrock_attrib.testing import Simulator

CONFIG = AioConfig(
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=64,
    proxies={},
)


def new_session(kind: type[AioSession] = AioSession) -> AioSession:
    """A session that does not read AWS's service models anew."""
    session = kind()
    session.register_component("data_loader", _service_models())
    return session


def client_of(
    simulator: Simulator, session: Any = None, *, config: Any = CONFIG, **settings: Any
) -> Any:
    """What is entered to get a client; *session* is aiobotocore's or aioboto3's."""
    maker = new_session() if session is None else session
    make = maker.create_client if hasattr(maker, "create_client") else maker.client
    return make(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=simulator.endpoint_url,
        aws_access_key_id="simulated",
        aws_secret_access_key="simulated",
        config=config,
        **settings,
    )


@cache
def _service_models() -> Loader:
    """AWS's service models, read once: most of the time that a new client takes."""
    return create_loader()
