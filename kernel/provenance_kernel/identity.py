"""The identity of an object, as a number."""

from __future__ import annotations

# What `id` says, with its bits turned. `id` itself raises an audit event, which costs five times
# as much as the answer once a process has an audit hook, and ours has one.
identity = object.__hash__
