"""What one statement did in one run, until it becomes a row."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from provenance_kernel.records import Statement, new_id
from provenance_kernel.types import StatementStatus

# So many names a list has at most; a statement that had to do with more says so.
MOST = 1000
# Why a statement may have done anything that ran what the shell has words for.
COMMANDS = "it runs commands of IPython or of the system"


@dataclass(slots=True)
class Did:
    """What a statement did, as far as it is known.

    `certain` of its writes came about; `vague` may have been changed in passing. `outward` says
    that it may have drawn random numbers or used files, `draws` which it may have drawn. `used`
    and `stores` are as in `Deeds`.
    """

    node: ast.stmt
    line: int
    end: int
    status: StatementStatus = "not_reached"
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    certain: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    vague: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    opaque: str | None = None
    outward: bool = False
    draws: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)

    def row(self, run_id: str, position: int) -> Statement:
        """Return the statement's row."""
        names = (self.reads | (self.writes - self.certain), self.writes, self.changes)
        opaque = self.opaque
        if any(len(each) > MOST for each in names):
            opaque = opaque or f"it had to do with more than {MOST} names"
        reads, writes, changes = (sorted(each)[:MOST] for each in names)
        return Statement(
            id=new_id(),
            cell_run_id=run_id,
            position=position,
            line=self.line,
            end_line=self.end,
            status=self.status,
            reads=reads,
            writes=writes,
            changes=changes,
            calls=self.calls,
            opaque=opaque,
        )
