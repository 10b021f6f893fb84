"""Pictures of what trials recorded; matplotlib is imported when one is asked for."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from provenance_kernel.display import blocks
from provenance_kernel.display.blocks import Block, Line, Table
from provenance_kernel.display.terminal import duration, visible
from provenance_kernel.errors import ProvenanceError
from provenance_kernel.trials.query.series import Contrast, Course, Curve, Curves, StageTimes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawable: TypeAlias = Course | Curves | Contrast | StageTimes

# From the palette of Okabe and Ito, which colour-blind people can tell apart.
BLUE, GREY = "#0072B2", "#6B6B6B"
LONGEST_LABEL = 40
MOST_TICKS = 15
MOST_LABELS = 12
# More than there are pixels from side to side; a line between them would be a blot.
MOST_JOINED = 1500
DPI = 144
_WINDOWLESS = {"agg", "cairo", "inline", "pdf", "pgf", "ps", "svg", "template"}


def draw(answer: Drawable) -> Figure:
    """Return the picture of what was asked."""
    if isinstance(answer, Course):
        return _course(answer)
    if isinstance(answer, Curves):
        return _curves(answer)
    return _contrast(answer) if isinstance(answer, Contrast) else _stage_times(answer)


def table(answer: Drawable) -> list[Block]:
    """Return what is drawn as a table, for where there are no pictures."""
    match answer:
        case Course():
            rows = [(each.prefix, f"{each.numbers[-1]:.6g}") for each in answer.points]
        case Curves():
            rows = [
                (_curve_label(each), f"{len(each.points)} steps, last {each.points[-1][1]:.6g}")
                for each in answer.curves
            ]
        case Contrast():
            rows = [
                (each.prefix, f"{answer.parameter} = {each.value}, {each.number:.6g}")
                for each in answer.pairs
            ]
        case StageTimes():
            rows = [(each.stage, duration(each.seconds)) for each in answer.stages]
    return [Line(_title(answer)), Table(("", ""), tuple(rows))]


def bundle(answer: Drawable) -> dict[str, str]:
    """Return an answer by MIME type, without HTML: notebooks would show it, not the picture."""
    shown, picture = table(answer), {}
    try:
        picture = {"image/png": b64encode(png(draw(answer))).decode()}
    except ProvenanceError as error:
        shown.append(Line(str(error)))
    return {"text/plain": blocks.text(shown), **picture}


def write(answer: Drawable, path: Path) -> str:
    """Write a picture to a file of the kind its name says; return what was done."""
    save(draw(answer), path)
    return f"wrote {path}"


def open_window(answer: Drawable) -> None:
    """Show a picture in a window; raise `ProvenanceError` where there can be none."""
    show(draw(answer))


def _title(answer: Drawable) -> str:
    match answer:
        case Course():
            return f"{answer.name} over trials"
        case Curves():
            return f"{answer.name} by step"
        case Contrast():
            return f"{answer.metric} against {answer.parameter}"
        case StageTimes():
            return f"time per stage of trial {answer.prefix}"


def _course(answer: Course) -> Figure:
    points = answer.points
    figure, axes = _figure(answer, max(5.2, min(12.0, 1.6 + 0.45 * len(points))))
    earlier = [
        (place, each)
        for place, point in enumerate(points)
        for each in point.numbers[:-1]
        if each != point.numbers[-1]
    ]
    if earlier:
        axes.plot(
            *_arrays(zip(*earlier, strict=True)),
            ".",
            markersize=6,
            color=GREY,
            alpha=0.6,
            markeredgewidth=0,
            label="before, in the trial",
        )
    numbers = [point.numbers[-1] for point in points]
    places, last = _arrays((range(len(points)), numbers))
    if len(points) <= MOST_JOINED:
        axes.plot(places, last, color=BLUE, linewidth=1, alpha=0.5, zorder=2)
    axes.plot(places, last, "o", markersize=6.5, color=BLUE, zorder=3, label="at the end")
    if len(points) <= MOST_LABELS:
        for place, number in enumerate(numbers):
            _note(axes, f"{number:.4g}", place, number)
    _trial_ticks(axes, [point.prefix for point in points])
    axes.set_xlim(-0.6, len(points) - 0.4)
    axes.margins(y=0.18)
    axes.set_ylabel(_label(answer.name), parse_math=False)
    if earlier:
        axes.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return figure


def _curves(answer: Curves) -> Figure:
    from matplotlib import colormaps

    figure, axes = _figure(answer, 7.0)
    shades = colormaps["viridis"]
    few = len(answer.curves) <= MOST_LABELS
    for at, each in enumerate(answer.curves):
        steps, numbers = zip(*each.points, strict=True)
        colour = shades(at / max(len(answer.curves) - 1, 1) * 0.9)
        label = _label(_curve_label(each)) if few else None
        marker = "o" if len(steps) <= MOST_LABELS else None
        axes.plot(
            steps, numbers, color=colour, linewidth=1.4, marker=marker, markersize=3, label=label
        )
    if few and len(answer.curves) > 1:
        for text in axes.legend(fontsize=8, frameon=False).get_texts():
            text.set_parse_math(False)
    axes.set_xlabel("step")
    axes.set_ylabel(_label(answer.name), parse_math=False)
    return figure


def _curve_label(curve: Curve) -> str:
    settings = ", ".join(f"{name} = {value}" for name, value in curve.parameters.items())
    return settings or curve.prefix


def bars(answer: Course, most: int) -> Figure:
    """Return a picture of the last trials' values as bars."""
    points = answer.points[-most:]
    figure, axes = _figure(answer, max(5.2, min(12.0, 1.6 + 0.45 * len(points))))
    heights = [point.numbers[-1] for point in points]
    drawn = axes.bar(range(len(points)), heights, color=BLUE, width=0.62)
    if len(points) <= MOST_LABELS:
        axes.bar_label(drawn, [f"{each:.4g}" for each in heights], padding=2, fontsize=8)
    _trial_ticks(axes, [point.prefix for point in points])
    axes.margins(y=0.12)
    axes.set_ylabel(_label(answer.name), parse_math=False)
    return figure


