"""The command `jupyter provenance`: words and options here, the work in the parts below."""

from provenance_kernel.cli.group import main

__all__ = ["main"]
