"""Where a principle meets an office: families, factors, twins, splits and the contract check."""
