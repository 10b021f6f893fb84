"""Pictures: what they show, the files they become, and what is said where there can be none."""

from __future__ import annotations

import builtins
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from provenance_kernel.display import plot, registry
from provenance_kernel.errors import ProvenanceError
from provenance_kernel.trials.query.series import (
    Contrast,
    Course,
    Curve,
    Curves,
    Pair,
    Point,
    StageTime,
    StageTimes,
)

COURSE = Course("f1", (Point("t1", "0000000a", (0.5,)), Point("t2", "0000000b", (0.1, 0.75))))
CONTRAST = Contrast("depth", "f1", (Pair("t1", "0000000a", 3, 0.5), Pair("t2", "b", 3, 0.5)))
KINDS = Contrast("kind", "f1", (Pair("t1", "0000000a", "$gini$", 0.5), Pair("t2", "b", "x", 0.7)))
CURVES = Curves(
    "loss",
    (
        Curve("t1", "0000000a", {"lr": 0.1}, ((0, 1.0), (1, 0.5))),
        Curve("t1", "0000000a", {"lr": 0.2}, ((0, 2.0), (1, 0.7))),
    ),
    2,
)
STAGES = StageTimes("t1", "0000000a", (StageTime("reading", 1.5), StageTime("(no stage)", 0.01)))


def _texts(answer: plot.Drawable) -> list[str]:
    figure = plot.draw(answer)
    figure.canvas.draw()
    (axes,) = figure.axes
    found = [*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()]
    titles = [axes.get_title("left"), axes.get_xlabel(), axes.get_ylabel()]
    return titles + [each.get_text() for each in found]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (COURSE, {"f1 over trials", "trial", "f1", "0000000a", "0000000b", "0.5", "0.75"}),
        (CONTRAST, {"f1 against depth", "depth", "f1", "0000000a and 1 more"}),
        (KINDS, {"f1 against kind", "$gini$", "x", "0000000a", "b"}),
        (CURVES, {"loss by step", "step", "loss"}),
        (STAGES, {"time per stage of trial 0000000a", "reading", "1.50 s", "10 ms", "seconds"}),
    ],
)
def test_everything_is_labelled(answer: plot.Drawable, expected: set[str]) -> None:
    assert expected <= set(_texts(answer))


def test_curves_are_told_by_their_settings() -> None:
    (axes,) = plot.draw(CURVES).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[1.0, 0.5], [2.0, 0.7]]
    assert [each.get_text() for each in axes.get_legend().get_texts()] == ["lr = 0.1", "lr = 0.2"]


def test_values_from_before_in_the_trial_are_told_apart() -> None:
    (axes,) = plot.draw(COURSE).axes
    legend = axes.get_legend()
    assert legend is not None
    assert [each.get_text() for each in legend.get_texts()] == [
        "before, in the trial",
        "at the end",
    ]


def test_of_many_trials_some_are_named_and_the_latest_always() -> None:
    points = tuple(Point(f"t{n}", f"{n:08x}", (float(n),)) for n in range(500))
    (axes,) = plot.draw(Course("f1", points)).axes
    names = [each.get_text() for each in axes.get_xticklabels()]
    assert len(names) <= plot.MOST_TICKS
    assert names[-1] == "000001f3"


def test_bars_show_the_last_trials() -> None:
    (axes,) = plot.bars(COURSE, 1).axes
    assert [bar.get_height() for bar in axes.patches] == [0.75]


@pytest.mark.parametrize("answer", [COURSE, CONTRAST, KINDS, STAGES])
@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_file_of_each_kind(
    tmp_path: Path, answer: plot.Drawable, suffix: str, start: bytes
) -> None:
    path = tmp_path / f"picture.{suffix}"
    plot.save(plot.draw(answer), path)
    assert path.read_bytes().startswith(start)


def test_a_name_from_a_notebook_is_only_text(tmp_path: Path) -> None:
    hostile = "$\\frac{1$ \u202e<script>\x1b[31m 漢字 " + "x" * 10_000
    path = tmp_path / "picture.svg"
    plot.save(plot.draw(Course(hostile, COURSE.points)), path)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "\u202e" not in text
    assert "x" * 100 not in text
    assert "\u202e" not in registry.text(Course(hostile, COURSE.points))


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match="foo"):
        plot.save(plot.draw(COURSE), tmp_path / "picture.foo")
    with pytest.raises(ProvenanceError, match="missing"):
        plot.save(plot.draw(COURSE), tmp_path / "missing" / "picture.png")


def test_no_window_where_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "backend", "agg")
    with pytest.raises(ProvenanceError, match="--output"):
        plot.show(plot.draw(COURSE))


def test_without_matplotlib_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true_import = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return true_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ProvenanceError, match="python -m pip install matplotlib"):
        plot.draw(COURSE)


@pytest.mark.parametrize("answer", [COURSE, CONTRAST, KINDS, STAGES])
def test_a_notebook_is_given_the_picture_and_no_html(answer: plot.Drawable) -> None:
    shown = registry.bundle(answer)
    assert b64decode(shown["image/png"]).startswith(b"\x89PNG")
    assert shown["text/plain"] == registry.text(answer)
    assert len(shown) == 2


def test_a_notebook_without_matplotlib_is_given_the_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert registry.bundle(COURSE) == {
        "text/plain": "f1 over trials\n0000000a  0.5\n0000000b  0.75\n"
        "plots need matplotlib: python -m pip install matplotlib"
    }
