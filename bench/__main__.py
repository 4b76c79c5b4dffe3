"""`python -m bench` is the `leasebench` command."""

from bench.cli import main

if __name__ == "__main__":
    main()
