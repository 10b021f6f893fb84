"""What is timed: cells, and the ratio to stock ipykernel that they may reach."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Workload:
    """Cells run in each kernel in turn; `limit` bounds ratio and `slack` adds seconds to it.

    `at_once` sends all cells before the first has been answered, as "Run all" does; else the next
    is sent when the one before is done. `sessions` is how many times the kernels are started, as
    processes differ by luck: where their memory lies, how long threads of a library spin.
    """

    name: str
    cells: tuple[str, ...]
    limit: float | None
    repeats: int
    at_once: bool = False
    slack: float = 0.0
    sessions: int = 1
    setup: tuple[str, ...] = ()


ROUND_TRIP = Workload("round trip of x = 1", ("x = 1",), 1.15, 400)

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

ML = Workload("ML notebook, imports excluded", ML_CELLS, 1.05, 9, sessions=6, setup=ML_SETUP)
ML_AT_ONCE = replace(ML, name="ML notebook, cells sent at once", limit=None, at_once=True)

LOOP = Workload(
    "a million calls in a loop",
    ("s = 0\nfor i in range(1_000_000):\n    s += abs(i)",),
    1.3,
    9,
)

FIB = Workload(
    "recursive fib(24)",
    ("def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nresult = fib(24)",),
    1.1,
    15,
    slack=0.005,
)

# noWorkflow's rewriting of each expression is timed on less, and once.
FINE_LOOP = Workload(
    "20 000 calls in a loop",
    ("s = 0\nfor i in range(20_000):\n    s += abs(i)",),
    0.0,
    1,
)
FINE = (ROUND_TRIP, replace(ML, repeats=1, sessions=1), FINE_LOOP)

WORKLOADS = (ROUND_TRIP, ML, ML_AT_ONCE, LOOP, FIB)
START_LIMIT = 1.2
STORE_LIMIT = 1_000_000
