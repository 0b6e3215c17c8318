"""What ipyclaude costs, as ratios against the raw library in the same run."""
