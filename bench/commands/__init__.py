"""The commands: one small file each, a function that typer reads; `bench.cli` puts them together."""
