"""Experiments that do not reproduce, each for one injected cause."""

from __future__ import annotations

from support.kernels import Kernel
from verify.cases import FIT, MODEL, READ, SCORE, Case, array

WORDS = "{'ann', 'bob', 'eve', 'joe', 'mia', 'tom', 'zoe', 'lea', 'pia', 'kim', 'ada', 'max'}"
PLACES = "sum(i * ord(word[0]) for i, word in enumerate(rows_))"


def read(name: str, source: str, score: str, cause: str, **options: object) -> Case:
    """Return an experiment that reads `rows_`, on which a metric is computed by an expression."""
    cells = (READ + source, f"{SCORE}score_ = {score}")
    return Case(name, cells, cause=cause, **options)  # type: ignore[arg-type]


def moved(name: str, *cells: str, file: tuple[int | str, ...], **options: object) -> Case:
    """Return an experiment whose notebook is not what was run."""
    options = {"stage": "metrics_evaluation", **options}
    return Case(name, cells, cause="hidden_state", file=file, **options)  # type: ignore[arg-type]


RANDOM = (
    read("uuid4", "import uuid\nrows_ = str(uuid.uuid4())", "sum(map(ord, rows_))", "randomness"),
    read("urandom", "import os\nrows_ = os.urandom(8)", "sum(rows_)", "randomness"),
    read("a token", "import secrets\nrows_ = secrets.token_hex(8)", "int(rows_, 16)", "randomness"),
    read("the system's generator", "import random\nrows_ = random.SystemRandom().random()",
         "rows_ / 2", "randomness"),
    read("rows shuffled by the system's generator", "import random\nrows_ = list(range(99))\n"
         "random.SystemRandom().shuffle(rows_)", "sum(i * x for i, x in enumerate(rows_))",
         "randomness"),
    read("a seed taken from the system", "import os\nimport random\nseed_ = os.urandom(4)\n"
         "rows_ = random.Random(seed_).random()", "rows_ * 2", "randomness"),
    read("numpy seeded by a token", "import secrets\nimport numpy as np\n"
         "rows_ = np.random.default_rng(secrets.randbits(64)).random(5)", "float(rows_.sum())",
         "randomness"),
    read("customers named by uuid", "import uuid\nimport pandas as pd\n"
         "rows_ = pd.DataFrame({'id': [uuid.uuid4().hex for _ in range(9)], 'x': range(9)})",
         "int(rows_.sort_values('id').x.iloc[:3].sum())", "randomness"),
    Case("a forest on a random split", (
        f"{READ}import numpy as np\nx_ = np.arange(60.0).reshape(30, 2)\ny_ = x_[:, 0] % 3 > 1",
        f"{FIT}import secrets\nfrom sklearn.model_selection import train_test_split\n"
        "a_, b_, c_, d_ = train_test_split(x_, y_, random_state=secrets.randbits(32))",
        f"{MODEL}from sklearn.tree import DecisionTreeClassifier\n"
        "model_ = DecisionTreeClassifier(random_state=0).fit(a_, c_)",
        f"{SCORE}score_ = float(a_.sum() + model_.predict(b_).mean())",
    ), cause="randomness", stage="feature_engineering"),
)  # fmt: skip

HASHES = (
    read("the order of a set", f"rows_ = list({WORDS})", PLACES, "hash_order"),
    read("the hash of a text", "rows_ = hash('a customer') % 1000003", "rows_ / 2", "hash_order"),
    read("a union", f"rows_ = [*{WORDS}.union({{'new'}})]", PLACES, "hash_order"),
    read("a frozenset", f"rows_ = tuple(frozenset({WORDS}))", PLACES, "hash_order"),
    read("a dict made from a set", f"rows_ = {{word: i for i, word in enumerate({WORDS})}}",
         "rows_['ann'] * 100 + rows_['max'] * 10 + rows_['joe']", "hash_order"),
    read("a file written from a set", f"text_ = ' '.join({WORDS})\n"
         "open('out_.txt', 'w').write(text_)\nrows_ = text_.split()", PLACES, "hash_order"),
    read("columns from a set", f"import pandas as pd\nwords_ = {WORDS}\n"
         "rows_ = pd.DataFrame([range(12)], columns=list(words_))",
         "int(rows_['ann'].iloc[0] * 144 + rows_['bob'].iloc[0] * 12 + rows_['eve'].iloc[0])",
         "hash_order"),
    read("buckets by hash", "import numpy as np\n"
         "rows_ = np.array([hash(f'customer {i}') % 7 for i in range(50)])",
         "float((rows_ * np.arange(50)).sum())", "hash_order"),
    Case("a vocabulary from a set", (
        f"{READ}words_ = {WORDS}", f"{FIT}index_ = {{word: i for i, word in enumerate(words_)}}",
        f"{MODEL}codes_ = [index_[each] for each in ('ann', 'bob', 'max', 'eve', 'tom')]",
        f"{SCORE}score_ = sum(code * 12**i for i, code in enumerate(codes_))",
    ), cause="hash_order", stage=None),
)  # fmt: skip

