"""Fresh list prices: AWS's public offer files, fetched into a price file."""

from ._default_path import default_price_file
from ._errors import PriceUpdateError
from ._offer_downloads import BASE_URL
from ._update import PriceUpdate, update_from_aws, update_from_folder

__all__ = [
    "BASE_URL",
    "PriceUpdate",
    "PriceUpdateError",
    "default_price_file",
    "update_from_aws",
    "update_from_folder",
]
