"""Calls of the user's functions that others make: by `sys.monitoring`, or a profile function."""

import sys

if sys.version_info >= (3, 12):
    from provenance_kernel.trace.nested.monitoring import MonitoredCalls as NestedCalls
else:
    from provenance_kernel.trace.nested.profile import ProfiledCalls as NestedCalls

__all__ = ["NestedCalls"]
