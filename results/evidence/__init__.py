"""What a trial left behind, read back: the store's history, the journals of its processes, and their clocks."""
