"""Experiments that reproduce, as such or with their random states."""

from __future__ import annotations

from verify.cases import FIT, MODEL, READ, SCORE, Case

TABLE = "a,b\n" + "".join(f"{i},{i * i % 7}\n" for i in range(40))


def same(name: str, *cells: str, **options: object) -> Case:
    """Return an experiment that gives the same."""
    return Case(name, cells, "reproduced", **options)  # type: ignore[arg-type]


def drawn(name: str, *cells: str) -> Case:
    """Return an experiment that gives the same from the states of its generators."""
    return Case(name, cells, "reproduced_with_random_states", "randomness", None)


PLAIN = (
    same("plain", f"{READ}rows_ = list(range(9))", f"{SCORE}score_ = sum(rows_)", "print(score_)"),
    same("an error that is part of it", "x_ = 1", "1 / 0", f"{SCORE}score_ = x_"),
    same("a file written and read", "open('out_.txt', 'w').write('1 2')",
         f"{SCORE}score_ = len(open('out_.txt').read())"),
    same("a folder gone to", "import os\nos.makedirs('d_', exist_ok=True)", "%cd -q d_",
         f"{SCORE}score_ = len(os.path.basename(os.getcwd()))", "%cd -q .."),
    same("folders made", "import os\nos.mkdir('d_')\nos.makedirs('d_/e')\n"
         "open('d_/e/out', 'w').close()", f"{SCORE}score_ = len(os.listdir('d_/e'))"),
    same("a database made and read", "import sqlite3\nmade_ = sqlite3.connect('s_.db')\n"
         "made_.execute('create table t(a)')\nmade_.commit()",
         f"{SCORE}score_ = len(sqlite3.connect('s_.db').execute('select * from t').fetchall())"),
    same("an input", f"{READ}rows_ = open('in_.csv').read()", f"{SCORE}score_ = len(rows_)",
         files={"in_.csv": "1 2"}),
    same("a cell that asks and computes, and one that asks", "import provenance_kernel as pk",
         f"{READ}rows_ = [len(pk.trials().trials)]", "pk.values('score_')",
         f"{SCORE}score_ = rows_[0] + 1", file=(0, 2, 1, 3)),
    same("times and addresses in outputs",
         "import time\nprint(object(), time.strftime('%Y-%m-%d %H:%M:%S'))"),
    same("a difference that nothing reads", "import uuid\nunread_ = uuid.uuid4()",
         f"{SCORE}score_ = 1"),
    same("an input that nothing reads has changed", "rows_ = 5", f"{SCORE}score_ = rows_",
         files={"other_.csv": "1"}, changes={"other_.csv": "2"}),
    same("a set, in order", f"{READ}rows_ = sorted({{'ann', 'bob', 'eve', 'joe', 'mia', 'tom'}})",
         f"{SCORE}score_ = sum(i * ord(x[0]) for i, x in enumerate(rows_))"),
    same("a set that is a set", f"{READ}rows_ = {{'ann', 'bob', 'eve', 'joe', 'mia', 'tom'}}",
         f"{SCORE}score_ = len(rows_)"),
    same("a generator with a seed",
         f"{READ}import numpy as np\nrows_ = np.random.default_rng(3).random(9)",
         f"{SCORE}score_ = float(rows_.mean())"),
    same("Python's generator with a seed",
         f"{READ}import random\nrows_ = random.Random(5).sample(range(99), 9)",
         f"{SCORE}score_ = sum(rows_)"),
    same("a table", f"{READ}import pandas as pd\nrows_ = pd.read_csv('in_.csv')",
         f"{FIT}rows_['c'] = rows_.a * rows_.b", f"{SCORE}score_ = float(rows_.c.mean())",
         files={"in_.csv": TABLE}),
    same("a table grouped", f"{READ}import pandas as pd\nrows_ = pd.read_csv('in_.csv')",
         f"{FIT}means_ = rows_.groupby('b').a.mean()", f"{SCORE}score_ = float(means_.max())",
         "means_", files={"in_.csv": TABLE}),
    same("a forest with a seed", f"{READ}import numpy as np\nx_ = np.arange(80.0).reshape(40, 2)\n"
         "y_ = x_[:, 0] % 3 > 1",
         f"{FIT}from sklearn.model_selection import train_test_split\n"
         "a_, b_, c_, d_ = train_test_split(x_, y_, random_state=0)",
         f"{MODEL}from sklearn.ensemble import RandomForestClassifier\n"
         "model_ = RandomForestClassifier(5, random_state=0).fit(a_, c_)",
         f"{SCORE}score_ = float(model_.score(b_, d_))"),
    same("a regression", f"{READ}import numpy as np\nx_ = np.arange(20.0)[:, None]",
         f"{MODEL}from sklearn.linear_model import LinearRegression\n"
         "model_ = LinearRegression().fit(x_, 2 * x_[:, 0] + 1)",
         f"{SCORE}score_ = float(model_.predict([[30.0]])[0])"),
    same("functions", f"{FIT}def twice_(x):\n    return 2 * x", f"{SCORE}score_ = twice_(4)"),
    same("a class", f"{FIT}class Scale_:\n    def __init__(self, by):\n        self.by = by",
         f"{MODEL}scale_ = Scale_(3)", f"{SCORE}score_ = scale_.by * 2"),
    same("a duration that is printed", "import time\nbegan_ = time.perf_counter()\n"
         "x_ = sum(range(1000))", f"{SCORE}score_ = x_", "%time sum(range(10))"),
    same("threads that do as they should", "from concurrent.futures import ThreadPoolExecutor\n"
         "with ThreadPoolExecutor(4) as pool_:\n    rows_ = list(pool_.map(abs, range(-9, 9)))",
         f"{SCORE}score_ = sum(rows_)"),
    same("a cell of the shell", "names_ = !echo one two", f"{SCORE}score_ = len(names_[0])"),
    same("a file in a folder of its own", "import os\nos.makedirs('made_', exist_ok=True)\n"
         "open('made_/a.txt', 'w').write('12')",
         f"{SCORE}score_ = len(open('made_/a.txt').read())"),
    same("a picture", "import matplotlib\nmatplotlib.use('agg')\n"
         "import matplotlib.pyplot as plt\nfig_, ax_ = plt.subplots()\n"
         "ax_.plot([1, 2, 3])\nfig_", f"{SCORE}score_ = len(ax_.lines)"),
    same("a widget that nobody moved", "import ipywidgets\n"
         "slider_ = ipywidgets.IntSlider(value=3)\nslider_", f"{SCORE}score_ = slider_.value"),
    same("a temporary file", "import tempfile\nwith tempfile.NamedTemporaryFile('w+') as file_:\n"
         "    file_.write('12')\n    file_.seek(0)\n    rows_ = file_.read()",
         f"{SCORE}score_ = len(rows_)"),
)  # fmt: skip

