"""Whose code a frame runs, and with which arguments."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from provenance_kernel.settings import Settings
from provenance_kernel.trace.arguments import of_frame
from provenance_kernel.trace.nested.ownership import Ownership

INSTALLED = str(Path(pytest.__file__).parent / "made_up.py")


def frame_of(source: str, filename: str, **names: Any) -> FrameType:
    """Return the frame of the call of `f` that a source with the function `f` makes."""
    namespace: dict[str, Any] = {"here": lambda: sys._getframe(1), **names}
    exec(compile(source, filename, "exec"), namespace)
    frame: FrameType = namespace["frame"]
    return frame


F = "def f(): return here()\nframe = f()"


@pytest.mark.parametrize(
    ("filename", "module", "owned"),
    [
        pytest.param("{project}/steps.py", "steps", True, id="in the project"),
        pytest.param("{project}/a/b.py", "a.b", True, id="in a folder of the project"),
        pytest.param("{project}.py", "steps", False, id="beside the project"),
        pytest.param("{project}/.venv/lib/site-packages/x.py", "x", False, id="installed in it"),
        pytest.param("<cell>", "x", True, id="in a cell"),
        pytest.param(INSTALLED, "pytest", False, id="installed"),
        pytest.param(INSTALLED, "wanted.part", True, id="included"),
        pytest.param(INSTALLED, "wantedness", False, id="named like what is included"),
        pytest.param("{project}/steps.py", "unwanted", False, id="excluded"),
        pytest.param("<cell>", "provenance_kernel.x", False, id="ours"),
    ],
)
def test_a_frame_is_owned(filename: str, module: str, owned: bool, tmp_path: Path) -> None:
    settings = replace(Settings(), include_modules=("wanted",), exclude_modules=("unwanted",))
    owner = Ownership(settings, tmp_path)
    owner.add_file("<cell>")
    frame = frame_of(F, filename.format(project=tmp_path.resolve()), __name__=module)
    assert owner.owns(frame) is owned
    assert owner.is_users(frame.f_code, frame.f_globals) is owned


def test_functions_of_a_namespace_are_owned() -> None:
    owner = Ownership(Settings(), None)
    frame = frame_of(F, INSTALLED)
    assert not owner.owns(frame)
    owner = Ownership(Settings(), None)
    owner.add_namespace(frame.f_globals)
    assert owner.owns(frame)


@pytest.mark.parametrize(
    "source", ["frame = here()", "class C:\n  frame = here()\nframe = C.frame"]
)
def test_what_is_no_function_is_the_users_and_not_owned(source: str) -> None:
    owner = Ownership(Settings(), None)
    owner.add_file("<cell>")
    frame = frame_of(source, "<cell>")
    assert owner.is_users(frame.f_code, frame.f_globals)
    assert not owner.owns(frame)


@pytest.mark.parametrize(
    ("source", "bound"),
    [
        pytest.param("def f(): return here()\nframe = f()", {}, id="none"),
        pytest.param(
            "def f(a, b=2, *, c=3): return here()\nframe = f(1, c=4)",
            {"a": 1, "b": 2, "c": 4},
            id="defaults and keyword-only",
        ),
        pytest.param(
            "def f(a, *more, **rest): return here()\nframe = f(1, 2, 3, z=4)",
            {"a": 1, "*more": (2, 3), "z": 4},
            id="surplus",
        ),
        pytest.param("def f(*more): return here()\nframe = f()", {}, id="no surplus"),
        pytest.param(
            "class C:\n  def f(self, a): return here()\nframe = C().f(1)", {"a": 1}, id="method"
        ),
        pytest.param(
            "class C:\n  @classmethod\n  def f(cls, a): return here()\nframe = C.f(1)",
            {"a": 1},
            id="class method",
        ),
    ],
)
def test_arguments_of_a_frame(source: str, bound: dict[str, object]) -> None:
    namespace: dict[str, Any] = {"here": lambda: of_frame(sys._getframe(1))}
    exec(source, namespace)
    assert namespace["frame"] == bound
