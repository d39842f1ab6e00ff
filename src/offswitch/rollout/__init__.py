"""A policy lives through a world: policy, episode, trajectory, ending."""
