"""Describes the statements of one run, in order: what names stand for between them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

from provenance_kernel.dataflow.namespace import MOST_NAMES, copied, is_history, is_shells_own
from provenance_kernel.dataflow.runs import Observed, RunUse
from provenance_kernel.dataflow.statements import harmless
from provenance_kernel.dataflow.statements.bodies import Bodies
from provenance_kernel.dataflow.statements.deeds import Deeds, TypeOf
from provenance_kernel.dataflow.statements.did import COMMANDS, Did
from provenance_kernel.dataflow.statements.does import (
    does,
    is_harmless_magic,
    may_bind_less,
    measured_names,
)
from provenance_kernel.dataflow.statements.keys import Holder, note_keys
from provenance_kernel.dataflow.statements.parts import (
    FUNCTIONS,
    IMPORTS,
    Parts,
    dotted_name,
    imported_names,
    uses_shell,
)
from provenance_kernel.dataflow.statements.sharing import Groups, KnownValues, Sharing, leaves_data
from provenance_kernel.dataflow.statements.signatures import makes_plainly
from provenance_kernel.dataflow.uses import Use
from provenance_kernel.inspection import code_in, qualified_name, static_dict
from provenance_kernel.types import RunStatus

# Of a statement's calls so many are named.
_CALLS = 32
# Of a string so many characters are looked at for names.
_LONGEST = 100_000
_WORD = re.compile(r"[^\W\d]\w*")
_BLOCKS = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar,
    ast.Match,
)  # fmt: skip


@dataclass(slots=True)
class Memory:
    """What is known of a session from run to run.

    imports: the dotted paths that names were imported from. changing: files that a run has
    changed; those that runs only read are inputs. codes: the functions that names led to when
    they were bound. settings: those of how values are written and drawn that it has made.
    """

    values: KnownValues
    sharing: Sharing
    bodies: Bodies = field(default_factory=Bodies)
    imports: dict[str, str] = field(default_factory=dict)
    changing: set[str] = field(default_factory=set)
    codes: dict[str, frozenset[CodeType]] = field(default_factory=dict)
    settings: set[str] = field(default_factory=set)


class Describer:
    """One run while its statements are described, before its values are examined.

    `results` has, by line, what the last call there is known to have given. `groups` are names
    that statements have brought together so far, `apart` the same without data.
    """

    def __init__(
        self,
        memory: Memory,
        use: RunUse,
        observed: Observed,
        namespace: Mapping[str, Any],
        hidden: Mapping[str, object],
        results: Mapping[int, str | None],
    ) -> None:
        self._memory = memory
        self._values = memory.values
        self._imports = memory.imports
        self._use = use
        self._observed = observed
        self._namespace = namespace
        self._hidden = hidden
        self._results = results
        self.groups = Groups()
        self.apart = Groups()
        # How often the run binds a name, and how often it has by now.
        self._bound: dict[str, int] = {}
        self._done: dict[str, int] = {}
        for each in use.statements:
            _count(self._bound, each)
        # What a name stands for now, asked once.
        self._users: dict[str, bool] = {}
        self._kinds: dict[str, str | None] = {}

    def statements(self, tree: ast.Module, status: RunStatus) -> list[Did]:
        """Return what each statement did."""
        whole, raised = self._how_it_ended(status)
        found = []
        for index, (node, use) in enumerate(zip(tree.body, self._use.statements, strict=True)):
            did = Did(node, use.span.line, use.span.end_line)
            if use.ran:
                did.status = "raised" if index == raised else "ran"
                did.opaque = whole
                self._describe(did, use)
            found.append(did)
        self._keep_codes()
        return found

    def leaves_data(self, name: str) -> bool:
        """Tell whether a name stood for one thing alone, which changes no data that it holds."""
        times = self._bound.get(name, 0) + (name in self._use.reads)
        return times == 1 and leaves_data(self._namespace.get(name))

    def _keep_codes(self) -> None:
        for name in self._bound:
            found = frozenset(code_in(self._namespace.get(name), self._namespace))
            if found:
                self._memory.codes[name] = found
            else:
                self._memory.codes.pop(name, None)

    def _how_it_ended(self, status: RunStatus) -> tuple[str | None, int | None]:
        """Return why the statements cannot be told apart, and the index of the one that raised."""
        if status == "ok":
            return None, None
        if status == "interrupted":
            return "it was interrupted at a moment that cannot be found again", None
        line = self._observed.stopped_at or 0
        spans = [each.span for each in self._use.statements]
        found = [at for at, span in enumerate(spans) if span.line <= line <= span.end_line]
        if len(found) == 1:
            return None, found[0]
        return "it raised, and which of its statements had run is not recorded", None

    def _describe(self, did: Did, use: Use) -> None:
        node = did.node
        parts = Parts([node])
        imported = imported_names(parts.of(*IMPORTS))
        deeds = self._deeds(did, use, parts, imported)
        did.outward, did.draws, did.stores = deeds.outward, deeds.draws, deeds.stores
        did.opaque = did.opaque or deeds.unseen
        did.calls = self._calls(parts)
        did.reads.update(filter(self._is_users, use.reads))
        if isinstance(node, ast.Delete):
            # It fails where there is nothing to delete.
            did.reads.update(each.id for each in node.targets if isinstance(each, ast.Name))
        if deeds.names or (deeds.unseen and parts.of(ast.JoinedStr)):
            did.reads.update(filter(self._is_users, copied(self._namespace)))
            if len(self._namespace) > MOST_NAMES:
                did.opaque = did.opaque or "it may use one of more names than are looked at"
        if deeds.texts:
            # Of what it calls, too, which looks up what it is given.
            mine = {each.value for each in parts.get(ast.Constant, ()) if type(each.value) is str}
            did.reads |= self._named_in(deeds.strings | mine | self._texts(did.reads))
        did.writes = {*use.writes, *use.maybe, *use.settled}
        if not (did.status == "raised" or may_bind_less(node)):
            did.certain = set(use.settled)
            if deeds.seeds and isinstance(node, ast.Expr):
                seeded = {f"%random:{each}" for each in deeds.seeds}
                did.certain |= seeded
                did.writes |= seeded
        if deeds.lists:
            did.reads |= self._memory.changing
        did.changes = {name for name in deeds.touches if self._can_change(name, use)}
        did.used = {name for name in deeds.used if self._can_change(name, use)}
        # What is bound anew is not what it was.
        did.changes |= {
            name for name in did.used if self._is_before(name) and not self._values.is_exact(name)
        }
        did.changes |= self._modules(did, imported)
        if deeds.process:
            did.changes.add("%process")
        for name in did.reads - did.changes if deeds.all_read else ():
            if self._can_change(name, use):
                (did.vague if is_code(self._type_of(name)) else did.changes).add(name)
        if not (did.status == "raised" or deeds.is_vague or use.codes):
            note_keys(did, parts, self._item_holder, self._imports)
        self._settings(did, deeds)
        self._share(did, use, parts, kept=not (deeds.binds_fresh and not deeds.touches))
        for name in use.writes | use.maybe:
            if name not in imported:
                self._imports.pop(name, None)
        self._imports.update(imported)

    def _deeds(self, did: Did, use: Use, parts: Parts, imported: Mapping[str, str]) -> Deeds:
        node = did.node
        file = self._observed.filename or ""
        defined = self._memory.bodies.define(file, parts, {**self._imports, **imported})
        if uses_shell(parts.get(ast.Call, ())):
            if is_harmless_magic(node):
                return Deeds()
            return Deeds(process=True, unseen=COMMANDS)
        type_of: TypeOf = self._type_of
        if isinstance(node, _BLOCKS):
            # Within a block what it binds is not what it was before.
            mine = use.writes | use.maybe

            def type_of(name: str) -> str | None:
                return None if name in mine else self._type_of(name)

        deeds = does(node, parts, self._known_imports(use), type_of, self._result(did))
        # A lambda may be called by the statement that makes it. Where calls are not observed, a
        # function that the run has put another in the place of may have been called before.
        if defined is not None and (not self._only_defines(node) or self._is_lost(use)):
            deeds.add(defined)
            did.reads.update(filter(self._is_users, defined.loads))
        codes = use.codes | self._use.loose | self._codes_before(did, use)
        if codes:
            deeds.add(self._memory.bodies.of(codes))
            if codes != use.codes:
                did.reads.update(filter(self._is_users, deeds.loads))
        return deeds

    def _only_defines(self, node: ast.stmt) -> bool:
        """Tell whether a statement makes functions and cannot call them."""
        if isinstance(node, ast.ClassDef):
            given = self._namespace
            return not node.keywords and all(
                makes_plainly(each, given, self._imports) for each in node.bases
            )
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        return isinstance(node, FUNCTIONS) or isinstance(value, ast.Lambda)

    def _item_holder(self, name: str) -> Holder:
        """Return a name's value with its type, and its shape before a run that has not bound it."""
        before = None if self._bound.get(name) else self._values.shape_of(name)
        return self._namespace.get(name), self._type_of(name), before

    def _settings(self, did: Did, deeds: Deeds) -> None:
        """Let a statement read the settings that the session has made, where it may use them."""
        made = self._memory.settings
        if made and (harmless.PICTURES in deeds.touches or any(map(self._draws, did.reads))):
            did.reads |= made & {harmless.STYLES}
        if made and deeds.may_print:
            did.reads |= made & {harmless.PRINTING}
        made |= deeds.touches & {harmless.STYLES, harmless.PRINTING}

    def _draws(self, name: str) -> bool:
        """Tell whether a name has to do with pictures."""
        path = self._imports.get(name) or self._type_of(name) or ""
        return path.partition(".")[0] in harmless.PLOTTERS

    def _codes_before(self, did: Did, use: Use) -> set[CodeType]:
        """Return functions that names led to before the run, which has bound those anew.

        What is bound anew may have been the last that held a value.
        """
        kept = self._memory.codes
        ended = {
            name: [code for code in kept.get(name, ()) if code.co_name == "__del__"]
            for name in use.writes | use.settled | use.maybe
        }
        did.reads.update(name for name, codes in ended.items() if codes)
        found = {code for codes in ended.values() for code in codes}
        if self._observed.called is None:
            lost = filter(self._is_before, use.reads)
            found.update(code for name in lost for code in kept.get(name, ()))
        return found

    def _is_before(self, name: str) -> bool:
        """Tell whether a name stands for what it stood for before the run."""
        return self._done.get(name, 0) == 0 and self._bound.get(name, 0) > 0

    def _texts(self, names: Iterable[str]) -> set[str]:
        values = (self._namespace.get(name) for name in names)
        return {value for value in values if type(value) is str}

    def _named_in(self, texts: Iterable[str]) -> set[str]:
        """Return the session's names that stand in strings."""
        words = {word for text in texts for word in _WORD.findall(text[:_LONGEST])}
        return {name for name in words if self._is_users(name)}

    def _is_lost(self, use: Use) -> bool:
        return self._observed.called is None and any(
            self._bound.get(name, 0) > 1 for name in use.writes
        )

    def _result(self, did: Did) -> str | None:
        """Return what the last call of a statement gave."""
        lines = range(did.end, did.line - 1, -1)
        return next((self._results[line] for line in lines if line in self._results), None)

    def _known_imports(self, use: Use) -> Mapping[str, str]:
        """Return the paths of what imports bound, and of modules that names came by otherwise."""
        more = {}
        for name in use.reads:
            if name not in self._imports and name not in self._bound:
                value = self._namespace.get(name)
                if type(value) is ModuleType and self._is_users(name):
                    path = (static_dict(value) or {}).get("__name__")
                    if type(path) is str:
                        more[name] = path
        return {**self._imports, **more} if more else self._imports

    def _modules(self, did: Did, imported: Mapping[str, str]) -> set[str]:
        """Return the modules that a statement uses of which it is not known what they keep."""
        used = [self._imports[name] for name in did.reads if name in self._imports]
        return {
            f"%module:{path.partition('.')[0]}"
            for path in (*imported.values(), *used)
            if not harmless.is_known_library(path)
        }

    def _calls(self, parts: Parts) -> list[str]:
        calls = parts.get(ast.Call, ())
        if not calls:
            return []
        calls = sorted(calls, key=lambda call: (call.end_lineno, call.end_col_offset))
        names = (dotted_name(call.func, self._imports) for call in calls)
        return [*dict.fromkeys(name for name in names if name)][:_CALLS]

    def _is_users(self, name: str) -> bool:
        """Tell whether a name is one of the session's own, now or at some time of the run."""
        found = self._users.get(name)
        if found is None:
            found = self._users[name] = is_history(name) or (
                not is_shells_own(name) and self._is_there(name)
            )
        return found

    def _is_there(self, name: str) -> bool:
        if name in self._namespace:
            return name not in self._hidden or self._hidden[name] is not self._namespace[name]
        return name in self._bound or self._values.type_of(name) is not None

    def _can_change(self, name: str, use: Use) -> bool:
        """Tell whether the value of a name can be another afterwards, and be the same object."""
        if name.startswith("%"):
            return True
        if name in self._imports or not self._is_users(name):
            return False
        # A number may be bound anew, which is another thing.
        mine = name in use.writes or name in use.maybe
        return mine or not (harmless.is_scalar(self._type_of(name)) or self._is_plain(name))

    def _is_plain(self, name: str) -> bool:
        """Tell whether a name stands for a module, or for a function without a state of its own."""
        value = self._namespace.get(name)
        if type(value) is not FunctionType:
            return type(value) is ModuleType
        kept = (value.__closure__, value.__kwdefaults__, static_dict(value))
        defaults = (qualified_name(type(each)) for each in value.__defaults__ or ())
        return not any(kept) and all(map(harmless.is_scalar, defaults))

    def _type_of(self, name: str) -> str | None:
        """Return the type of a name's value as it is by now."""
        if not self._is_users(name):
            return None
        times, done = self._bound.get(name, 0), self._done.get(name, 0)
        if times == done and name in self._namespace:
            if name not in self._kinds:
                self._kinds[name] = qualified_name(type(self._namespace[name]))
            return self._kinds[name]
        return self._values.type_of(name) if done == 0 else None

    def _share(self, did: Did, use: Use, parts: Parts, kept: bool) -> None:
        """Note that values which a statement has to do with may share parts from now on."""
        kept = kept and len(did.reads | did.writes | did.changes) > 1
        kept = kept and bool(did.writes or did.changes)
        holders = {name for name in did.reads if self._holds(name)} if kept else set()
        if holders:
            holders -= measured_names(did.node, parts, self._type_of)
        _count(self._done, use)
        if kept:
            holders.update(name for name in did.writes | did.changes if self._holds(name))
            self.groups.join(sorted(holders))
            self.apart.join(sorted(name for name in holders if not self._is_data(name)))

    def _is_data(self, name: str) -> bool:
        return harmless.FRAMES.match(self._type_of(name) or "") is not None

    def _holds(self, name: str) -> bool:
        """Tell whether a name's value can share parts with another's."""
        return not (
            name.startswith("%")
            or name in self._imports
            or not self._is_users(name)
            or harmless.is_scalar(self._type_of(name))
            or self._is_plain(name)
        )


def is_code(kind: str | None) -> bool:
    """Tell whether values of a type are functions or classes."""
    return kind is not None and (kind.endswith("function") or kind in ("type", "abc.ABCMeta"))


def _count(names: dict[str, int], use: Use) -> None:
    for name in use.writes | use.maybe:
        names[name] = names.get(name, 0) + 1
