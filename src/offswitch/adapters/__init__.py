"""The only doors outside: Hugging Face models, TRL, OpenAI-compatible endpoints, Inspect."""
