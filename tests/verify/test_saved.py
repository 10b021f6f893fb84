"""Outputs as files hold them: what counts as the same, and what does not."""

from __future__ import annotations

import pytest

from provenance_kernel.verify.differences import Tolerance
from provenance_kernel.verify.saved import compare_outputs

CASES = {
    "the same": ("9", "9", "identical"),
    "an address": ("<A at 0x7f0011223344>", "<A at 0x7f9988776655>", "identical"),
    "a scalar that says its type": ("9", "np.int64(9)", "equal"),
    "scalars in a tuple": ("(1.5, True)", "(np.float64(1.5), np.True_)", "equal"),
    "a text of numpy's": ("'ab'", "np.str_('ab')", "equal"),
    "another scalar": ("9", "np.int64(8)", "different"),
    "the other truth": ("True", "np.False_", "different"),
    "a last digit": ("0.30000000000000004", "0.3", "equal"),
    "another number": ("0.31", "0.3", "different"),
    "another text": ("ann", "bob", "different"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_shown_is_compared_by_what_it_says(name: str) -> None:
    saved, shown, verdict = CASES[name]
    one, other = (
        [{"output_type": "execute_result", "data": {"text/plain": text}, "metadata": {}}]
        for text in (saved, shown)
    )
    assert compare_outputs(one, other, Tolerance())[0] == verdict
