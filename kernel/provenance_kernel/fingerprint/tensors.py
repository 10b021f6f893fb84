"""Taking apart torch's tensors, scipy's sparse matrices and trees; neither is imported here."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from provenance_kernel.fingerprint import encoding
from provenance_kernel.fingerprint.builtin import hash_buffer
from provenance_kernel.fingerprint.registry import (
    Parts,
    handles,
    mro_of,
    namespace_of,
    qualified_name,
)
from provenance_kernel.fingerprint.walk import Unreadable, Walk

_COPY = 1.0  # nominal nanoseconds for a byte brought from another device
_SORTED = 100.0  # nominal nanoseconds for one element of a sparse tensor put into order
_FROM_DEVICE = 64 << 20  # bytes brought from another device for a sample
_SPARSE = ("data", "indices", "indptr", "row", "col", "coords", "offsets", "rows", "_dict")


@handles("torch.Tensor", "torch._tensor.Tensor", name="torch.Tensor")
@handles("torch.nn.Parameter", "torch.nn.parameter.Parameter", name="torch.nn.Parameter")
def _tensor(walk: Walk, value: Any) -> Parts:
    torch = sys.modules["torch"]
    # A subclass may take over every function that it is given to.
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        leaf = torch.Tensor.is_leaf.__get__(value)
        gradient = torch.Tensor.grad.__get__(value) if leaf else None
        tensor = torch.Tensor.detach(value)
        graded = torch.Tensor.requires_grad.__get__(value)
        head = encoding.name(f"{tensor.dtype} {tuple(tensor.shape)} {graded}")
        layout = str(tensor.layout)
        if layout == "torch.strided":
            content = _dense(walk, tensor, torch)
            inner: tuple[Any, ...] = ()
        else:
            content = encoding.name(layout)
            inner = _compressed(walk, tensor, layout)
    for part in inner:
        content += yield part
    return head + content + (yield gradient)


def _compressed(walk: Walk, tensor: Any, layout: str) -> tuple[Any, ...]:
    if layout == "torch.sparse_coo":
        if not tensor.is_coalesced() and not walk.spend(tensor._nnz() * _SORTED):
            raise Unreadable
        tensor = tensor.coalesce()
        return tensor.indices(), tensor.values()
    if layout in ("torch.sparse_csr", "torch.sparse_bsr"):
        return tensor.crow_indices(), tensor.col_indices(), tensor.values()
    if layout in ("torch.sparse_csc", "torch.sparse_bsc"):
        return tensor.ccol_indices(), tensor.row_indices(), tensor.values()
    raise Unreadable


def _dense(walk: Walk, tensor: Any, torch: Any) -> bytes:
    if tensor.device.type == "meta" or tensor.is_quantized:
        raise Unreadable
    nbytes = tensor.numel() * tensor.element_size()
    walk.reaches(-tensor.untyped_storage().data_ptr())
    if not nbytes:
        return b"0"
    if tensor.device.type != "cpu":
        if walk.samples(nbytes, _FROM_DEVICE):
            walk.partial = True
            return b"?" + encoding.size(nbytes)
        if not walk.spend(nbytes * _COPY):
            walk.partial = True
            return b"?" + encoding.size(nbytes)
        tensor = tensor.cpu()
    tensor = tensor.resolve_conj().resolve_neg()
    if not tensor.is_contiguous():
        if walk.samples(nbytes, 1 << 20):
            flat = torch.linspace(0, tensor.numel() - 1, 4096, dtype=torch.float64).long()
            tensor = tensor[torch.unravel_index(flat, tensor.shape)]
            nbytes = tensor.numel() * tensor.element_size()
        elif not walk.spend(nbytes * 0.6):
            walk.partial = True
            return b"?" + encoding.size(nbytes)
        tensor = tensor.contiguous()
    elif walk.samples(nbytes, 1 << 20):
        # The same elements as of a tensor in another layout.
        flat = torch.linspace(0, tensor.numel() - 1, 4096, dtype=torch.float64).long()
        tensor = tensor.reshape(-1)[flat]
        nbytes = tensor.numel() * tensor.element_size()
    # Through its address, for numpy need not be there and does not know every dtype.
    memory = (ctypes.c_char * nbytes).from_address(tensor.data_ptr())
    return hash_buffer(walk, memory, nbytes)


@handles("torch.dtype", "torch.device", "torch.layout", "torch.Size", mutable=False)
def _named(walk: Walk, value: Any) -> Parts:
    return encoding.name(str(value))
    yield


@handles("torch._C.Generator", adapted=True)
def _generator(walk: Walk, value: Any) -> Parts:
    return (yield value.get_state())


@handles("scipy.sparse._base._spbase", "scipy.sparse.base.spmatrix")
def _sparse(walk: Walk, value: Any) -> Parts:
    # What scipy notes of a matrix as it computes, such as whether indices are sorted, is left out.
    state = object.__getattribute__(value, "__dict__")
    parts = [encoding.name(type(value).__name__), (yield tuple(dict.get(state, "_shape", ())))]
    for name in _SPARSE:
        if name in state:
            parts.append(encoding.name(name))
            parts.append((yield state[name]))
    return b"".join(parts)


@handles("scipy.spatial._ckdtree.cKDTree", "scipy.spatial.ckdtree.cKDTree", extended=True)
def _tree(walk: Walk, value: Any) -> Parts:
    # Its state has addresses in it. How it was built shows in the order that the points have.
    (kind,) = (base for base in mro_of(type(value)) if qualified_name(base).endswith(".cKDTree"))
    get = namespace_of(kind)
    parts = []
    for name in ("data", "indices", "leafsize", "boxsize"):
        parts.append((yield get[name].__get__(value)))
    return b"".join(parts)


@handles("torch.optim.optimizer.Optimizer", "torch.optim.Optimizer")
def _optimizer(walk: Walk, value: Any) -> Parts:
    # As torch itself pickles and copies one: without its hooks.
    state = object.__getattribute__(value, "__dict__")
    parts = []
    for name in ("defaults", "param_groups", "state"):
        parts.append((yield dict.get(state, name)))
    return b"".join(parts)
