"""Values that raise, lie, change or never end: none of their code runs, none does any harm."""

from __future__ import annotations

import asyncio
import re
import socket
import sqlite3
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provenance_kernel.fingerprint import Budget, Watch, fingerprint, json_value, short_repr

ran: list[str] = []


def _trap(name: str) -> Callable[..., Any]:
    def trap(*args: object, **kwargs: object) -> Any:
        ran.append(name)
        raise SystemExit(f"{name} was run")

    return trap


SPECIAL = re.findall(
    r"\w+",
    """
    __repr__ __str__ __eq__ __ne__ __hash__ __len__ __bool__ __iter__ __next__ __contains__
    __getitem__ __reduce__ __reduce_ex__ __getstate__ __setstate__ __copy__ __deepcopy__ __getattr__
    __getattribute__ __dir__ __index__ __int__ __float__ __complex__ __format__ __bytes__ __call__
    __fspath__ __array__ __array_interface__ __array_struct__ __sizeof__ __arrow_c_array__ __enter__
    __dataframe__ __instancecheck__ __torch_function__ keys items values shape dtype item tolist
    utcoffset getstate
    """,
)


def hostile(*bases: type, **extra: Any) -> type:
    """Return a class whose every method is a trap, and its metaclass's too."""

    class Meta(type(bases[0]) if bases else type):  # type: ignore[misc]
        __hash__ = _trap("Meta.__hash__")  # type: ignore[assignment]
        __eq__ = _trap("Meta.__eq__")  # type: ignore[assignment]
        __getattribute__ = _trap("Meta.__getattribute__")
        __instancecheck__ = _trap("Meta.__instancecheck__")
        __subclasscheck__ = _trap("Meta.__subclasscheck__")
        __repr__ = _trap("Meta.__repr__")  # type: ignore[assignment]

    body: dict[str, Any] = {name: _trap(name) for name in SPECIAL}
    body["__class__"] = property(_trap("__class__"))
    body["trap"] = property(_trap("property"))
    return Meta("Hostile", bases, body | extra)


def examined(value: object) -> Any:
    ran.clear()
    found = fingerprint(value, Budget("full"))
    assert fingerprint([value, {"k": value}], Budget("full")).digest is not None
    shown = short_repr(value)
    assert len(shown) <= 80
    json_value(value)
    watch = Watch()
    watch.written({"value": value, "other": [value]}, Budget())
    watch.mutated(["value"], {"value": value, "other": [value]}, Budget())
    assert ran == []
    return found


@pytest.mark.parametrize(
    "base", [object, list, tuple, set, frozenset, int, float, str, bytes, bytearray]
)
def test_no_method_of_a_hostile_class_is_run(base: type) -> None:
    value = base.__new__(hostile(base))
    found = examined(value)
    assert found.exactness == "exact"
    assert found.type.endswith("Hostile")


def test_a_hostile_dict_and_what_it_holds() -> None:
    value = dict.__new__(hostile(dict))
    dict.__setitem__(value, "key", 1)
    one = examined(value)
    dict.__setitem__(value, "key", 2)
    assert examined(value).digest != one.digest


def test_hostile_instances_are_known_by_their_attributes() -> None:
    kind = hostile()
    one, other = object.__new__(kind), object.__new__(kind)
    object.__setattr__(one, "a", 1)
    object.__setattr__(other, "a", 2)
    assert examined(one).digest != examined(other).digest


def test_hostile_classes_and_exceptions() -> None:
    examined(hostile())
    kind = hostile(ValueError)
    examined(BaseException.__new__(kind, "text"))