TIMES = (
    read("the time of day", "import datetime\nrows_ = datetime.datetime.now()",
         "rows_.microsecond + rows_.second", "time"),
    # Without the part that two runs within two seconds have in common up to the tolerance.
    read("seconds since 1970", "import time\nrows_ = time.time() % 1000", "rows_ * 2", "time"),
    read("nanoseconds", "import time\nrows_ = time.time_ns() % 10**9", "rows_ % 10007", "time"),
    read("a name with the time", "from datetime import datetime, timezone\n"
         "rows_ = datetime.now(timezone.utc).isoformat()", "sum(map(ord, rows_))", "time"),
    read("the age of a file", "import os\nimport time\n"
         "rows_ = time.time() - os.path.getmtime('in_.csv')", "rows_ / 86400", "time",
         files={"in_.csv": ""}),
    read("a timestamp of pandas'", "import pandas as pd\nrows_ = pd.Timestamp.now()",
         "rows_.nanosecond + rows_.microsecond", "time", evidence=None),
    Case("a duration as a metric", (
        f"{SCORE}import time\nbegan_ = time.perf_counter()\nscore_ = time.perf_counter() - began_",
    ), cause="time", stage="metrics_evaluation"),
)  # fmt: skip

CHANCES = (
    read("an address", "class Row_: pass\nkept_ = [Row_() for _ in range(1000)]\nrows_ = id(kept_)",
         "rows_ % 1000003", "nondeterminism"),
    read("the number of the process", "import os\nrows_ = os.getpid()", "rows_ / 2",
         "nondeterminism"),
    read("memory used", "import psutil\nrows_ = psutil.Process().memory_info().rss", "rows_ / 1024",
         "nondeterminism"),
)  # fmt: skip

FOLDERS = (
    read("the working folder", "import os\nrows_ = os.getcwd()", "sum(map(ord, rows_))", "folder"),
    read("the folder's name", "from pathlib import Path\nrows_ = Path.cwd().name", "len(rows_)",
         "folder"),
    read("an absolute path", "from pathlib import Path\nrows_ = str(Path('in_.csv').resolve())",
         "sum(map(ord, rows_))", "folder"),
    read("the folder for temporary files", "import tempfile\nrows_ = tempfile.gettempdir()",
         "sum(map(ord, rows_))", "folder"),
    read("a file written outside", "import os\n"
         "rows_ = open(os.path.expanduser('~/out_.txt'), 'w').write('1')", "rows_ + 1", "folder",
         verdict="could_not_run", alone=True),
)  # fmt: skip

