"""Two kernels side by side: every case runs in both, at the same time and in the same order."""

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from differential.additions import without
from differential.normalise import difference, normalise, places
from differential.protocol import Kernel, import_root
from differential.steps import Case

# After 0.4 s, IPython leaves out the types of what it completes: too soon for a busy machine.
OPTIONS = ("-f", "{connection_file}", "--IPCompleter.jedi_compute_type_timeout=60000")
STOCK = (sys.executable, "-m", "ipykernel_launcher", *OPTIONS)
OURS = (sys.executable, "-m", "provenance_kernel", *OPTIONS)


def _installed(package: str, folder: Path) -> Path:
    """A folder that has the package as an installation has it: debuggers step over what is there.

    Wherever the package was found by whoever runs this, both kernels find it too.
    """
    place = folder / "site-packages"
    place.mkdir()
    (place / package).symlink_to(import_root(package) / package, target_is_directory=True)
    return place


class Pair:
    """Keeps two kernels running between cases and replaces both when a case leaves them unusable.

    Both see the same environment, and folders whose names have the same length, so that nothing
    that is wrapped or aligned to a path differs.
    """

    def __init__(
        self,
        folder: Path,
        stock: Sequence[str] = STOCK,
        ours: Sequence[str] = OURS,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._argvs = (stock, ours)
        self._env = env or {"PYTHONPATH": str(_installed("provenance_kernel", folder))}
        self._started = 0
        self._kernels: tuple[Kernel, Kernel] | None = None
        self._threads = ThreadPoolExecutor(2)

    def compare(self, case: Case) -> str:
        """What differs between the two kernels' messages, as a unified diff; empty if nothing."""
        kernels = self._running()
        usable = False
        try:
            transcripts = list(self._threads.map(lambda kernel: kernel.run(case), kernels))
            usable = not case.fresh
        finally:
            if not usable:
                self.stop()
        stock, ours = (
            normalise(
                transcript,
                places(kernel.root),
                concurrent=case.concurrent,
                debugging=case.debugging,
            )
            for transcript, kernel in zip(transcripts, kernels, strict=True)
        )
        return difference(stock, without(case.adds, ours))

    def _running(self) -> tuple[Kernel, Kernel]:
        if self._kernels is None:
            self._started += 1
            one, other = (
                Kernel(argv, self._folder / f"{self._started:03d}{side}", self._env)
                for argv, side in zip(self._argvs, "ab", strict=True)
            )
            self._kernels = one, other
            list(self._threads.map(lambda kernel: kernel.start(), self._kernels))
        return self._kernels

    def stop(self) -> None:
        """Kills both kernels; the next case gets new ones."""
        for kernel in self._kernels or ():
            kernel.close()
        self._kernels = None

    def close(self) -> None:
        """Stops the kernels and the threads that drive them."""
        self.stop()
        self._threads.shutdown()
