"""Which station trusts which root, how a root is rolled over, and who would lose us by a change."""
