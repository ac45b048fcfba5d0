"""What PyInstaller has to add to a program: prices, templates and lazy modules."""

from PyInstaller.utils.hooks import (
    collect_data_files,
    collect_entry_point,
    copy_metadata,
)

datas = collect_data_files("bedrock_attrib") + copy_metadata("bedrock_attrib")
# OpenTelemetry loads its context by an entry point.
_datas, hiddenimports = collect_entry_point("opentelemetry_context")
datas += _datas
