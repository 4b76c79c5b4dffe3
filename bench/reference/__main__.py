"""`python -m leasebench.bench.reference DIRECTORY` writes the reference from the code, with the plug-ins installed."""

import sys
from pathlib import Path

from leasebench.bench.reference.writing import write_into

if __name__ == "__main__":
    for path in write_into(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference")):
        print(path)
