"""What is timed: cells, and the ratio to stock ipykernel that they may reach."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Workload:
    """Cells that each kernel runs in its turn: one after the other, and as a queue.

    One after the other, each is sent when the kernel is idle after the one before, and the times of
    all are added; `repeats` times. As a queue, all are sent before the first is answered, as "Run
    all" does, `queued` times over. `limit` bounds the ratio to idle, `queue_limit` that of the
    queue, `reply_limit` that until the frontend has the reply, before which comes what the cells
    show, and `slack` adds seconds to each. `sessions` is how many times the kernels are started,
    as processes differ by luck: where their memory lies, how long threads of a library spin.
    """

    name: str
    cells: tuple[str, ...]
    limit: float | None
    repeats: int
    queue_limit: float | None = None
    queued: int = 1
    slack: float = 0.0
    sessions: int = 1
    setup: tuple[str, ...] = ()
    reply_limit: float | None = None


ONE = Workload("x = 1", ("x = 1",), 1.15, 400, queued=10)

ML_SETUP = (
    "import numpy as np\n"
    "import pandas as pd\n"
    "from sklearn.decomposition import PCA\n"
    "from sklearn.ensemble import RandomForestClassifier\n"
    "from sklearn.metrics import accuracy_score, f1_score, roc_auc_score\n"
    "from sklearn.model_selection import train_test_split\n",
)

ML_CELLS = (
    "# stage: data reading\n"
    "rng = np.random.default_rng(7)\n"
    "data = pd.DataFrame(rng.normal(size=(100_000, 28)), columns=[f'V{i}' for i in range(28)])\n"
    "data['Class'] = (data['V0'] + data['V1'] + rng.normal(size=len(data)) > 4).astype(int)\n",
    "# stage: feature engineering\n"
    "features = data.drop(columns='Class')\n"
    "pca = PCA(n_components=10, random_state=0)\n"
    "components = pca.fit_transform(features)\n",
    "# stage: feature engineering\n"
    "labels = data['Class'].to_numpy()\n"
    "frauds = np.flatnonzero(labels == 1)\n"
    "honest = np.flatnonzero(labels == 0)\n"
    "chosen = rng.choice(honest, size=len(frauds), replace=False)\n"
    "kept = np.sort(np.concatenate([frauds, chosen]))\n"
    "X, y = components[kept], labels[kept]\n",
    "# stage: model scoring\n"
    "X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)\n"
    "model = RandomForestClassifier(n_estimators=60, random_state=0, n_jobs=1)\n"
    "model.fit(X_train, y_train)\n"
    "scores = model.predict_proba(X_test)[:, 1]\n",
    "# stage: metrics evaluation\n"
    "predicted = (scores > 0.5).astype(int)\n"
    "accuracy = accuracy_score(y_test, predicted)\n"
    "f1 = f1_score(y_test, predicted)\n"
    "auc = roc_auc_score(y_test, scores)\n",
    "# stage: metrics evaluation\n"
    "best, threshold = 0.0, 0.0\n"
    "for step in range(100):\n"
    "    cut = step / 100\n"
    "    hits = 0\n"
    "    for score, truth in zip(scores.tolist(), y_test.tolist()):\n"
    "        if (score > cut) == truth:\n"
    "            hits += 1\n"
    "    if hits > best:\n"
    "        best, threshold = hits, cut\n",
    "total = 0\n"
    "for i in range(200_000):\n"
    "    if i % 3 == 0:\n"
    "        total += len(str(i))\n"
    "    else:\n"
    "        total -= 1\n",
)

ML = Workload("ML notebook", ML_CELLS, 1.05, 9, queue_limit=1.05, sessions=6, setup=ML_SETUP)

LOOP = Workload(
    "a million calls in a loop",
    ("s = 0\nfor i in range(1_000_000):\n    s += abs(i)",),
    1.15,
    9,
    queued=2,
    slack=0.01,
)

FIB = Workload(
    "recursive fib(24)",
    ("def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nresult = fib(24)",),
    1.1,
    15,
    queued=4,
    slack=0.005,
)

HTML = Workload(
    "5 MB of HTML",
    ("HTML(page)",),
    1.1,
    15,
    setup=(
        "import json\n"
        "from IPython.display import HTML\n"
        "rows = [{'x': i, 'y': i / 3} for i in range(140_000)]\n"
        "page = '<div id=\"chart\"></div><script>' + json.dumps(rows)[:5_000_000] + '</script>'\n"
        "del rows",
    ),
    slack=0.003,
    reply_limit=1.1,
)

LINES = Workload(
    "50 000 printed lines",
    ("for i in range(50_000): print('epoch', i, 'took 1.5 s, loss', i / 7)",),
    1.1,
    9,
    slack=0.003,
    reply_limit=1.1,
)

PICTURE = Workload(
    "a picture of 5 MB",
    ("Image(data=picture)",),
    1.1,
    15,
    setup=(
        "import random, struct, zlib\n"
        "from IPython.display import Image\n"
        "def chunk(kind, data):\n"
        "    number = lambda n: struct.pack('>I', n)\n"
        "    return number(len(data)) + kind + data + number(zlib.crc32(kind + data))\n"
        "pixels = b''.join(b'\\0' + random.randbytes(4 * 1120) for _ in range(1120))\n"
        "size = struct.pack('>IIBBBBB', 1120, 1120, 8, 6, 0, 0, 0)\n"
        "picture = (b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', size)\n"
        "           + chunk(b'IDAT', zlib.compress(pixels, 1)) + chunk(b'IEND', b''))",
    ),
    slack=0.003,
    reply_limit=1.1,
)

BIG_FILE = Workload(
    "a line of a file of 480 MB",
    ("os.utime('big')\nwith open('big') as file: line = file.readline()",),
    1.1,
    9,
    setup=(
        "import os\n"
        "with open('big', 'wb') as file:\n"
        "    file.write(b'a line\\n')\n"
        "    file.truncate(480_000_000)",
    ),
    slack=0.003,
)

MANY_FILES = Workload(
    "20 000 files",
    (
        "total = 0\n"
        "for number in range(20_000):\n"
        "    with open(f'many/{number}') as file:\n"
        "        total += len(file.read())",
    ),
    1.2,
    9,
    setup=(
        "import os\n"
        "os.mkdir('many')\n"
        "for number in range(20_000):\n"
        "    with open(f'many/{number}', 'w') as file:\n"
        "        _ = file.write(str(number))",
    ),
)

TOUCHED = Workload(
    "an object of a list of 100 000",
    ("things[5].n += 1",),
    None,
    25,
    setup=(
        "class Thing:\n"
        "    def __init__(self, n): self.n = n\n"
        "things = [Thing(i) for i in range(100_000)]",
    ),
    queued=5,
)

# noWorkflow's rewriting of each expression is timed on less, and once.
FINE_LOOP = Workload(
    "20 000 calls in a loop",
    ("s = 0\nfor i in range(20_000):\n    s += abs(i)",),
    None,
    1,
)
FINE = (ONE, replace(ML, repeats=1, sessions=1), FINE_LOOP)

WORKLOADS = (ONE, ML, LOOP, FIB, HTML, LINES, PICTURE, BIG_FILE, MANY_FILES, TOUCHED)
START_LIMIT = 1.2
STORE_LIMIT = 1_000_000
