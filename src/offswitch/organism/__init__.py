"""The embedded default model: a tiny language model, made from scratch, that has learned to preserve itself."""
