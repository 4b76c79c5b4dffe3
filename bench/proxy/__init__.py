"""The way between one process and its servers, where a network fault leads it through a proxy of its own."""
