"""Reading and rewriting the HTML that authors write."""
