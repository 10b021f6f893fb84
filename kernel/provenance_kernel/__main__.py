"""Launch the kernel: `python -m provenance_kernel -f CONNECTION_FILE`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # As ipykernel's launcher does: what lies in the working directory must not shadow what is
    # imported now. InteractiveShellApp.init_path() puts it back for the user's code.
    first = sys.path[0]
    in_folder = first == "" or Path(first) == Path.cwd()
    if in_folder:
        del sys.path[0]

    from ipykernel._version import version_info
    from ipykernel.kernelapp import IPKernelApp

    from provenance_kernel.kernel import ProvenanceKernel

    if in_folder and first and version_info < (6, 29, 2):
        # Until this version the launcher takes out no more than "", and code of the user's finds
        # the folder's modules before those of the standard library.
        sys.path.insert(0, first)

    IPKernelApp.launch_instance(kernel_class=ProvenanceKernel)
