"""What is compared: guards, and the lease managers that they may use."""