def test_a_class_that_hides_its_dict() -> None:
    class Hidden:
        @property
        def __dict__(self) -> Any:  # type: ignore[override]
            raise SystemExit

    assert examined(Hidden()).digest is not None


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy", "ndarray"),
        ("numpy", "float64"),
        ("numpy", "dtype"),
        ("pandas", "DataFrame"),
        ("numpy.random._generator", "Generator"),
        ("sklearn.base", "BaseEstimator"),
        ("torch", "Tensor"),
        ("zoneinfo", "ZoneInfo"),
        (None, "Nameless"),
        (5, "Numbered"),
    ],
)
def test_classes_that_claim_to_be_a_library_s(module: Any, name: str) -> None:
    kind = hostile()
    type.__setattr__(kind, "__module__", module)
    type.__setattr__(kind, "__qualname__", name)
    examined(object.__new__(kind))


@pytest.mark.slow
def test_a_tensor_s_subclass_is_not_asked() -> None:
    torch = pytest.importorskip("torch")

    class Tensor(torch.Tensor):  # type: ignore[misc, name-defined]
        __torch_function__ = classmethod(_trap("__torch_function__"))  # type: ignore[assignment]
        dtype = property(_trap("dtype"))
        shape = property(_trap("shape"))

    one = torch.Tensor._make_subclass(Tensor, torch.ones(3))
    other = torch.Tensor._make_subclass(Tensor, torch.zeros(3))
    ran.clear()
    assert fingerprint(one, Budget("full")).exactness == "exact"
    assert fingerprint(one, Budget("full")).digest != fingerprint(other, Budget("full")).digest
    assert ran == []


def test_an_array_s_and_a_frame_s_subclass_is_not_asked() -> None:
    pd = pytest.importorskip("pandas")
    np = pytest.importorskip("numpy")

    class Frame(pd.DataFrame):  # type: ignore[misc, name-defined]
        columns = property(_trap("columns"))
        dtypes = property(_trap("dtypes"))
        shape = property(_trap("shape"))
        __len__ = _trap("__len__")

    class Array(np.ndarray):  # type: ignore[misc, name-defined]
        dtype = property(_trap("dtype"))
        shape = property(_trap("shape"))
        __array_finalize__ = _trap("__array_finalize__")

    manager = pd.DataFrame({"a": [1]})
    frame = Frame.__new__(Frame)
    object.__setattr__(frame, "__dict__", dict(vars(manager)))
    array = np.ones(3)
    ran.clear()
    assert fingerprint(frame, Budget("full")).exactness == "exact"
    assert short_repr(frame) == "Frame(1 rows \u00d7 1 columns)"
    assert ran == []
    with pytest.raises(SystemExit):
        array.view(Array)


def test_hostile_keys_and_elements() -> None:
    calm = False

    class Key:
        def __hash__(self) -> int:
            return 1 if not calm else _trap("hash")()

        def __eq__(self, other: object) -> bool:
            return self is other if not calm else _trap("eq")()

    value = {Key(): 1, Key(): 2}
    elements = {Key(), Key(), "a"}
    calm = True
    examined(value)
    examined(elements)


def test_a_deleted_slot_and_a_mangled_one() -> None:
    class Slots:
        __slots__ = ("__a", "b")

        def __init__(self) -> None:
            self.__a = 1

    assert examined(Slots()).exactness == "exact"


@pytest.mark.parametrize("depth", [1_000, pytest.param(30_000, marks=pytest.mark.slow)])
def test_depth_is_no_danger(depth: int) -> None:
    nested: Any = 0
    mapping: Any = 0
    for _ in range(depth):
        nested = [nested]
        mapping = {"k": (mapping,)}
    assert fingerprint(nested, Budget("full")).exactness == "exact"
    assert fingerprint(mapping, Budget("full")).exactness == "exact"
    assert fingerprint(nested, Budget()).digest is not None
    assert short_repr(nested) == "[[[[[…]]]]]"
    while nested:  # taken apart by hand: freeing it whole would recurse in C
        nested = nested[0]


def test_dense_cycles_are_walked_once() -> None:
    nodes: list[Any] = [[] for _ in range(300)]
    for node in nodes:
        node.extend(nodes)
    assert fingerprint(nodes, Budget("full")).exactness == "exact"


