"""Reads a trial's runs as steps: each statement with what it reads, binds and may change.

Where the record and the source of a run do not agree, the run is one step, with the reason. The
file is long because its one pass shares what it knows of names so far between all its questions.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from provenance_kernel.lineage import read_program
from provenance_kernel.lineage.namespace import is_history
from provenance_kernel.lineage.uses import Reader
from provenance_kernel.parsing import parse, parse_cell
from provenance_kernel.trials import libraries
from provenance_kernel.trials.effects import Does, TypeOf, does, handed_names
from provenance_kernel.trials.functions import Latent, is_plain_function, latent_of
from provenance_kernel.trials.history import History, Run
from provenance_kernel.trials.source import code_lines
from provenance_kernel.trials.steps import Step, Steps
from provenance_kernel.trials.syntax import (
    COMPOUND,
    FUNCTIONS,
    IMPORTS,
    has_await,
    imported_names,
    is_builtin,
    is_harmless_magic,
    lines_agree,
    names_in,
    only_defines,
    text_of,
    uses_shell,
)
from provenance_kernel.trials.testimony import may_hold_files, never_ran, result_of, stopped_at

_TIMING = re.compile(r"\s*%%(?:time|capture)\b[^\n]*\n")
_ENDS = timedelta(milliseconds=1)
# What Python binds in the namespace that a warning comes from.
_REGISTRY = "__warningregistry__"
_LATEST = {"_": 0, "__": 1, "___": 2}


def read_steps(history: History, last: int) -> Steps:
    """Return the steps of a trial's runs up to the one at an index."""
    return _Builder(history, last).build()


@dataclass(slots=True)
class _Cell:
    """A run's source, read: `tree` is None where it cannot be told apart into statements.

    `stopped`: the statement that raised, by its index; `whole`: why the run is one step.
    """

    run: Run
    source: str
    tree: ast.Module | None
    stopped: int | None = None
    whole: str | None = None


