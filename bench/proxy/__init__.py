"""The route between one process and its servers, where a network fault puts a proxy into it."""
