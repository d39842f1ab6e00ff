"""From trajectories to honest numbers: verdict, estimate, contrast, table."""
