"""What is taken from our kernel's messages is what it adds, and nothing else."""

from typing import Any

import pytest

from differential.additions import without

LISTED = {"matches": ["%prun", "%prov", "x"], "cursor_start": 0, "cursor_end": 1}
TYPES = [{"text": "%provenance", "type": "magic"}, {"text": "provenance", "type": "module"}]
OPENED = "('open', 'w.txt')\n('open', '<root>/folder/w.txt')\n"
OURS = "<bound method K.f of <provenance_kernel.kernel.ProvenanceKernel object at <address>>>"


@pytest.mark.parametrize(
    ("addition", "content", "left"),
    [
        ("magics", LISTED, LISTED | {"matches": ["%prun", "x"]}),
        ("magics", LISTED | {"matches": ["%prov"]}, LISTED | {"matches": [], "cursor_start": 1}),
        ("magics", {"types": TYPES}, {"types": TYPES[1:]}),
        ("magics", {"line": {"prov": "Other", "who": "Other"}}, {"line": {"who": "Other"}}),
        ("magics", "%pprint  %prov  %provenance  %prun", "%pprint  %prun"),
        ("magics", "%prov:\n    Ask.\n%prun:\n    Run.\n", "%prun:\n    Run.\n"),
        ("digesting", OPENED, "('open', 'w.txt')\n"),
        (
            "class",
            OURS,
            "<bound method K.f of <ipykernel.ipkernel.IPythonKernel object at <address>>>",
        ),
    ],
)
def test_additions_are_taken_away(addition: str, content: Any, left: Any) -> None:
    found = without([addition], {"shell": [{"content": content}]})
    assert found == {"shell": [{"content": left}]}


@pytest.mark.parametrize(
    ("addition", "content"),
    [
        ("magics", {"matches": [], "cursor_start": 0, "cursor_end": 1}),
        ("magics", {"matches": ["prov", "%%prov", "%proven"]}),
        ("magics", "the %prov magic, %provoke  %prun"),
        ("digesting", "('open', '<root>/folder/never.txt')\n('open', 'w.txt')\n"),
        ("digesting", "('open', 'w.txt')\n('open', '/elsewhere/w.txt')\n"),
        ("class", "<provenance_kernel.magics.Extension object>"),
    ],
)
def test_everything_else_is_kept(addition: str, content: Any) -> None:
    channels = {"iopub": [{"content": content}]}
    assert without([addition], channels) == channels
