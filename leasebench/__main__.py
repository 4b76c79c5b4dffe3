"""`python -m leasebench` is the `leasebench` command."""

from leasebench.bench.cli import main

if __name__ == "__main__":
    main()
