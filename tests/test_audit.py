"""The process's one audit hook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from provenance_kernel.audit import listen


def test_a_listener_hears_its_events_and_no_others() -> None:
    heard: list[tuple[str, tuple[object, ...]]] = []
    listen(["test.first", "test.second"], lambda event, args: heard.append((event, args)))
    sys.audit("test.first", 1)
    sys.audit("test.first.more", 2)
    sys.audit("test.second")
    assert heard == [("test.first", (1,)), ("test.second", ())]


def test_a_kernel_has_one_hook(tmp_path: Path) -> None:
    """Each one more costs the user's code at each event, a tenth of a microsecond."""
    code = "import sys\nadded = []\n"
    code += "sys.addaudithook(lambda e, _: added.append(e) if e == 'sys.addaudithook' else None)\n"
    code += "from pathlib import Path\nfrom provenance_kernel.recorder import Recorder, Request\n"
    code += "from provenance_kernel.settings import Settings\n"
    code += "from IPython.core.interactiveshell import InteractiveShell\n"
    code += "recorder = Recorder(Settings(), notebook=lambda: 'a.ipynb', folder=Path.cwd(), "
    code += "say=print, shell=InteractiveShell())\n"
    code += "recorder.begin(Request('x = 1'))\nrecorder.replied()\nrecorder.settle()\n"
    code += "print(len(added))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == ["1"]
