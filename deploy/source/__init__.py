"""What writes the generated manifests of deploy/kubernetes."""
