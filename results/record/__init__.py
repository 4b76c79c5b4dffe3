"""What the files of a run directory hold: one module of frozen values a file. `bench` writes them, `results` reads."""
