"""`python -m provenance_kernel.cli` is `jupyter provenance` of this interpreter."""

from provenance_kernel.cli.group import main

if __name__ == "__main__":
    main(prog_name="jupyter provenance")
