"""What tests of ipyclaude, and of things built on it, may use."""
