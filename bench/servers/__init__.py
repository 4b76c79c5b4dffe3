"""Where the plan version store lives: embedded, a server on PATH, or one that is running already."""
