"""Other names of AWS's price list: ids, image services, context bands, regions.

Read from the same copies as the names of models, see `_models`.
"""

from __future__ import annotations

OTHER_IDS = {
    "deepseek.v3.1": "deepseek.v3-v1:0",
    "openai.gpt-oss-120b": "openai.gpt-oss-120b-1:0",
    "openai.gpt-oss-20b": "openai.gpt-oss-20b-1:0",
    "qwen.qwen3-235b-a22b-2507": "qwen.qwen3-235b-a22b-2507-v1:0",
    "qwen.qwen3-32b": "qwen.qwen3-32b-v1:0",
    "qwen.qwen3-coder-30b-a3b-instruct": "qwen.qwen3-coder-30b-a3b-v1:0",
    "qwen.qwen3-coder-480b-a35b-instruct": "qwen.qwen3-coder-480b-a35b-v1:0",
    "qwen.qwen3-vl-235b-a22b-instruct": "qwen.qwen3-vl-235b-a22b",
    "zai.glm5": "zai.glm-5",
}
"""Model id of calls by the id in usage types, where they differ."""

IMAGE_SERVICES = "Stability AI Image Services"
"""One name for many models; the usage type names the image service."""

IMAGES_CREATED = {
    "controlsketch": "stability.stable-image-control-sketch-v1:0",
    "controlstructure": "stability.stable-image-control-structure-v1:0",
    "inpaint": "stability.stable-image-inpaint-v1:0",
    "outpaint": "stability.stable-outpaint-v1:0",
    "recolor": "stability.stable-image-search-recolor-v1:0",
    "removebg": "stability.stable-image-remove-background-v1:0",
    "searchreplace": "stability.stable-image-search-replace-v1:0",
    "upscalefast": "stability.stable-fast-upscale-v1:0",
}
"""Model by what follows ``CreatedImage`` in a usage type."""

# The list states no threshold: these are from model cards and write-ups, 2026-11-23.
LONG_CONTEXT = {
    "anthropic.claude-haiku-5-5": "over-100k",
    "anthropic.claude-sonnet-4-20250514-v1:0": "over-200k",
    "anthropic.claude-sonnet-4-5-20250929-v1:0": "over-200k",
    "openai.gpt-5.4": "over-272k",
    "openai.gpt-5.5": "over-272k",
    "openai.gpt-5.6-luna": "over-272k",
    "openai.gpt-5.6-sol": "over-272k",
    "openai.gpt-5.6-terra": "over-272k",
    "openai.gpt-6-astra": "over-272k",
    "openai.gpt-6-luna": "over-272k",
    "openai.gpt-6-sol": "over-272k",
    "openai.gpt-6.1-sol": "over-272k",
    "openai.gpt-6.1-terra": "over-272k",
}
"""Context band in which the long-context prices of a model hold."""

# Codes that begin usage types, from price lists, 2026-11-23. Price lists also name the
# region, rate cards do not.
REGION_CODES = {
    "AFS1": "af-south-1",
    "APE1": "ap-east-1",
    "APN1": "ap-northeast-1",
    "APN2": "ap-northeast-2",
    "APN3": "ap-northeast-3",
    "APS1": "ap-southeast-1",
    "APS2": "ap-southeast-2",
    "APS3": "ap-south-1",
    "APS4": "ap-southeast-3",
    "APS5": "ap-south-2",
    "APS6": "ap-southeast-4",
    "CAN1": "ca-central-1",
    "EU": "eu-west-1",
    "EUC1": "eu-central-1",
    "EUC2": "eu-central-2",
    "EUN1": "eu-north-1",
    "EUS1": "eu-south-1",
    "EUS2": "eu-south-2",
    "EUW1": "eu-west-1",
    "EUW2": "eu-west-2",
    "EUW3": "eu-west-3",
    "ILC1": "il-central-1",
    "MEC1": "me-central-1",
    "MES1": "me-south-1",
    "SAE1": "sa-east-1",
    "UGE1": "us-gov-east-1",
    "UGW1": "us-gov-west-1",
    "USE1": "us-east-1",
    "USE2": "us-east-2",
    "USW1": "us-west-1",
    "USW2": "us-west-2",
}
"""AWS region by the code that begins a usage type."""
