"""Train small metric heads on procedurally rendered scenes."""
