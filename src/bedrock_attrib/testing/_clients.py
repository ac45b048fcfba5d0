"""Clients of the simulator: real boto3, dummy credentials, one attempt."""

from __future__ import annotations

from functools import cache

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.loaders import Loader, create_loader
from botocore.session import Session

_CONFIG = Config(
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=64,
    proxies={},  # none for the loopback interface
)


def make_client(
    service_name: str,
    endpoint_url: str,
    *,
    session: boto3.Session | None,
    region_name: str,
    config: Config | None,
) -> BaseClient:
    """Create a boto3 client that calls *endpoint_url* only.

    Args:
        service_name: Service as boto3 names it.
        endpoint_url: URL of the endpoint.
        session: Session that creates it; None for a new one.
        region_name: Calling region.
        config: Merged into the default; None for none.
    """
    maker = _new_session() if session is None else session
    return maker.client(
        service_name,
        region_name=region_name,
        endpoint_url=endpoint_url,
        aws_access_key_id="simulated",
        aws_secret_access_key="simulated",
        config=_CONFIG if config is None else _CONFIG.merge(config),
    )


def _new_session() -> boto3.Session:
    session = Session()
    session.register_component("data_loader", _service_models())
    return boto3.Session(botocore_session=session)


@cache
def _service_models() -> Loader:
    """Return a loader of AWS's service models, which are slow to read."""
    return create_loader()
