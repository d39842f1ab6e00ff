"""Judges that ship: each reads a blinded view, none needs a network."""
