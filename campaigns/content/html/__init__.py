"""Read and rewrite the HTML that authors write."""
