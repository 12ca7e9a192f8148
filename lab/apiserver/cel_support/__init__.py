"""CEL as Kubernetes speaks it: compiled and cached expressions, and the functions that Kubernetes adds."""
