"""What the kernel costs, beside its peers; each file prints a small table and one line of JSON."""
