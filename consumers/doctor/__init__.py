"""What `dispatcher doctor` looks at: each check yields findings, every finding names its cure."""
