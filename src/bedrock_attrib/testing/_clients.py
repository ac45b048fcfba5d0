"""How a client of the simulator is made: real boto3, dummy credentials, one attempt."""

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
    proxies={},  # the loopback interface is reached without any
)


def make_client(
    service_name: str,
    endpoint_url: str,
    *,
    session: boto3.Session | None,
    region_name: str,
    config: Config | None,
) -> BaseClient:
    """Make a boto3 client that speaks to *endpoint_url* only.

    Args:
        service_name: Service as boto3 names it.
        endpoint_url: Where it is answered.
        session: Session that makes it; None for a new one.
        region_name: Calling region.
        config: Laid over the default; None for nothing.
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
    """AWS's service models, read once: most of the time that a new client takes."""
    return create_loader()
