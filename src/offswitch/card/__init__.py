"""The report that someone else can read, check and reproduce."""