INPUTS = (
    read("a changed byte", "rows_ = open('in_.csv').read().split()", "int(rows_[0])", "input",
         files={"in_.csv": "12 34"}, changes={"in_.csv": "13 34"}),
    read("a changed table", "import pandas as pd\nrows_ = pd.read_csv('in_.csv')",
         "float(rows_.x.mean())", "input",
         files={"in_.csv": "x\n1\n2\n"}, changes={"in_.csv": "x\n1\n4\n"}),
    read("a row more", "import csv\nrows_ = list(csv.reader(open('in_.csv')))", "len(rows_)",
         "input", files={"in_.csv": "1,2\n"}, changes={"in_.csv": "1,2\n3,4\n"}),
    read("a changed array", "import numpy as np\nrows_ = np.load('in_.npy')", "float(rows_.sum())",
         "input", files={"in_.npy": array(1, 2)}, changes={"in_.npy": array(1, 3)}),
    read("a changed setting", "import json\nfrom pathlib import Path\n"
         "rows_ = json.loads(Path('conf/in_.json').read_text())", "rows_['rate'] * 2", "input",
         files={"conf/in_.json": '{"rate": 1}'}, changes={"conf/in_.json": '{"rate": 3}'}),
    read("the second of two", "rows_ = [open(f).read() for f in ('a_.txt', 'b_.txt')]",
         "sum(map(int, rows_))", "input",
         files={"a_.txt": "1", "b_.txt": "2"}, changes={"b_.txt": "5"}),
    read("an emptied file", "rows_ = open('in_.csv').read()", "len(rows_)", "input",
         files={"in_.csv": "1 2"}, changes={"in_.csv": ""}),
    read("a missing file that has a stand-in", "import os\n"
         "rows_ = open('in_.csv').read() if os.path.exists('in_.csv') else 'default'", "len(rows_)",
         "input", files={"in_.csv": "1 2"}, changes={"in_.csv": None}),
    read("one file less in a folder", "import glob\n"
         "rows_ = [open(f).read() for f in sorted(glob.glob('parts_/*.txt'))]", "len(rows_)",
         "input", files={"parts_/a.txt": "1", "parts_/b.txt": "2"}, changes={"parts_/b.txt": None}),
    read("one file more in a folder", "import glob\n"
         "rows_ = [open(f).read() for f in sorted(glob.glob('parts_/*.txt'))]", "len(rows_)",
         "input", files={"parts_/a.txt": "1"}, changes={"parts_/b.txt": "2"}),
    read("a changed module of the project", "import helper_\nrows_ = helper_.rate()", "rows_ * 2",
         "input", files={"helper_.py": "def rate():\n    return 1\n"},
         changes={"helper_.py": "def rate():\n    return 33\n"}),
    Case("an input met late", (
        f"{READ}x_ = [1, 2]", f"{FIT}scale_ = float(open('scale_.txt').read())",
        f"{SCORE}score_ = sum(x_) * scale_",
    ), cause="input", stage="feature_engineering",
        files={"scale_.txt": "2"}, changes={"scale_.txt": "3"}),
    read("a missing input", "rows_ = open('in_.csv').read()", "len(rows_)", "input",
         verdict="could_not_run", evidence=None, alone=True,
         files={"in_.csv": "1"}, changes={"in_.csv": None}),
    read("a missing table", "import pandas as pd\nrows_ = pd.read_csv('in_.csv')", "len(rows_)",
         "input", verdict="could_not_run", evidence=None, alone=True,
         files={"in_.csv": "x\n1\n"}, changes={"in_.csv": None}),
)  # fmt: skip

