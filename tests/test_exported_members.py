"""The public surface of the package."""

import inspect

import provenance_kernel


def test_the_public_names_are_sorted_and_documented():
    names = provenance_kernel.__all__
    assert names == [
        "compare",
        "lineage",
        "metric",
        "refresh",
        "results",
        "slice",
        "stale",
        "track",
        "trial",
        "trials",
        "values",
        "verify",
    ]
    assert all(inspect.isfunction(getattr(provenance_kernel, name)) for name in names)
    assert all(inspect.getdoc(getattr(provenance_kernel, name)) for name in names)
    assert set(names) <= set(dir(provenance_kernel))