def _contrast(answer: Contrast) -> Figure:
    """Where a value of the parameter is no number, the values stand side by side in order."""
    figure, axes = _figure(answer, 6.4)
    numbers = [each.value for each in answer.pairs if not isinstance(each.value, str)]
    if len(numbers) == len(answer.pairs):
        places = numbers
    else:
        names = [_label(str(each.value)) for each in answer.pairs]
        kinds = {name: float(place) for place, name in enumerate(dict.fromkeys(names))}
        places = [kinds[name] for name in names]
        axes.set_xticks(range(len(kinds)), kinds, parse_math=False)
        axes.set_xlim(-0.6, len(kinds) - 0.4)
        if len(kinds) > 4 or max(map(len, kinds)) > 16:
            axes.tick_params(axis="x", rotation=30)
    heights = [each.number for each in answer.pairs]
    axes.plot(*_arrays((places, heights)), "o", markersize=6.5, color=BLUE, zorder=3)
    together: dict[tuple[float, float], list[str]] = {}
    for each, place in zip(answer.pairs, places, strict=True):
        together.setdefault((place, each.number), []).append(each.prefix)
    if len(together) <= MOST_LABELS:
        for (place, height), trials in together.items():
            more = f" and {len(trials) - 1} more" if len(trials) > 1 else ""
            _note(axes, visible(trials[0]) + more, place, height)
    axes.margins(x=0.22, y=0.18)
    axes.set_xlabel(_label(answer.parameter), parse_math=False)
    axes.set_ylabel(_label(answer.metric), parse_math=False)
    return figure


def _stage_times(answer: StageTimes) -> Figure:
    stages = answer.stages
    figure, axes = _figure(answer, 7.0, max(1.8, 0.9 + 0.42 * len(stages)))
    widths = [each.seconds for each in stages]
    bars = axes.barh(range(len(stages)), widths, color=BLUE, height=0.62)
    axes.bar_label(bars, [duration(each) for each in widths], padding=4, fontsize=9)
    labels = [_label(each.stage) for each in stages]
    axes.set_yticks(range(len(stages)), labels, parse_math=False)
    axes.invert_yaxis()
    axes.margins(x=0.16)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("seconds")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a file of the kind its name says; raise `ProvenanceError` without one."""
    with _without_warnings():
        try:
            # Without a canvas of pyplot's, savefig takes the one of the file's kind: Agg for png.
            figure.savefig(path, dpi=DPI)
        except (OSError, ValueError) as error:
            raise ProvenanceError(f"{path}: {error}") from error


def png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = BytesIO()
    with _without_warnings():
        figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def show(figure: Figure) -> None:
    """Open a window with a figure; raise `ProvenanceError` where there can be none."""
    import matplotlib
    from matplotlib import pyplot

    if matplotlib.get_backend().lower() in _WINDOWLESS:
        raise ProvenanceError("no window can be opened here; name a file with --output F.png")
    manager = pyplot.figure().canvas.manager
    assert manager is not None
    manager.canvas.figure = figure
    figure.set_canvas(manager.canvas)
    with _without_warnings():
        pyplot.show()


def blank(width: float, height: float) -> Figure:
    """Return a figure of so many inches; raise `ProvenanceError` without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ProvenanceError("plots need matplotlib: python -m pip install matplotlib") from error
    return Figure(figsize=(width, height))


def _figure(answer: Drawable, width: float, height: float = 3.8) -> tuple[Figure, Any]:
    figure = blank(width, height)
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    axes.grid(visible=True, color="#E5E5E5", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(_label(_title(answer)), loc="left", parse_math=False)
    return figure, axes


def _arrays(rows: Iterable[Sequence[float]]) -> list[Any]:
    """Return rows as matplotlib takes them without looking at each number."""
    import numpy

    return [numpy.asarray(row, dtype=float) for row in rows]


def _trial_ticks(axes: Any, trials: Sequence[str]) -> None:
    step = -(-len(trials) // MOST_TICKS)
    # Counted from the end: the latest trial is always named.
    places = sorted(range(len(trials) - 1, -1, -step))
    axes.set_xticks(
        places,
        [visible(trials[place]) for place in places],
        rotation=45,
        ha="right",
        rotation_mode="anchor",
        fontsize=8,
        family="monospace",
        parse_math=False,
    )
    axes.set_xlabel("trial")


def _note(axes: Any, text: str, x: float, y: float) -> None:
    """Write above a point."""
    axes.annotate(
        text,
        (x, y),
        xytext=(0, 8),
        textcoords="offset points",
        ha="center",
        fontsize=8,
        color=GREY,
        bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5},
        parse_math=False,
    )


def _label(text: str) -> str:
    """Return text as one short line in which nothing is obeyed."""
    line = visible(text)
    return line if len(line) <= LONGEST_LABEL else line[: LONGEST_LABEL - 1] + "…"


@contextmanager
def _without_warnings() -> Iterator[None]:
    # A font may lack characters of the user's names; boxes say so well enough.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
