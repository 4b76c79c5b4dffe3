"""The engine `processes`: real operating-system processes, real time, real signals."""