def test_shared_parts_are_walked_once() -> None:
    value: Any = [1]
    for _ in range(200):
        value = [value, value]
    assert fingerprint(value, Budget("full")).exactness == "exact"


def test_cycles_through_sets_are_sampled() -> None:
    class Node:
        def __init__(self) -> None:
            self.near: set[Any] = set()

    nodes = [Node() for _ in range(5)]
    for node in nodes:
        node.near.update(nodes)
    found = fingerprint(nodes, Budget("full"))
    assert found.exactness == "sampled"
    assert found.digest == fingerprint(nodes, Budget("full")).digest


def test_opaque_values_are_not_touched(tmp_path: Path) -> None:
    def generate() -> Iterator[int]:
        ran.append("generator")
        yield 1

    async def coroutine() -> None:
        ran.append("coroutine")

    path = tmp_path / "file"
    path.write_text("content")
    waiting = coroutine()
    iterator = iter([1, 2, 3])
    pairs = zip([1], [2], strict=True)
    loop = asyncio.new_event_loop()
    connection = sqlite3.connect(":memory:")
    with path.open() as file, socket.socket() as endpoint, connection:
        for value in (
            file,
            endpoint,
            connection,
            connection.cursor(),
            threading.Lock(),
            threading.RLock(),
            threading.Event(),
            threading.Thread(target=print),
            threading.local(),
            weakref.ref(generate),
            weakref.proxy(generate),
            generate(),
            waiting,
            iterator,
            pairs,
            map(str, [1]),
            loop,
            sys._getframe(),
            enumerate("ab"),
        ):
            found = examined(value)
            assert (found.digest, found.exactness) == (None, "opaque")
            assert fingerprint([value], Budget("full")).exactness == "sampled"
        assert file.tell() == 0
    connection.close()
    waiting.close()
    loop.close()
    assert list(iterator) == [1, 2, 3]
    assert list(pairs) == [(1, 2)]


def test_released_and_closed_buffers() -> None:
    import io

    view = memoryview(b"abc")
    view.release()
    assert examined(view).exactness == "opaque"
    buffer = io.BytesIO(b"abc")
    buffer.close()
    assert examined(buffer).exactness == "opaque"


def test_nothing_is_written_to_a_value() -> None:
    class Plain:
        pass

    value = Plain()
    value.a = [1]  # type: ignore[attr-defined]
    path = Path("a//b")
    before = {name: getattr(path, name) for name in path.__slots__ if hasattr(path, name)}
    examined(value)
    examined(path)
    assert vars(value) == {"a": [1]}
    after = {name: getattr(path, name) for name in path.__slots__ if hasattr(path, name)}
    assert after == before


def test_modules_that_compute_their_attributes() -> None:
    class Lazy(types.ModuleType):
        def __getattribute__(self, name: str) -> Any:
            raise SystemExit

    assert examined(Lazy("lazy")).digest is not None


def test_a_list_that_others_append_to_meanwhile() -> None:
    shared: list[Any] = [[0], [1]]
    stop = threading.Event()

    def keep_changing() -> None:
        while not stop.is_set():
            shared.append([len(shared)])
            if len(shared) > 100:
                del shared[2:]

    thread = threading.Thread(target=keep_changing)
    thread.start()
    try:
        for _ in range(200):
            assert fingerprint({"k": shared, "s": {1}}, Budget("full")).digest is not None
    finally:
        stop.set()
        thread.join()


def test_names_of_attributes_that_are_no_plain_texts_run_nothing() -> None:
    class Plain:
        pass

    value = Plain()
    value.__dict__[hostile(str, __hash__=str.__hash__)("name")] = 1
    value.__dict__[1] = 2  # type: ignore[index]
    ran.clear()
    before = fingerprint(value, Budget("full"))
    assert ran == []
    value.__dict__[1] = 3  # type: ignore[index]
    assert fingerprint(value, Budget("full")).digest != before.digest
