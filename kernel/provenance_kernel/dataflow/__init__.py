"""Names: which of them a cell run read, wrote and deleted, and on which runs it depends."""

from provenance_kernel.dataflow.ledger import Ledger
from provenance_kernel.dataflow.names import read_program
from provenance_kernel.dataflow.namespace import Snapshot
from provenance_kernel.dataflow.runs import Observed, RunUse, describe_run

__all__ = ["Ledger", "Observed", "RunUse", "Snapshot", "describe_run", "read_program"]
