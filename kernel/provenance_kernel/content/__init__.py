"""Content kept beside the record: files by their digest, written once."""

from provenance_kernel.content.keeper import Keeper
from provenance_kernel.content.store import ContentStore

__all__ = ["ContentStore", "Keeper"]