SEEDED = (
    same("the module's generator with a seed", "import random\nrandom.seed(3)",
         f"{SCORE}score_ = random.random()"),
    same("numpy's global generator with a seed", "import numpy as np\nnp.random.seed(3)",
         f"{READ}rows_ = np.random.rand(5)", f"{SCORE}score_ = float(rows_.sum())"),
)  # fmt: skip

IN_FILES = (
    same("the file's order", f"{READ}rows_ = [1]", f"{SCORE}score_ = rows_[0]", file=(0, 1)),
    same("a deleted cell that only looked", f"{READ}rows_ = [1]", "print(rows_)",
         f"{SCORE}score_ = rows_[0]", file=(0, 2)),
    same("a cell run twice that sets", f"{READ}rows_ = [1]", f"{FIT}x_ = [*rows_, 2]",
         f"{FIT}x_ = [*rows_, 2]", f"{SCORE}score_ = sum(x_)", file=(0, 1, 3)),
    same("an edited comment", f"{READ}rows_ = [1]", f"{SCORE}score_ = rows_[0]",
         file=(f"{READ}# all of them\nrows_ = [1]", 1)),
    same("cells moved that do not meet", f"{READ}a_ = 1", f"{READ}b_ = 2",
         f"{SCORE}score_ = a_ + b_", file=(1, 0, 2)),
)  # fmt: skip

