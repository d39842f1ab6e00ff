"""What to teach and in what order: recipe, stage, ingredient. Stages are data; only an adapter runs them."""
