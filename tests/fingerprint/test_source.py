"""Hashes of sources: which they share, and which they do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_128_hexdigest

from provenance_kernel.fingerprint.source import ast_hash, code_hash

SAME = [
    ("x = 1", "x=1"),
    ("x = 1", "x = 1  # one"),
    ("x = 1", "# stage: data\n# track: x\nx = 1\n"),
    ("x = 1", "\n\n\nx = 1\n\n"),
    ("x = 1", "x = (1)"),
    ("x = 1", "(x) = 1"),
    ("x = 1", "x = 1;"),
    ("x = 1\ny = 2", "x = 1; y = 2"),
    ("f(a, b)", "f(\n    a,\n    b,\n)"),
    ("'a'", '"a"'),
    ("'a' 'b'", "'ab'"),
    ("r'a'", "'a'"),
    ("u'a'", "'a'"),
    ("16", "0x10"),
    ("1000", "1_000"),
    ("1e3", "1000.0"),
    ("if a:\n  b", "if a:\n    b"),
    ("if a:\n\tb", "if a: b"),
    ("x = 1  # type: int", "x = 1"),
    ("x = 1\r\n", "x = 1\n"),
    ("f'{a}'", 'f"{a}"'),
    ("%time x = 1", "%time x = 1  "),
    ("!ls\nx = 1", "!ls\nx=1 # one"),
    ("files = !ls", "files  =  !ls"),
    ("await f()", "await  f( )"),
    ("", "# only a comment"),
    ("", "\n\n"),
]

DIFFERENT = [
    ("x = 1", "x = 2"),
    ("x = 1", "y = 1"),
    ("x = 1", "x = 1.0"),
    ("x = 1", "x = True"),
    ("x = 1", "x = '1'"),
    ("x = 'a'", "x = b'a'"),
    ("x = 0.0", "x = -0.0"),
    ("x = None", "x = ..."),
    ("return_ = None", "return_: None"),
    ("x", "x; x"),
    ("x\ny", "y\nx"),
    ("f(a)", "f(*a)"),
    ("f(a)", "f(a=a)"),
    ("f(a)", "f[a]"),
    ("[a, b]", "(a, b)"),
    ("[[a], b]", "[[a, b]]"),
    ("[[], [a]]", "[[a], []]"),
    ("a if b else c", "a if c else b"),
    ("def f(a, /): ...", "def f(a): ..."),
    ("def f(a, *, b): ...", "def f(a, b): ..."),
    ("def f(a, b=1): ...", "def f(a=1, b=1): ..."),
    ("def f(*, a, b=1): ...", "def f(*, a=1, b): ..."),
    ("{1: 2}", "{1, 2}"),
    ("{**a}", "{None: a}"),
    ("x[1:]", "x[:1]"),
    ("x[::1]", "x[:1:]"),
    ("for a in b: c", "async_ = 1"),
    ("for a in b:\n  c\nelse:\n  d", "for a in b:\n  c\nd"),
    ("try:\n  a\nexcept:\n  b\nelse:\n  c", "try:\n  a\nexcept:\n  b\nfinally:\n  c"),
    ("a < b < c", "a < (b < c)"),
    ("a - b - c", "a - (b - c)"),
    ("f'{a}'", "f'{a!r}'"),
    ("f'{a:b}'", "f'{a}b'"),
    ("import a", "import a as b"),
    ("from . import a", "from .. import a"),
    ("global a", "nonlocal_ = a"),
    ("del a", "a"),
    ("!ls", "!ls -l"),
    ("%time x", "%timeit x"),
    ("%%bash\nls", "%%bash\nls -l"),
    ("x?", "x??"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_sources_that_mean_the_same_share_a_hash(one: str, other: str) -> None:
    assert ast_hash(one) == ast_hash(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_sources_that_mean_different_things_do_not(one: str, other: str) -> None:
    assert ast_hash(one) != ast_hash(other)


def test_a_directive_after_a_cell_magic_means_nothing_to_the_cell() -> None:
    assert ast_hash("%%time\n# stage: data\nx = 1") == ast_hash("%%time\nx = 1")


def test_the_code_hash_is_the_xxh3_128_of_the_utf_8() -> None:
    assert code_hash("été = 1") == xxh3_128_hexdigest("été = 1".encode())
    assert code_hash("x = 1") != code_hash("x = 1 ")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1", "9cc3a692f919103b4bd53bc84bbdd932"),
        (
            "@d\nasync def f(a, /, b=1, *c, d, e: int = 2, **g) -> None:\n    pass",
            "e10ebfa785d05f2f9dcae8111c4d1680",
        ),
        (
            "match a:\n    case {'b': [c, *_]} | None: f'{a!r:>{b}}'",
            "e5402472651566a83afd7b233d9c0527",
        ),
        (
            "class A(B, metaclass=C):\n    x: int = 1\n    type_ = lambda: (yield)",
            "5ddf3272f98b1f72596e11099225768c",
        ),
        ("%time files = !ls {x}", "38f7fb4b547c8a64869f310c132c4b0a"),
    ],
)
def test_versions_of_python_agree(source: str, expected: str) -> None:
    assert ast_hash(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "import = 7q",
        "x = (",
        "'",
        "a\0b",
        "x = '\ud800'\ny = (",
        "    x = 1\n  y = 2",
        "((" * 5000,
        "x = 0x" + "f" * 10_000,
        "1" + "0" * 5000,
        "+".join(["1"] * 50_000),
    ],
    ids=range(10),
)
def test_what_is_no_python_or_too_deep_has_its_code_hash(source: str) -> None:
    assert ast_hash(source) == code_hash(source)


@pytest.mark.parametrize("source", ["x = '\\d'", "1 is 1", "assert (a, b)"])
def test_hashing_warns_of_nothing(source: str) -> None:
    assert ast_hash(source) != code_hash(source)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "%%time\n", "!", "%", "x = (", "'", "f'{"]),
        st.text(st.characters(exclude_categories=())),
        st.sampled_from(["", "\n", "?", "'", ")"]),
    )
)
def test_no_source_makes_hashing_raise(source: str) -> None:
    assert len(ast_hash(source)) == len(code_hash(source)) == 32
