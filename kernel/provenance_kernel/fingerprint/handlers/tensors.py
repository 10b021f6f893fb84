"""Taking apart torch's tensors, scipy's sparse matrices and trees; neither is imported here."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from provenance_kernel.fingerprint import encoding
from provenance_kernel.fingerprint.handlers.builtin import hash_buffer
from provenance_kernel.fingerprint.registry import consists_of, handles
from provenance_kernel.fingerprint.walk import Parts, Unreadable, Walk, joined
from provenance_kernel.inspection import instance_attribute

_COPY = 1.0  # nominal nanoseconds for a byte brought from another device
_SORTED = 100.0  # nominal nanoseconds for one element of a sparse tensor put into order
_FROM_DEVICE = 64 << 20  # bytes brought from another device for a sample
_SPARSE = ("data", "indices", "indptr", "row", "col", "coords", "offsets", "rows", "_dict")


def _shape(value: Any) -> tuple[int, ...]:
    torch = sys.modules["torch"]
    with torch._C.DisableTorchFunctionSubclass():
        return tuple(torch.Tensor.shape.__get__(value))


def _text(value: Any, limit: int) -> str:
    torch = sys.modules["torch"]
    with torch._C.DisableTorchFunctionSubclass():
        dtype = str(torch.Tensor.dtype.__get__(value)).removeprefix("torch.")
    return f"{type(value).__name__.lower()}(shape={_shape(value)}, dtype={dtype})"


@handles("torch.Tensor", measure=_shape, describe=_text)
@handles("torch.nn.Parameter")
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
    return head + content + (yield from joined(*inner, gradient))


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
        if walk.samples(nbytes, _FROM_DEVICE) or not walk.spend(nbytes * _COPY):
            return b"?" + encoding.size(nbytes)
        tensor = tensor.cpu()
    tensor = tensor.resolve_conj().resolve_neg()
    if walk.samples(nbytes, 1 << 20):
        # The same elements whatever the layout.
        at = torch.linspace(0, tensor.numel() - 1, 4096, dtype=torch.float64).long()
        if tensor.is_contiguous():
            tensor = tensor.reshape(-1)[at]
        else:
            tensor = tensor[torch.unravel_index(at, tensor.shape)]
        nbytes = tensor.numel() * tensor.element_size()
    elif not tensor.is_contiguous() and not walk.spend(nbytes * 0.6):
        return b"?" + encoding.size(nbytes)
    tensor = tensor.contiguous()
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


def _sparse_shape(value: Any) -> tuple[int, ...]:
    return tuple(map(int, instance_attribute(value, "_shape")))


@handles("scipy.sparse._base._spbase", "scipy.sparse.base.spmatrix", measure=_sparse_shape)
def _sparse(walk: Walk, value: Any) -> Parts:
    # What scipy notes of a matrix as it computes, such as whether indices are sorted, is left out.
    state = object.__getattribute__(value, "__dict__")
    parts = [encoding.name(type(value).__name__), (yield tuple(dict.get(state, "_shape", ())))]
    for name in _SPARSE:
        if name in state:
            parts.append(encoding.name(name))
            parts.append((yield state[name]))
    return b"".join(parts)


# A tree's state has addresses in it. How it was built shows in the order that the points have.
consists_of(
    "scipy.spatial._ckdtree.cKDTree",
    "scipy.spatial.ckdtree.cKDTree",
    names="data indices leafsize boxsize",
    extended=True,
)
# As torch itself pickles and copies one: without its hooks.
consists_of("torch.optim.optimizer.Optimizer", names="defaults param_groups state")
