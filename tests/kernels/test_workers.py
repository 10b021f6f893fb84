"""Functions of cells in other processes: what is recorded leaves no trace in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.kernels import Starter, running

DEFINE = """\
import math
factor = 3

def scale(x, *, by=math.sqrt(16)):
    return factor * x * by

class Model:
    bias = math.floor(2.5)
    def predict(self, x):
        return scale(x) + self.bias

double = lambda x: 2 * x
"""

# In a process where importing our package fails, by whatever name it is asked for.
ALONE = """\
import cloudpickle, subprocess, sys, textwrap
code = textwrap.dedent('''
    import sys
    class Nobody:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "provenance_kernel":
                raise ModuleNotFoundError(name)
    sys.meta_path.insert(0, Nobody())
    import cloudpickle
    scale, model, double = cloudpickle.loads(sys.stdin.buffer.read())
    print(scale(2), model.predict(1), double(21))
''')
data = cloudpickle.dumps((scale, Model(), double))
print(subprocess.run([sys.executable, "-c", code], input=data, capture_output=True).stdout.decode())
print(b"provenance" in data)
"""

LIBRARIES = {
    "cloudpickle": ALONE,
    "joblib": (
        "from joblib import Parallel, delayed\n"
        "print(Parallel(n_jobs=2, backend='loky')(delayed(scale)(i) for i in range(4)))\n"
        "print(Parallel(n_jobs=2, backend='loky')(delayed(Model().predict)(i) for i in range(3)))"
    ),
    "multiprocessing_fork": (
        "import multiprocessing as mp\n"
        "with mp.get_context('fork').Pool(2) as pool:\n"
        "    print(pool.map(scale, range(4)), pool.map(Model().predict, range(3)))"
    ),
    "multiprocessing_spawn": (
        "import multiprocessing as mp\n"
        "with mp.get_context('spawn').Pool(2) as pool:\n"
        "    print(pool.map(math.factorial, range(5)))"
    ),
    "futures_processes": (
        "import multiprocessing as mp\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "with ProcessPoolExecutor(2, mp_context=mp.get_context('fork')) as pool:\n"
        "    print(list(pool.map(scale, range(4))))"
    ),
    "futures_threads": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(2) as pool:\n"
        "    print(list(pool.map(scale, range(4))))"
    ),
    "dask": (
        "import dask\n"
        "tasks = [dask.delayed(scale)(i) for i in range(4)]\n"
        "print(dask.compute(*tasks, scheduler='processes', num_workers=2))"
    ),
    "pickle": (
        "import pickle\n"
        "print(pickle.loads(pickle.dumps(scale)) is scale, pickle.loads(pickle.dumps(Model)).bias)"
    ),
    "source": "import inspect\nprint(inspect.getsource(scale))",
    "code": (
        "import dis, io\n"
        "out = io.StringIO()\n"
        "dis.dis(scale, file=out)\n"
        "print(out.getvalue(), scale.__kwdefaults__, scale.__code__.co_names, double.__code__)"
    ),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, tuple[str, str]]]:
    """What both kernels print for each of the cells."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for name in ("python3", "provenance"):
        with running(tmp_path_factory.mktemp("work"), name) as kernel:
            assert kernel.execute(DEFINE).status == "ok"
            found[name] = {}
            for library, cell in LIBRARIES.items():
                answer = kernel.execute(cell)
                found[name][library] = answer.status, answer.stdout
    return found


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_functions_of_cells_work_elsewhere(
    answers: dict[str, dict[str, tuple[str, str]]], library: str
) -> None:
    stock, ours = answers["python3"][library], answers["provenance"][library]
    if library == "code":
        # The address and the file's name differ from process to process.
        stock, ours = (
            (status, text.partition(" <code object")[0]) for status, text in (stock, ours)
        )
    assert ours == stock
    assert ours[0] == "ok"


def test_pickles_say_nothing_of_us(start: Starter, tmp_path: Path) -> None:
    kernel = start(tmp_path)
    kernel.execute(DEFINE)
    assert kernel.execute(ALONE).stdout.split() == ["24.0", "14.0", "42", "False"]


def test_workers_record_nothing(start: Starter, tmp_path: Path) -> None:
    from support.databases import DEFAULT, Archive

    kernel = start(tmp_path)
    kernel.execute(DEFINE)
    kernel.execute(LIBRARIES["multiprocessing_fork"])
    archive = Archive(kernel.work / DEFAULT)
    assert [run["status"] for run in archive.runs()] == ["ok", "ok"]
    assert len(archive.trials()) == 1
