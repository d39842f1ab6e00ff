"""What we ask of an agent: principles as prose, and the principal hierarchy."""
