"""Properties of digests over generated values."""

from __future__ import annotations

import copy
import datetime
import decimal
import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance_kernel.fingerprint import Budget, fingerprint, json_value, short_repr

steady = settings(
    derandomize=True,
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters(codec=None), max_size=20),
    st.binary(max_size=20),
    st.decimals(),
    st.fractions(),
    st.datetimes(timezones=st.just(datetime.UTC) | st.none()),
    st.dates(),
    st.timedeltas(),
    st.uuids(),
)
HASHABLE = st.recursive(
    SCALARS.filter(lambda v: not (type(v) is decimal.Decimal and v.is_snan())),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)


class Bag:
    def __init__(self, content: Any) -> None:
        self.content = content


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=12),
        st.tuples(inner, inner),
        st.dictionaries(HASHABLE, inner, max_size=5),
        st.sets(HASHABLE, max_size=5),
        st.builds(Bag, inner),
        st.lists(st.integers(), min_size=8, max_size=20),
        st.lists(st.text(max_size=4), min_size=8, max_size=20),
        st.builds(bytearray, st.binary(max_size=8)),
    )


VALUES = st.recursive(SCALARS, nested, max_leaves=20)


def digest(value: object) -> str:
    found = fingerprint(value, Budget("full"))
    assert found.digest is not None
    assert len(found.digest) == 32
    assert found.exactness == "exact"
    return found.digest


@pytest.mark.slow
@steady
@given(VALUES)
def test_a_deep_copy_has_the_same_digest(value: Any) -> None:
    copied = copy.deepcopy(value)
    assert fingerprint(copied, Budget("full")) == fingerprint(value, Budget("full"))


def places(value: Any) -> list[Any]:
    """Return all the mutable parts of a value."""
    found = []
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, (list, dict, set, bytearray, Bag)):
            found.append(part)
        if isinstance(part, (list, tuple)):
            stack.extend(part)
        elif isinstance(part, dict):
            stack.extend(part.values())
        elif isinstance(part, Bag):
            stack.append(part.content)
    return found


def change(part: Any) -> None:
    new = uuid.UUID(int=77)  # generated values hold it as good as never
    if isinstance(part, list):
        part.insert(len(part) // 2, new)
    elif isinstance(part, dict):
        part[new] = None
    elif isinstance(part, set):
        part.add(new)
    elif isinstance(part, bytearray):
        part.append(7)
    else:
        part.content = (part.content, new)


@pytest.mark.slow
@steady
@given(st.one_of(st.lists(VALUES, max_size=6), nested(VALUES)), st.data())
def test_a_change_at_any_depth_changes_the_digest(value: Any, data: st.DataObject) -> None:
    parts = places(value)
    if not parts:
        return
    before = digest(value)
    change(data.draw(st.sampled_from(parts)))
    assert digest(value) != before


@pytest.mark.slow
@steady
@given(st.dictionaries(HASHABLE, SCALARS, max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_a_dict_is_apart_from_its_content(value: dict[Any, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(value)


@pytest.mark.slow
@steady
@given(st.lists(HASHABLE, max_size=12, unique=True), st.randoms(use_true_random=False))
def test_the_order_a_set_was_filled_in_is_nothing(elements: list[Any], random: Any) -> None:
    shuffled = elements[:]
    random.shuffle(shuffled)
    assert digest(set(shuffled)) == digest(set(elements))


@steady
@given(VALUES, VALUES)
def test_values_of_one_digest_are_equal(one: Any, other: Any) -> None:
    if digest(one) == digest(other):
        assert repr(one).split(" at 0x")[0] == repr(other).split(" at 0x")[0] or one == other


@pytest.mark.slow
@steady
@given(VALUES)
def test_samples_of_equal_values_are_equal_and_never_exact(value: Any) -> None:
    nothing = Budget(nbytes=0, seconds=0)
    large = [value] * 5000
    one = fingerprint(large, nothing)
    other = fingerprint(copy.deepcopy(large), Budget(nbytes=0, seconds=0))
    assert one == other
    assert one.digest != fingerprint(large, Budget("full")).digest


@pytest.mark.slow
@steady
@given(VALUES, st.integers(min_value=1, max_value=200))
def test_reprs_are_short_and_json_is_json(value: Any, limit: int) -> None:
    assert len(short_repr(value, limit)) <= limit
    plain, number = json_value(value)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert number is None or isinstance(number, float)
