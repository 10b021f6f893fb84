"""Small random sessions: cells that alias, change, consume, draw, fail and run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

# What a letter of a statement may be, by the first: a name, a number or a key.
_NAMES = {
    "N": ("n", "k", "h"),
    "L": ("l", "m", "p"),
    "D": ("d", "e"),
    "I": ("i", "j"),
    "A": ("a", "b"),
    "O": ("o", "q"),
    "F": ("f", "g"),
    "Q": ("w", "z"),
    "R": ("r", "s"),
    "T": ("t", "u"),
    "#": ("0", "1", "2", "3"),
    "K": ("'u'", "'v'"),
}
BEFORE = (
    "import random, itertools, functools, copy, contextlib, threading\n"
    "from collections import defaultdict, deque\n"
    "import numpy as np\nimport pandas as pd\nrandom.seed(3)\n"
    "rng = np.random.default_rng(5)\nn, k, h = 1, 2, 3\nl, m, p = [1, 2], [3, 4, 5], [6]",
    "d, e = {'u': 1}, {'v': [2]}\ni, j = iter([1, 2, 3, 4]), iter((5, 6, 7))\n"
    "a, b = np.arange(5), np.ones(3)\nw, z = deque([1, 2]), deque()\n"
    "r, s = np.random.default_rng(1), np.random.default_rng(2)\n"
    "t, u = pd.DataFrame({'x': [1, 2], 'y': [3, 4]}), pd.DataFrame({'x': [3, 1]})",
    "class C:\n    kept = []\n    size = 1\n    def __init__(self, v=0):\n        self.v = v\n"
    "    def put(self, v):\n        self.v = v\n        self.kept.append(1)\n"
    "        return len(self.kept)\n"
    "    def get(self):\n        return self.size\n    def __len__(self):\n        return 3\n"
    "o, q = C(), C(2)\ndef f(v=0): return v\ndef g(v=0): return n",
)
# A line is a statement, its own lines parted by `\\n`.
STATEMENTS = Path(__file__).with_name("statements.txt").read_text(encoding="utf-8").splitlines()


def session(random: Random) -> list[str]:
    """Return the cells of a session, some of which may fail."""
    cells: list[str] = list(BEFORE)
    for _ in range(random.randint(2, 5)):
        if len(cells) > len(BEFORE) and random.random() < 0.15:
            cells.append(random.choice(cells[len(BEFORE) :]))
            continue
        made = [_statement(random) for _ in range(random.randint(1, 4))]
        cells.append("\n".join(made))
    return cells


def _statement(random: Random) -> str:
    text = random.choice(STATEMENTS)
    words = [
        random.choice(_NAMES[each]) if each in _NAMES and not _within(text, at) else each
        for at, each in enumerate(text)
    ]
    return "".join(words).replace("\\n", "\n")


def _within(text: Sequence[str], at: int) -> bool:
    """Tell whether a letter is part of a longer name."""
    around = [text[at - 1] if at else " ", text[at + 1] if at + 1 < len(text) else " "]
    if text[at] == "#":
        return False
    if around[0] == "n" and at > 1 and text[at - 2] == "\\":
        around[0] = " "
    return any(each.isalnum() or each == "_" for each in around)


def asked(random: Random, count: int) -> list[str]:
    """Return some of the names whose values a session may leave; functions are no values."""
    return random.sample([*"nkhlmpdeaboqwztu"], count)