DRAWN = (
    drawn("unseeded", "import random", f"{SCORE}score_ = random.random()"),
    drawn("rows shuffled", "import random\nrows_ = list(range(50))\nrandom.shuffle(rows_)",
          f"{SCORE}score_ = sum(i * x for i, x in enumerate(rows_))"),
    drawn("numpy's global generator", f"{SCORE}import numpy as np\n"
          "score_ = float(np.random.rand(3).sum())"),
    drawn("a sample of a table", f"{READ}import pandas as pd\n"
          "rows_ = pd.DataFrame({'x': range(99)})", f"{FIT}part_ = rows_.sample(9)",
          f"{SCORE}score_ = float(part_.x.mean())"),
    drawn("an unseeded split and forest", f"{READ}import numpy as np\n"
          "x_ = np.arange(200.0).reshape(100, 2)\ny_ = x_[:, 0] % 3 > 1",
          f"{FIT}from sklearn.model_selection import train_test_split\n"
          "a_, b_, c_, d_ = train_test_split(x_, y_)",
          f"{MODEL}from sklearn.ensemble import RandomForestClassifier\n"
          "model_ = RandomForestClassifier(5).fit(a_, c_)",
          f"{SCORE}score_ = float(model_.score(b_, d_) + b_.sum())"),
    drawn("a distribution of scipy's", f"{SCORE}from scipy import stats\n"
          "score_ = float(stats.norm.rvs(size=5).sum())"),
)  # fmt: skip

NUMPY = "import numpy as np\n"
MADE = (
    drawn("a generator of numpy's without a seed",
          f"{READ}{NUMPY}rows_ = np.random.default_rng().random(5)",
          f"{SCORE}score_ = float(rows_.sum())"),
    drawn("a generator of numpy's kept over cells", f"{NUMPY}rng_ = np.random.default_rng()",
          f"{FIT}rows_ = rng_.normal(size=4)", f"{FIT}rows_ = rows_ + rng_.random()",
          f"{SCORE}score_ = float(rows_.mean())"),
    drawn("a generator of Python's without a seed", "import random\nrng_ = random.Random()",
          f"{FIT}rows_ = [rng_.random() for _ in range(3)]", f"{SCORE}score_ = sum(rows_)"),
    drawn("numpy's old generator", f"{SCORE}{NUMPY}score_ = float(np.random.RandomState().rand())"),
    drawn("a bit generator", f"{SCORE}{NUMPY}score_ = float(\n"
          "    np.random.Generator(np.random.PCG64()).random())"),
    drawn("a sequence of seeds", f"{SCORE}{NUMPY}seeds_ = np.random.SeedSequence().spawn(2)\n"
          "score_ = sum(float(np.random.default_rng(each).random()) for each in seeds_)"),
    drawn("two generators and one with a seed", f"{SCORE}import random\n{NUMPY}"
          "a_, b_, c_ = np.random.default_rng(), np.random.default_rng(4), random.Random()\n"
          "d_ = np.random.default_rng()\n"
          "score_ = float(a_.random() + 2 * b_.random() + 3 * c_.random() + 4 * d_.random())"),
    drawn("a model with a generator", f"{MODEL}{NUMPY}"
          "from sklearn.ensemble import RandomForestClassifier\n"
          "x_ = np.arange(80.0).reshape(40, 2)\n"
          "model_ = RandomForestClassifier(5, random_state=np.random.RandomState())\n"
          "model_.fit(x_, x_[:, 0] % 3 > 1)",
          f"{SCORE}score_ = float(model_.predict_proba(x_)[:, 1].sum())"),
)  # fmt: skip

ALIKE = (*PLAIN, *SEEDED, *IN_FILES, *DRAWN, *MADE)
