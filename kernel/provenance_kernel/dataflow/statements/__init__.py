"""Statements: what each of a cell read, wrote, may have changed and called, and whether it ran."""

from provenance_kernel.dataflow.statements.statements import Ran, Statements

__all__ = ["Ran", "Statements"]
