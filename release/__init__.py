"""What a release is made with: its bill of materials, the audit of its dependencies, its notes."""
