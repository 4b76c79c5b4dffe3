"""How figures, phrases, tables and pictures are put: one way everywhere."""