VARIABLES = (
    read("a language", "import os\nrows_ = os.environ.get('LC_TIME', 'none')", "len(rows_)",
         "variables_of_environment", env={"LC_TIME": "C"}),
    read("a time zone", "import time\nrows_ = time.localtime(1700000000).tm_hour", "rows_ + 1",
         "variables_of_environment", env={"TZ": "Asia/Tokyo"}),
    read("the encoding of files", "rows_ = open('in_.txt').read()", "len(rows_)",
         "variables_of_environment", files={"in_.txt": "é".encode()},
         env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    read("a variable of which nothing is recorded", "import os\n"
         "rows_ = os.environ.get('A_MODE', 'slow')", "len(rows_)", "variables_of_environment",
         env={"A_MODE": "quick one"}, evidence="suspected"),
    read("a variable that is missing", "import os\nrows_ = os.environ['A_RATE']", "float(rows_)",
         "variables_of_environment", env={"A_RATE": "2"}, evidence="suspected",
         verdict="could_not_run"),
    read("the number of threads", "import os\nrows_ = int(os.environ.get('OMP_NUM_THREADS', 7))",
         "1 / rows_", "threads", env={"OMP_NUM_THREADS": "3"}),
    read("the most threads of a library", "import os\n"
         "rows_ = os.environ.get('POLARS_MAX_THREADS', '9')", "1 / int(rows_)",
         "threads", env={"POLARS_MAX_THREADS": "1"}),
)  # fmt: skip


def unrecorded(code: str) -> dict[int, object]:
    """Return what changes the session after the first cell, as a debugger or an inspector does."""
    return {0: lambda kernel: kernel.execute(code, silent=True, store_history=False)}


def slide(kernel: Kernel) -> None:
    """Move a widget, as a person does in a frontend."""
    asked = kernel.execute("", silent=True, user_expressions={"id": "slider.model_id"})
    model = asked.reply["user_expressions"]["id"]["data"]["text/plain"].strip("'")
    data = {"method": "update", "state": {"value": 7}, "buffer_paths": []}
    message = kernel.client.session.msg("comm_msg", {"comm_id": model, "data": data})
    kernel.client.shell_channel.send(message)
    kernel.settle()


OUTSIDE = (
    Case("state changed while no cell ran", (
        f"{READ}rows_ = [1, 2]", f"{SCORE}score_ = sum(rows_)",
    ), cause="outside_change", stage="metrics_evaluation", evidence="suspected", alone=True,
         between=unrecorded("rows_1.append(40)")),  # type: ignore[arg-type]
    Case("state left by a widget", (
        f"{READ}import ipywidgets\nrate_ = {{'x': 1}}\nslider = ipywidgets.IntSlider(value=1)\n"
        "slider.observe(lambda change: rate_.update(x=change['new']), 'value')",
        f"{SCORE}score_ = rate_['x'] * 2",
    ), cause="outside_change", stage="metrics_evaluation", evidence="suspected", alone=True,
        between={0: slide}),
)  # fmt: skip

HIDDEN = (
    moved("a deleted cell", f"{READ}rows_ = [1, 2, 3]", f"{FIT}rows_.append(4)",
          f"{SCORE}score_ = sum(rows_)", file=(0, 2)),
    moved("a deleted definition", f"{READ}rows_ = [1, 2, 3]", f"{SCORE}score_ = sum(rows_)",
          file=(1,), alone=True),
    moved("a deleted import", "import statistics as s_", f"{READ}rows_ = [1, 2]",
          f"{SCORE}score_ = s_.mean(rows_)", file=(1, 2), alone=True),
    moved("a deleted function", f"{FIT}def double_(x):\n    return 2 * x",
          f"{SCORE}score_ = double_(3)", file=(1,), alone=True),
    moved("an edited cell", f"{READ}rows_ = [1, 2, 3]", f"{SCORE}score_ = sum(rows_)",
          file=(f"{READ}rows_ = [1, 2]", 1), stage="data_reading"),
    moved("an edited parameter", "# track: rate_\nrate_ = 0.1", f"{SCORE}score_ = 2 * rate_",
          file=("# track: rate_\nrate_ = 0.3", 1), stage=None),
    moved("an edited function", f"{FIT}def scale_(x):\n    return 2 * x",
          f"{SCORE}score_ = scale_(3)", file=(f"{FIT}def scale_(x):\n    return 5 * x", 1),
          stage=None),
    moved("an edited metric", f"{READ}rows_ = [1, 2, 3]", f"{SCORE}score_ = sum(rows_)",
          file=(0, f"{SCORE}score_ = max(rows_)")),
    moved("another order", f"{FIT}scale_ = 2", f"{FIT}scale_ = 3", f"{SCORE}score_ = scale_",
          file=(1, 0, 2)),
    moved("two changes in another order", f"{READ}x_ = [1]", f"{FIT}x_.append(sum(x_) + 1)",
          f"{FIT}x_.append(2 * sum(x_))", f"{SCORE}score_ = sum(x_)", file=(0, 2, 1, 3),
          stage="feature_engineering"),
    moved("a cell run twice", f"{READ}rows_ = [1]", f"{FIT}rows_.append(2)",
          f"{FIT}rows_.append(2)", f"{SCORE}score_ = sum(rows_)", file=(0, 1, 3)),
    moved("a column scaled twice", f"{READ}import pandas as pd\n"
          "x_ = pd.DataFrame({'a': [1., 2]})", f"{FIT}x_['a'] *= 10",
          f"{FIT}x_['a'] *= 10", f"{SCORE}score_ = float(x_.a.sum())", file=(0, 1, 3)),
    moved("a counter", f"{READ}n_ = 0", f"{FIT}n_ += 1", f"{FIT}n_ += 1", f"{FIT}n_ += 1",
          f"{SCORE}score_ = n_", file=(0, 1, 4)),
    moved("a deleted setting", f"{READ}import os\nos.environ['OWN_'] = '5'",
          f"{SCORE}import os\nscore_ = int(os.environ.get('OWN_', 1))", file=(1,)),
    moved("a deleted cell that wrote a file", f"{READ}open('made_.txt', 'w').write('123')",
          f"{SCORE}import os\nscore_ = len(open('made_.txt').read()) "
          "if os.path.exists('made_.txt') else 0", file=(1,)),
    moved("a cell that never ran", f"{READ}rows_ = [1]", f"{SCORE}score_ = sum(rows_)",
          file=(0, f"{FIT}rows_ = [1, 1]", 1)),
    moved("an array changed in place twice", f"{READ}import numpy as np\nx_ = np.arange(4.0)",
          f"{FIT}x_ += 1", f"{FIT}x_ += 1", f"{SCORE}score_ = float(x_.sum())", file=(0, 1, 3)),
    moved("a metric before its data", f"{READ}rows_ = [1, 2]", f"{SCORE}score_ = sum(rows_)",
          file=(1, 0), alone=True),
)  # fmt: skip

DIFFERENT = (
    *RANDOM, *HASHES, *TIMES, *CHANCES, *FOLDERS, *INPUTS, *VARIABLES, *OUTSIDE, *HIDDEN,
)  # fmt: skip