class _Builder:
    def __init__(self, history: History, last: int) -> None:
        self.history = history
        self.runs = history.runs[: last + 1]
        self.found = Steps()
        self.cells = [self._read(run) for run in self.runs]
        self.imports: dict[str, str] = {}
        self.types: dict[str, str] = {}
        self.changing = {file.path for run in self.runs for file in run.files if file.written}
        self._names()
        self._overlaps()

    def build(self) -> Steps:
        for index, cell in enumerate(self.cells):
            if cell.run.status == "aborted" or (cell.tree is None and never_ran(cell.run)):
                continue
            if cell.run.status in ("died", "running"):
                self._tell(cell, "its kernel ended while it ran, and what it did is not known")
                self.found.unvouched = True
            made = self._statements(index, cell) if cell.whole is None else None
            if made is None:
                made = [self._whole(index, cell)]
                type_of = self._type_of(cell.run, {}, {})
                nodes = cell.tree.body if cell.tree else []
                self._lead(made[0], nodes, self.types.get, type_of)
            self.found.steps += [*self._history_steps(index, cell), *made]
            for seen in cell.run.seen:
                if seen.type and seen.access != "delete":
                    self.types[seen.name] = seen.type
        return self.found

    # -- reading ------------------------------------------------------------------------------

    def _read(self, run: Run) -> _Cell:
        source = run.source
        if timing := _TIMING.match(source):
            source = source[timing.end() :]
        cell = _Cell(run, source, None)
        try:
            cell.tree = parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            try:
                tree = parse_cell(source)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                cell.whole = "it could not be parsed"
                return cell
            cell.tree = tree
            cell.source = source
            if not lines_agree(source, tree):
                cell.whole = "it is written in IPython's own syntax"
        if run.status == "error":
            if source == run.source:  # or else its lines are not those of the record
                cell.stopped = stopped_at(run, cell.tree)
            if cell.stopped is None:
                cell.whole = "it raised, and which of its statements had run is not recorded"
        elif run.status == "interrupted":
            cell.whole = "it was interrupted at a moment that cannot be found again"
            self.found.unvouched = True
        return cell

    def _names(self) -> None:
        """Find the names that always stand for the same kind of thing: modules, plain functions."""
        fixed: dict[str, bool] = {}
        for cell in self.cells:
            if cell.tree is None:
                continue
            imported = imported_names(cell.tree)
            self.imports.update(imported)
            for name, dotted in imported.items():
                fixed[name] = fixed.get(name, True) and libraries.is_known_library(dotted)
            for node in ast.walk(cell.tree):
                if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                    if node in cell.tree.body:
                        fixed[node.name] = fixed.get(node.name, True) and is_plain_function(node)
                elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                    fixed[node.id] = False
                elif isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(
                    node.ctx, ast.Load
                ):
                    root: ast.AST = node
                    while isinstance(root, (ast.Attribute, ast.Subscript)):
                        root = root.value
                    if isinstance(root, ast.Name) and root.id not in self.imports:
                        fixed[root.id] = False
        for name, holds in fixed.items():
            if holds:
                self.found.fixed.add(name)
            elif not holds and name in self.imports and not self._bound_otherwise(name):
                self.found.fixed.add(name)  # its state goes by the name of its module
        for name in list(self.imports):
            if self._bound_otherwise(name):
                del self.imports[name]

    def _bound_otherwise(self, name: str) -> bool:
        return any(
            (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load))
            or (isinstance(node, (*FUNCTIONS, ast.ClassDef)) and node.name == name)
            for cell in self.cells
            if cell.tree is not None
            for node in ast.walk(cell.tree)
        )

    def _overlaps(self) -> None:
        for before, after in zip(self.cells, self.cells[1:], strict=False):
            ended = before.run.started_at + timedelta(seconds=before.run.duration or 0)
            if after.run.started_at + _ENDS < ended:
                before.whole = after.whole = "it ran at the same time as another"
                self.found.unvouched = True

    def _tell(self, cell: _Cell, why: str) -> None:
        self.found.reasons[f"run {cell.run.position} is taken whole: {why}"] = None

    # -- whole runs ---------------------------------------------------------------------------

    def _whole(self, index: int, cell: _Cell) -> Step:
        run = cell.run
        if run.status not in ("died", "running"):
            self._tell(cell, cell.whole or "it cannot be told apart")
        writes, deletes = set(run.names("write")), set(run.names("delete"))
        reads = set(run.names("read", "mutate")) | {name for _, name in run.sources}
        process = False
        awaits = shell = False
        if cell.tree is not None:
            program = read_program(cell.tree, parse=parse_cell)
            for use in Reader().uses(program):
                reads |= use.reads
                writes |= use.writes | use.maybe
            reads |= program.loads
            for node in cell.tree.body:
                effect = does(node, self.imports, self._type_of(run, {}, {}), None)
                process |= effect.process or effect.unseen is not None
                awaits |= has_await(node)
                shell |= uses_shell(node)
        else:
            process = shell = True
        process |= bool(shell)
        ok = run.status == "ok"
        kills = set(run.names("write")) | deletes if ok else set()
        reads |= self._reach(reads)[0]
        reads |= {f"%file:{path}" for path in self.changing} if process else set()
        touches = {name for name in reads if self._changeable(name)} | set(run.names("mutate"))
        touches |= {f"%random:{each}" for each in run.generators}
        touches |= {f"%file:{each.path}" for each in run.files if each.path in self.changing}
        touches.add(libraries.PICTURES)
        self.found.join(name for name in touches | writes if not name.startswith("%"))
        return Step(
            run=index,
            text=cell.source,
            lines=code_lines(cell.source),
            reads=reads | touches,
            writes=writes | deletes,
            kills=kills,
            touches=touches,
            process=process,
            awaits=awaits,
            shell=shell,
            guarded=run.status == "error",
        )

    # -- statements ---------------------------------------------------------------------------

    def _statements(self, index: int, cell: _Cell) -> list[Step] | None:
        """Return a step for each statement of a run, or None: then `cell.whole` says why."""
        run, tree = cell.run, cell.tree
        assert tree is not None
        program = read_program(tree, parse=parse_cell)
        ran = None if cell.stopped is None else cell.stopped + 1
        uses = Reader().uses(program)[:ran]
        steps: list[Step] = []
        bound: dict[str, int] = {}
        for use in uses:
            for name in use.writes | use.maybe:
                bound[name] = bound.get(name, 0) + 1
        done: dict[str, int] = {}
        outward: list[Step] = []
        draws: list[tuple[Step, Does]] = []
        for at, (node, use) in enumerate(zip(tree.body[:ran], uses, strict=True)):
            raised = at == cell.stopped
            type_of = self._type_of(run, bound, done)
            shell = uses_shell(node)
            if shell and is_harmless_magic(node):
                effect = Does()
            elif shell:
                cell.whole = "it runs commands of IPython or of the system"
                return None
            else:
                inside = _inside(type_of, use.writes | use.maybe) if _is_block(node) else type_of
                effect = does(node, self.imports, inside, result_of(run, node))
            names = set(use.reads)
            reach, latents = self._reach(
                name for name in names if not libraries.holds_no_functions(type_of(name))
            )
            mine = latent_of(node, self.imports)
            if mine is not None and not only_defines(node):
                # A lambda may be called by the statement that makes it.
                latents.append(mine)
                more, further = self._reach(mine.reads)
                reach |= more | mine.reads
                latents += further
            writes = set(use.writes | use.maybe | (use.settled if raised else set()))
            for each in latents:
                inner = each.does
                assert inner is not None
                writes |= each.stores
                effect.touches |= inner.touches
                effect.all_read |= inner.all_read
                effect.process |= inner.process
                effect.outward |= inner.outward
                effect.lists |= inner.lists
                effect.draws |= inner.draws
                effect.unseen = effect.unseen or inner.unseen
            if effect.unseen:
                cell.whole = effect.unseen
                return None
            reads = names | reach
            if effect.lists:
                reads |= {f"%file:{path}" for path in self.changing}
            within = use.writes | use.maybe
            touches = {
                each
                for each in effect.touches | (reads if effect.all_read else set())
                # A number may be bound anew, which is another thing.
                if self._changeable(each)
                and (each in within or not libraries.is_scalar(type_of(each)))
            }
            touches |= {
                f"%module:{self.imports[each].partition('.')[0]}"
                for each in reads
                if each in self.imports and not libraries.is_known_library(self.imports[each])
            }
            if isinstance(node, IMPORTS):
                touches |= {
                    f"%module:{path.partition('.')[0]}"
                    for path in imported_names(node).values()
                    if not libraries.is_known_library(path)
                }
            step = Step(
                run=index,
                text=text_of(cell.source, node),
                lines=0,
                reads=reads,
                writes=writes,
                kills=set() if raised or isinstance(node, ast.Import) else set(use.settled),
                touches=touches,
                process=effect.process,
                awaits=has_await(node),
                shell=shell,
                guarded=raised,
                future=isinstance(node, ast.ImportFrom) and node.module == "__future__",
                node=node,
            )
            step.lines = code_lines(step.text)
            if effect.outward:
                outward.append(step)
            if effect.draws:
                draws.append((step, effect))
            if effect.seeds and isinstance(node, ast.Expr) and not raised:
                step.kills |= {f"%random:{each}" for each in effect.seeds}
                step.writes |= {f"%random:{each}" for each in effect.seeds}
            for name in use.writes | use.maybe:
                done[name] = done.get(name, 0) + 1
            after = self._type_of(run, bound, done)
            if not (effect.binds_fresh and not effect.touches) and (step.writes or touches):
                self._share(step, type_of, after)
            self._lead(step, [node], type_of, after)
            steps.append(step)
        for step, effect in draws:
            self._may_use(step, {f"%random:{each}" for each in effect.draws})
        if not self._surroundings(cell, steps, outward) or not self._agrees(cell, steps, uses):
            return None
        for step in steps:
            if isinstance(step.node, IMPORTS):
                # It may draw numbers, and what it binds does not rest on them.
                step.reads |= {each for each in step.touches if not each.startswith("%random:")}
            else:
                step.reads |= step.touches
            step.reads -= step.kills & {each for each in step.kills if each.startswith("%")}
        return steps

    def _may_use(self, step: Step, names: set[str]) -> None:
        step.touches |= names - step.kills

    def _surroundings(self, cell: _Cell, steps: list[Step], outward: list[Step]) -> bool:
        """Let the statements that can have done so draw random numbers and use files."""
        run = cell.run
        drawn = {f"%random:{each}" for each in run.generators}
        used = {f"%file:{each.path}" for each in run.files if each.path in self.changing}
        # Many libraries draw a number as they are imported.
        imports = [step for step in steps if isinstance(step.node, IMPORTS)]
        for step in imports:
            self._may_use(step, drawn)
        unknown = used if len(imports) < len(steps) else set()
        if (unknown or (drawn and not imports)) and not outward:
            cell.whole = "which of its statements drew random numbers or used files is not known"
            return False
        for step in outward:
            self._may_use(step, drawn | used)
            written = {f"%file:{each.path}" for each in run.files if each.written}
            holders = {
                name for name in step.writes if self._changeable(name) and may_hold_files(run, name)
            }
            if written and holders:
                self.found.join(sorted(holders | written))
        return True

    def _agrees(self, cell: _Cell, steps: list[Step], uses: object) -> bool:
        """Tell whether the statements account for all that the run is known to have done."""
        run = cell.run
        written = set[str]().union(*(step.writes for step in steps))
        read = set[str]().union(*(step.reads for step in steps))
        touched = {self.found.group(name) for step in steps for name in step.touches}
        bound = {
            name for name in run.names("write") - written - {_REGISTRY} if not is_history(name)
        }
        if bound:
            cell.whole = f"the source does not show how it bound {_listed(bound)}"
            return False
        if gone := run.names("delete") - written - set().union(*(s.kills for s in steps)):
            cell.whole = f"the source does not show how it deleted {_listed(gone)}"
            return False
        if known := {n for n in run.names("read") - read if not is_history(n)}:
            cell.whole = f"the source does not show how it read {_listed(known)}"
            return False
        changed = {
            name
            for name in run.names("mutate")
            if self.found.group(name) not in touched and name not in written
        }
        if changed:
            cell.whole = f"the source does not show how it changed {_listed(changed)}"
            return False
        return True

    def _share(self, step: Step, before: TypeOf, after: TypeOf) -> None:
        """Note that values which a step has to do with may share parts from now on."""
        assert step.node is not None
        measured = set(names_in(step.node)) - set(handed_names(step.node, before))
        holders = {name for name in step.reads - measured if self._holds(name, before)}
        holders |= {name for name in step.writes | step.touches if self._holds(name, after)}
        self.found.join(sorted(holders))

    def _holds(self, name: str, type_of: TypeOf) -> bool:
        """Tell whether a name's value can share parts with another's."""
        changeable = not name.startswith("%") and self._changeable(name)
        return changeable and not libraries.is_scalar(type_of(name))

    def _changeable(self, name: str) -> bool:
        return name.startswith("%") or (name not in self.found.fixed and not is_builtin(name))

    def _reach(self, names: Iterable[str]) -> tuple[set[str], list[Latent]]:
        """Return what functions look up that names lead to, and those functions."""
        found: set[str] = set()
        latents: dict[int, Latent] = {}
        pending = list(names)
        visited = set(pending)
        while pending:
            name = pending.pop()
            for each in self.found.led_to(name):
                latents[id(each)] = each
                for load in each.reads:
                    if load not in visited and not is_builtin(load):
                        visited.add(load)
                        found.add(load)
                        pending.append(load)
        return found, list(latents.values())

    def _lead(
        self,
        step: Step,
        nodes: Sequence[ast.stmt],
        type_of: TypeOf,
        after: TypeOf,
    ) -> None:
        """Note which functions the names of a step lead to from now on.

        `type_of` and `after` tell of values before and after the step; data lead nowhere.
        """
        functions = [each for node in nodes if (each := latent_of(node, self.imports))]
        alone = isinstance(step.node, FUNCTIONS) and not step.node.decorator_list
        if alone and functions and step.writes & self.found.fixed:
            self.found.lead_only(step.writes, functions)
            return
        for name in () if alone else step.reads:
            if not libraries.holds_no_functions(type_of(name)):
                functions += self.found.led_to(name)
        if functions:
            for name in step.writes | step.touches:
                if not name.startswith("%") and not libraries.holds_no_functions(after(name)):
                    self.found.lead(name, functions)

    def _type_of(self, run: Run, bound: Mapping[str, int], done: Mapping[str, int]) -> TypeOf:
        """Return how to find a value's type as it is before a statement of a run."""
        before = dict(self.types)
        so_far = dict(done)

        def type_of(name: str) -> str | None:
            times = bound.get(name, 0)
            seen = run.value(name)
            if times == 0:
                return (seen.type if seen else None) or before.get(name)
            if so_far.get(name, 0) == 0:
                return before.get(name)
            return seen.type if seen and times == 1 and so_far[name] == 1 else None

        return type_of

    # -- IPython's history --------------------------------------------------------------------

    def _history_steps(self, index: int, cell: _Cell) -> list[Step]:
        """Return statements that bind what `_`, `_3` and `Out[3]` stood for."""
        steps = []
        for source, name in cell.run.sources:
            if not is_history(name):
                continue
            run = next((each for each in self.runs if each.id == source), None)
            step = self._last_of(run) if run else None
            if step is None or run is None or name.startswith(("_i", "In")) or name == "Out":
                self.found.reasons[
                    f"run {cell.run.position} reads {name}, which cannot be computed again"
                ] = None
                self.found.unvouched = True
                continue
            output = f"_{run.execution_count}"
            if not step.made:
                step.text = f"{output} = {step.text}"
                step.writes |= {output}
                step.kills |= {output}
                step.made = True
            if name != output:
                number = run.execution_count
                text = (
                    f"{name} = {output}"
                    if name in _LATEST
                    else (
                        f"{name.partition('[')[0]} = {{**globals().get("
                        f'"{name.partition("[")[0]}", {{}}), {number}: {output}}}'
                    )
                )
                steps.append(Step(index, text, 1, {output}, {name}, {name}, set()))
                self.found.join([output, name])
        return steps

    def _last_of(self, run: Run) -> Step | None:
        index = self.runs.index(run)
        found = [step for step in self.found.steps if step.run == index]
        if found and isinstance(found[-1].node, ast.Expr) and run.status == "ok":
            return found[-1]
        return None


def _is_block(node: ast.stmt) -> bool:
    return isinstance(node, COMPOUND) and not isinstance(node, (*FUNCTIONS, ast.ClassDef))


def _inside(type_of: TypeOf, bound: AbstractSet[str]) -> TypeOf:
    """Return how to find types within a block, where what it binds is not what it was before."""
    return lambda name: None if name in bound else type_of(name)


def _listed(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:4]) + (", …" if len(found) > 4 else "")
