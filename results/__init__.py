"""What comes out: histories, checks, figures, pictures. Reads run directories only."""
