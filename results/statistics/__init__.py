"""What can be said about a rate, a difference or a distribution that was sampled, and from which formula."""
